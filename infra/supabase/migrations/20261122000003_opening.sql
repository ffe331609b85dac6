-- The functions of `orchestrate`: begin a batch, read the history of a chunk of records, open them, note the progress.

-- What the source's ledger does not know yet, the oldest first. A wait without an end is noted for 90 days, so that a ledger
-- that knows more than the database (after a restore) hides nothing for ever.
create function ledger_rows(p_limit integer, p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(jsonb_build_object(
        'record_key', record_key, 'content_hash', content_hash,
        'again', verdict not in ('waiting', 'asked'), 'next_turn', least(next_turn, p_now + interval '90 days'),
        'noted_at', changed_at
    ) order by changed_at), '[]')
    from (select * from turns where ledger_due order by changed_at limit p_limit) as due
);

-- Rows are locked in one order everywhere, so that no two runs wait for each other.
create function lock_turns(p_turns jsonb) returns void
language sql set search_path = public, pg_temp
begin atomic
    select from turns
    where (record_key, content_hash) in (
        select record_key, content_hash from jsonb_to_recordset(p_turns) as r (record_key text, content_hash text)
    )
    order by record_key, content_hash for update;
end;

-- The source's ledger has these rows: `p_ledgered` is [{record_key, content_hash, noted_at}]. One that has changed meanwhile
-- stays due. Returns the next ones, at most `p_limit`.
create function note_ledgered(
    p_ledgered jsonb, p_limit integer, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
begin
    perform lock_turns(p_ledgered);
    update turns as t set ledger_due = false
    from jsonb_to_recordset(p_ledgered) as r (record_key text, content_hash text, noted_at timestamptz)
    where t.record_key = r.record_key and t.content_hash = r.content_hash and t.changed_at = r.noted_at and t.ledger_due;
    return ledger_rows(p_limit, p_now);
end
$$;

-- Claims the batch's name. Starts nothing when another run has the name. Also returns what a run must know before it pays for a
-- query: rows for the source's ledger, what the day has taken, and until when nobody may call the vendor.
create function begin_batch(
    p_batch_id text,
    p_run_id uuid,
    p_trigger text,
    p_request jsonb,
    p_policy text,
    p_policy_version text,
    p_vendor text,
    p_ledger_limit integer,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    today daily_usage;
begin
    insert into batches (id, run_id, trigger, request, policy, policy_version, created_at)
    values (p_batch_id, p_run_id, p_trigger, p_request, p_policy, p_policy_version, p_now)
    on conflict (id) do nothing;
    if not exists (select from batches where id = p_batch_id and run_id = p_run_id) then
        return jsonb_build_object('started', false, 'noted', '[]'::jsonb, 'used', 0, 'again', 0);
    end if;
    select * into today from daily_usage where day = (p_now at time zone 'UTC')::date;
    return jsonb_build_object(
        'started', true, 'noted', ledger_rows(p_ledger_limit, p_now), 'used', coalesce(today.used, 0),
        'again', coalesce(today.again, 0), 'paused_until', (
            -- an outage or a refused account keeps no new records out: they tell it from a few that make the vendor fail
            select until from vendor_breakers where vendor = p_vendor and until > p_now and cause = 'daily_limit'
        )
    );
end
$$;

-- Gives back the name of a batch that took nothing, because the source did not answer.
create function abandon_batch(p_batch_id text, p_run_id uuid) returns void
language sql set search_path = public, pg_temp
begin atomic
    delete from batches where id = p_batch_id and run_id = p_run_id and taken = 0 and closed_at is null;
end;

-- What is left of the weight of something counted at a time: it halves with each half-life.
create function weight_left(
    p_counted_at timestamptz, p_half_life_days double precision, p_now timestamptz
) returns double precision
language sql immutable set search_path = public, pg_temp
-- after 100 half-lives nothing is left, and beyond 1,000 the power would be an error
return power(0.5::double precision, least(
    greatest(coalesce(extract(epoch from p_now - p_counted_at), 0)::double precision, 0) / 86400 / p_half_life_days, 100
));

-- The history of each record: `p_records` is [{record_key, manufacturer_key, content_hash}].
-- `opened_last`: no other content of the record was opened since. Returns
-- {records: {record_key: {skip?, again, opened_last, recent_failures}}, manufacturers: {key: {attempts, successes}},
-- daily_used, daily_again, rejected_before: [content_hash]}.
create function read_known(
    p_records jsonb,
    p_rejected text[],
    p_failed_after timestamptz,
    p_half_life_days double precision,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    with asked as (
        select * from jsonb_to_recordset(p_records) as r (record_key text, manufacturer_key text, content_hash text)
    ),

    known as (
        select
            asked.record_key,
            case
                when exists (
                    select from manual_tasks as m
                    where m.record_key = asked.record_key and m.state in ('initialized', 'processing')
                ) then 'open_manual_task'
                when records.open then 'in_flight'
                when turns.next_turn <= p_now then null
                when turns.verdict in ('completed', 'failed') and turns.by is not null then 'decided_by_a_person'
                when turns.verdict = 'completed' then 'recently_completed'
                when turns.verdict = 'failed' then 'recently_failed'
            end as skip,
            coalesce(turns.verdict not in ('waiting', 'asked'), false) as again,
            records.content_hash = asked.content_hash as opened_last,
            (
                select count(*) from automation_tasks as t
                where t.record_key = asked.record_key and t.state = 'failed' and t.finished_at > p_failed_after
            ) as recent_failures
        from asked
        inner join records using (record_key)
        left join turns on turns.record_key = asked.record_key and turns.content_hash = asked.content_hash
    )

    select jsonb_build_object(
        'records', (
            select coalesce(jsonb_object_agg(
                record_key,
                jsonb_strip_nulls(jsonb_build_object(
                    'skip', skip, 'again', again, 'opened_last', opened_last, 'recent_failures', recent_failures
                ))
            ), '{}') from known
        ),
        'manufacturers', (
            select coalesce(jsonb_object_agg(
                key, jsonb_build_object(
                    'attempts', round((attempts * weight)::numeric, 3), 'successes', round((successes * weight)::numeric, 3)
                )
            ), '{}')
            from manufacturers
            cross join lateral weight_left(counted_at, p_half_life_days, p_now) as weight
            where key = any (array(select manufacturer_key from asked))
        ),
        'rejected_before', (
            select coalesce(jsonb_agg(content_hash), '[]')
            from turns where record_key = any (p_rejected) and verdict = 'rejected'
        ),
        'daily_used', (
            select coalesce(max(used), 0) from daily_usage where day = (p_now at time zone 'UTC')::date
        ),
        'daily_again', (
            select coalesce(max(again), 0) from daily_usage where day = (p_now at time zone 'UTC')::date
        )
    )
);

-- One item of `open_tasks`; `place` is its order, `returned` says that its content was replaced and is back.
create type opening as (
    place bigint, record_key text, pn text, manufacturer text, manufacturer_key text, content_hash text, source_record jsonb,
    route route, priority task_priority, rule text, reason text, confidence numeric, features jsonb, comparisons jsonb,
    policy text, policy_version text, returned boolean
);

-- The items of `open_tasks`, typed, in their order.
create function items_to_open(p_items jsonb) returns opening[]
language sql immutable set search_path = public, pg_temp
return (
    select coalesce(array_agg(
        jsonb_populate_record(null::opening, i.item || jsonb_build_object('place', i.place)) order by i.place
    ), '{}')
    from jsonb_array_elements(p_items) with ordinality as i (item, place)
);

-- No decision of a batch is older than its beginning: earlier months need not be looked at.
create function batch_began(p_batch_id text) returns timestamptz
language sql stable set search_path = public, pg_temp
return (select created_at from batches where id = p_batch_id);

-- The decision of a batch about a record. The limit makes each look-up one of its own, by index, however large the batch is; no
-- month before `p_begun`, the batch's beginning, is looked at.
create function decision_of(p_batch_id text, p_record_key text, p_begun timestamptz) returns table (id uuid)
language sql stable rows 1
begin atomic
    select d.id from decisions as d
    where d.batch_id = p_batch_id and d.record_key = p_record_key and d.decided_at >= p_begun limit 1;
end;

-- The items that may be opened now, in their order, with the number of their record's openings so far.
-- `p_regardless`: whatever the verdict on their content is. That a content is back counts when another one was opened since,
-- whatever the source's ledger knows.
create function openable(
    p_batch_id text, p_begun timestamptz, items opening[], p_regardless boolean, p_now timestamptz
) returns table (place bigint, record_key text, openings integer, again boolean)
language sql stable rows 100 set search_path = public, pg_temp
begin atomic
    select i.place, i.record_key, r.openings, coalesce(t.verdict not in ('waiting', 'asked'), false)
    from unnest(items) as i
    left join records as r on r.record_key = i.record_key
    left join turns as t on t.record_key = i.record_key and t.content_hash = i.content_hash
    where not coalesce(r.open, false)
        and (
            t.verdict is null or t.verdict not in ('completed', 'failed') or t.next_turn <= p_now or p_regardless
            or (i.returned and r.content_hash <> i.content_hash)
        )
        and not exists (select from decision_of(p_batch_id, i.record_key, p_begun))
        and not exists (
            select from manual_tasks as m where m.record_key = i.record_key and m.state in ('initialized', 'processing')
        )
    order by i.place;
end;

-- Claims these records: the insert is the mutex. A record that another run has opened meanwhile, even if that has ended already,
-- has other `openings` than were seen, and is left out. Returns the keys that are claimed.
create function claim_records(items opening[], p_places bigint[], p_openings integer[]) returns text[]
language plpgsql set search_path = public, pg_temp as $$
declare
    claimed text[];
begin
    with chosen as (
        select i.*, seen.openings as seen
        from unnest(p_places, p_openings) as seen (place, openings)
        inner join unnest(items) as i on i.place = seen.place
    ),

    won as (
        insert into records as r (record_key, pn, manufacturer, open, content_hash)
        select record_key, pn, manufacturer, true, content_hash from chosen order by record_key
        on conflict (record_key) do update
        set open = true, openings = r.openings + 1, pn = excluded.pn, manufacturer = excluded.manufacturer,
            content_hash = excluded.content_hash
        where not r.open
            and r.openings = (select c.seen from chosen as c where c.record_key = r.record_key)
        returning r.record_key
    )

    select coalesce(array_agg(record_key), '{}') into claimed from won;
    return claimed;
end
$$;

-- Counts in the day's quota; false when there is less room. The lock on the day's row is held from here to the commit, so this
-- is called last.
create function count_usage(
    p_day date, p_opened integer, p_again integer, p_daily_limit integer
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
begin
    insert into daily_usage as d (day, used, again, quota) values (p_day, p_opened, p_again, p_daily_limit)
    on conflict (day) do update
    set used = d.used + p_opened, again = d.again + p_again, quota = greatest(p_daily_limit, d.used + p_opened)
    where p_opened = 0 or d.used + p_opened <= p_daily_limit;
    return found;
end
$$;

-- Stores the decisions and tasks of claimed items, which are in the order of their place.
create function store_openings(
    p_batch_id text,
    items opening[],
    p_manual_batch_size integer,
    p_due_seconds jsonb,
    p_sweep_grace_seconds double precision,
    p_reprocess_seconds double precision,
    p_now timestamptz
) returns void
language plpgsql set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    manual opening[];
    placed integer := 0;
    batch_size integer := greatest(p_manual_batch_size, 1);
    begun timestamptz := batch_began(p_batch_id);
begin
    insert into turns as t (record_key, content_hash, verdict, reprocess, changed_at)
    select
        record_key, content_hash, case route when 'automation' then 'in_flight' else 'with_a_person' end::turn_verdict,
        make_interval(secs => p_reprocess_seconds), p_now
    from unnest(items) order by record_key
    on conflict (record_key, content_hash) do update
    set verdict = excluded.verdict, by = null, note = null, reprocess = excluded.reprocess,
        next_turn = null, changed_at = greatest(p_now, t.changed_at + interval '1 microsecond'),
        ledger_due = true;

    insert into decisions (
        batch_id, record_key, pn, manufacturer, route, priority, rule, reason, confidence, features, comparisons, policy,
        policy_version, content_hash, decided_at
    )
    select
        p_batch_id, record_key, pn, manufacturer, route, priority, rule, reason, confidence, features, comparisons, policy,
        policy_version, content_hash, greatest(p_now, begun)
    from unnest(items) order by place;

    insert into automation_tasks (
        batch_id, decision_id, record_key, pn, manufacturer, manufacturer_key, content_hash, source_record, priority,
        rule, sweep_after, created_at, updated_at
    )
    select
        p_batch_id, d.id, i.record_key, i.pn, i.manufacturer, i.manufacturer_key, i.content_hash, i.source_record, i.priority,
        i.rule,
        p_now + make_interval(secs => p_sweep_grace_seconds), p_now, p_now
    from unnest(items) as i
    cross join lateral decision_of(p_batch_id, i.record_key, begun) as d
    where i.route = 'automation' order by i.place;

    select coalesce(array_agg(i order by i.place), '{}') into manual from unnest(items) as i where i.route = 'manual';
    while placed < cardinality(manual) loop
        insert into manual_tasks (
            batch_id, decision_id, record_key, pn, manufacturer, manufacturer_key, content_hash, source_record, type, priority,
            rule, reason, due_at, created_at, updated_at
        )
        select
            p_batch_id, d.id, i.record_key, i.pn, i.manufacturer, i.manufacturer_key, i.content_hash, i.source_record,
            'workflow_generated', i.priority, i.rule, i.reason,
            p_now + make_interval(secs => (p_due_seconds ->> i.priority::text)::double precision), p_now, p_now
        from unnest(manual[placed + 1:placed + batch_size]) as i
        cross join lateral decision_of(p_batch_id, i.record_key, begun) as d
        order by i.place;
        placed := placed + batch_size;
    end loop;
end
$$;

-- Stores rejected rows, each once while its content stays the same. Returns the number of new ones.
create function reject_rows(p_batch_id text, p_rejected jsonb, p_now timestamptz) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    refused integer;
begin
    with rejected as (
        select distinct on (content_hash) *
        from jsonb_to_recordset(p_rejected) as r (
            pn text, manufacturer text, reason text, content_hash text, source_record jsonb
        )
        order by content_hash
    ),

    new as (
        insert into turns (record_key, content_hash, verdict, reprocess, changed_at)
        select content_hash, content_hash, 'rejected', interval '0', p_now from rejected
        on conflict do nothing
        returning content_hash
    )

    insert into decisions (
        batch_id, pn, manufacturer, route, rule, reason, confidence, content_hash, source_record, decided_at
    )
    select p_batch_id, pn, manufacturer, 'rejected', 'rejected', reason, 1, content_hash, source_record,
        greatest(p_now, batch_began(p_batch_id))
    from rejected inner join new using (content_hash);
    get diagnostics refused = row_count;
    return refused;
end
$$;

-- Opens what may be opened, within the room that the day has now. Returns the number beyond it. SY001 when another run has used
-- that room meanwhile.
create function try_to_open(
    p_batch_id text,
    items opening[],
    p_rejected jsonb,
    p_daily_limit integer,
    p_manual_batch_size integer,
    p_due_seconds jsonb,
    p_sweep_grace_seconds double precision,
    p_reprocess_seconds double precision,
    p_regardless boolean,
    p_now timestamptz
) returns integer
language plpgsql set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    today date := (p_now at time zone 'UTC')::date;
    room integer;
    eligible integer;
    places bigint[];
    openings integer[];
    again_keys text[];
    claimed text[];
    refused integer;
begin
    select greatest(p_daily_limit - coalesce(max(used), 0), 0) into room from daily_usage where day = today;
    select
        count(*), (coalesce(array_agg(o.place order by o.place), '{}'))[1:room],
        (coalesce(array_agg(o.openings order by o.place), '{}'))[1:room],
        coalesce(array_agg(o.record_key) filter (where o.again), '{}')
    into eligible, places, openings, again_keys
    from openable(p_batch_id, batch_began(p_batch_id), items, p_regardless, p_now) as o;

    claimed := claim_records(items, places, openings);
    perform store_openings(
        p_batch_id,
        (select coalesce(array_agg(i order by i.place), '{}') from unnest(items) as i where i.record_key = any (claimed)),
        p_manual_batch_size, p_due_seconds, p_sweep_grace_seconds, p_reprocess_seconds, p_now
    );
    refused := reject_rows(p_batch_id, p_rejected, p_now);
    update batches set taken = taken + cardinality(claimed) + refused where id = p_batch_id;
    if not count_usage(
        today, cardinality(claimed),
        (select count(*) from unnest(claimed) as key where key = any (again_keys))::integer, p_daily_limit
    ) then
        raise exception 'the room of % was used by another run', today using errcode = 'SY001';
    end if;
    return eligible - cardinality(places);
end
$$;

-- Opens records in the given order until the day's quota is used. The insert is the claim; decision and task are stored with it
-- or not at all. `p_items` holds one item per record, as `items_to_open` reads it; `p_rejected` is [{pn, manufacturer, reason,
-- content_hash, source_record}]; `p_due_seconds` is {priority: seconds}. A repeated call opens nothing more and returns the same.
-- Returns {automation: [{id, record_key, priority}], manual, over_limit, claimed_elsewhere, rejected}; a row that another run
-- rejected meanwhile is not among `rejected`.
create function open_tasks(
    p_batch_id text,
    p_items jsonb,
    p_rejected jsonb,
    p_daily_limit integer,
    p_manual_batch_size integer,
    p_due_seconds jsonb,
    p_sweep_grace_seconds double precision,
    p_reprocess_seconds double precision,
    p_regardless boolean default false,
    p_now timestamptz default clock_timestamp()
) returns jsonb
-- planned once: with the months of `decisions` a plan costs more than its run
language plpgsql set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    items opening[] := items_to_open(p_items);
    over_limit integer;
    automation jsonb;
    manual integer;
    opened integer;
    begun timestamptz; -- no decision of the batch is older: earlier months need not be looked at
begin
    select created_at into begun from batches where id = p_batch_id and closed_at is null;
    if not found then
        raise exception 'batch % is not open', p_batch_id using errcode = 'PT409';
    end if;
    loop -- it ends: each try that is undone left less room, and without room nothing can fail
        begin
            over_limit := try_to_open(
                p_batch_id, items, p_rejected, p_daily_limit, p_manual_batch_size, p_due_seconds, p_sweep_grace_seconds,
                p_reprocess_seconds, p_regardless, p_now
            );
            exit;
        exception when sqlstate 'SY001' then
            null; -- what this try did is undone. The day is never locked before the records: that would be a deadlock
        end;
    end loop;

    select
        coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'record_key', t.record_key, 'priority', t.priority)
            order by t.priority, i.place) filter (where t.id is not null), '[]'),
        count(*) filter (where t.id is null), count(*)
    into automation, manual, opened
    from unnest(items) as i
    cross join lateral decision_of(p_batch_id, i.record_key, begun) as d
    left join automation_tasks as t on t.decision_id = d.id;
    return jsonb_build_object(
        'automation', automation, 'manual', manual, 'over_limit', over_limit,
        'claimed_elsewhere', jsonb_array_length(p_items) - opened - over_limit,
        'rejected', (
            select count(*) from jsonb_to_recordset(p_rejected) as r (content_hash text)
            inner join decisions as d
                on d.batch_id = p_batch_id and d.content_hash = r.content_hash and d.route = 'rejected' and d.decided_at >= begun
        )
    );
end
$$;

-- Notes contents that were read although it is not their turn, so that the source's ledger learns of them: `p_skipped` is
-- [{content_hash, record_key}]. One whose record is being worked on with another content waits for that, also if it is due.
create function note_skipped(p_skipped jsonb, p_ledgered jsonb, p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    busy text[];
begin
    select coalesce(array_agg(record_key), '{}') into busy from (
        -- locked: none of them can end before the commit
        select record_key from records
        where open and record_key in (select record_key from jsonb_to_recordset(p_skipped) as k (record_key text))
        order by record_key for share
    ) as r;
    insert into turns (record_key, content_hash, verdict, reprocess, changed_at)
    select distinct on (s.record_key, s.content_hash)
        s.record_key, s.content_hash, 'waiting'::turn_verdict, interval '0', p_now
    from jsonb_to_recordset(p_skipped) as s (content_hash text, record_key text)
    inner join unnest(busy) as r (record_key) using (record_key)
    order by s.record_key, s.content_hash
    on conflict do nothing;
    perform lock_turns(p_skipped || p_ledgered); -- all that the caller changes, in one order
    update turns as t
    set ledger_due = true, changed_at = greatest(p_now, t.changed_at + interval '1 microsecond'),
        next_turn = case when t.next_turn > p_now or r.record_key is null then t.next_turn end
    from jsonb_to_recordset(p_skipped) as s (content_hash text, record_key text)
    left join unnest(busy) as r (record_key) using (record_key)
    where t.record_key = s.record_key and t.content_hash = s.content_hash
        and (not t.ledger_due or (t.next_turn <= p_now and r.record_key is not null));
end
$$;

-- Notes the tasks in the queue, the run's counts so far, the rows that the source's ledger now has, the rows that it should have,
-- and (`p_closed`) the end of the run. `p_enqueued` is [task id].
create function note_progress(
    p_batch_id text,
    p_enqueued uuid[],
    p_counts jsonb,
    p_ledgered jsonb,
    p_skipped jsonb,
    p_patience_seconds double precision,
    p_closed boolean,
    p_now timestamptz default clock_timestamp()
) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    perform from automation_tasks where id = any (p_enqueued) order by id for update;
    update automation_tasks
    set enqueued_at = p_now, sweep_after = p_now + make_interval(secs => p_patience_seconds), updated_at = p_now
    where id = any (p_enqueued) and state = 'initialized' and enqueued_at is null and generation = 0;
    perform note_skipped(p_skipped, p_ledgered, p_now);
    perform note_ledgered(p_ledgered, 0, p_now);
    update batches
    set counts = p_counts, closed_at = case when p_closed then p_now end
    where id = p_batch_id and closed_at is null;
end
$$;

-- A person wants a record taken again, whatever was decided of it. Returns {record_key, contents}.
create function take_again(
    p_record_key text, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    is_open boolean;
begin
    select open into is_open from records where record_key = p_record_key for update;
    if not found then
        raise exception 'no record % was ever taken', p_record_key using errcode = 'PT404';
    end if;
    if is_open then
        raise exception 'record % is being worked on', p_record_key using errcode = 'PT409';
    end if;
    perform from turns where record_key = p_record_key order by content_hash for update;
    update turns
    set verdict = 'asked', by = p_by, note = p_note, next_turn = p_now, ledger_due = true,
        changed_at = greatest(p_now, changed_at + interval '1 microsecond')
    where record_key = p_record_key and (verdict, by, note) is distinct from ('asked'::turn_verdict, p_by, p_note);
    return jsonb_build_object('record_key', p_record_key, 'contents', (
        select count(*) from turns where record_key = p_record_key
    ));
end
$$;
