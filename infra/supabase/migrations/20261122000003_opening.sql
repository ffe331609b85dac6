-- The functions of `orchestrate`: begin a batch, read the history of a chunk of records, open them, note the progress.

-- Claims the batch's name. Starts nothing when another run has the name. Also returns completed rows that the source's
-- ledger lacks, at most `p_ledger_limit`.
create function begin_batch(
    p_batch_id text,
    p_run_id uuid,
    p_trigger text,
    p_request jsonb,
    p_policy text,
    p_policy_version text,
    p_ledger_limit integer,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
begin
    insert into batches (id, run_id, trigger, request, policy, policy_version, created_at)
    values (p_batch_id, p_run_id, p_trigger, p_request, p_policy, p_policy_version, p_now)
    on conflict (id) do nothing;
    if not exists (select from batches where id = p_batch_id and run_id = p_run_id) then
        return jsonb_build_object('started', false, 'finished', '[]'::jsonb);
    end if;
    return jsonb_build_object('started', true, 'finished', (
        select coalesce(jsonb_agg(jsonb_build_object('content_hash', completed_hash, 'finished_at', completed_at)), '[]')
        from (
            select completed_hash, completed_at from records where ledger_due order by completed_at limit p_ledger_limit
        ) as due
    ));
end
$$;

-- The history of each record: `p_records` is [{record_key, manufacturer_key, content_hash}].
-- Returns {records: {record_key: {skip?, recent_failures}}, manufacturers: {key: {attempts, successes}}, daily_used,
-- rejected_before: [content_hash]}.
create function read_known(
    p_records jsonb,
    p_rejected text[],
    p_completed_after timestamptz,
    p_failed_after timestamptz,
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
                when records.completed_at > p_completed_after and records.completed_hash = asked.content_hash
                    then 'recently_completed'
            end as skip,
            (
                select count(*) from automation_tasks as t
                where t.record_key = asked.record_key and t.state = 'failed' and t.finished_at > p_failed_after
            ) as recent_failures
        from asked inner join records using (record_key)
    )

    select jsonb_build_object(
        'records', (
            select coalesce(jsonb_object_agg(
                record_key, jsonb_strip_nulls(jsonb_build_object('skip', skip, 'recent_failures', recent_failures))
            ), '{}') from known
        ),
        'manufacturers', (
            select coalesce(jsonb_object_agg(
                key, jsonb_build_object('attempts', attempts, 'successes', successes)
            ), '{}')
            from manufacturers where key = any (array(select manufacturer_key from asked))
        ),
        'rejected_before', (
            select coalesce(jsonb_agg(distinct content_hash), '[]')
            from decisions where route = 'rejected' and content_hash = any (p_rejected)
        ),
        'daily_used', (
            select coalesce(max(used), 0) from daily_usage where day = (p_now at time zone 'UTC')::date
        )
    )
);

-- The items of `open_tasks`, typed; `place` is their order.
create function items_to_open(p_items jsonb) returns table (
    place bigint, record_key text, pn text, manufacturer text, manufacturer_key text, content_hash text, source_record jsonb,
    route route, priority task_priority, rule text, reason text, confidence numeric, features jsonb, comparisons jsonb,
    policy text, policy_version text
)
language sql immutable rows 100 set search_path = public, pg_temp
begin atomic
    select i.place, r.*
    from jsonb_array_elements(p_items) with ordinality as i (item, place)
    cross join lateral jsonb_to_record(i.item) as r (
        record_key text, pn text, manufacturer text, manufacturer_key text, content_hash text, source_record jsonb,
        route route, priority task_priority, rule text, reason text, confidence numeric, features jsonb, comparisons jsonb,
        policy text, policy_version text
    );
end;

-- The decision of a batch about a record. The limit makes each look-up one of its own, by index, however large the batch is; no
-- month before `p_begun`, the batch's beginning, is looked at.
create function decision_of(p_batch_id text, p_record_key text, p_begun timestamptz) returns table (id uuid)
language sql stable rows 1
begin atomic
    select d.id from decisions as d
    where d.batch_id = p_batch_id and d.record_key = p_record_key and d.decided_at >= p_begun limit 1;
end;

-- Opens records in the given order until the day's quota is used. The insert is the claim; decision and task are stored with it
-- or not at all. `p_items` holds one item per record, as `items_to_open` reads it; `p_rejected` is [{pn, manufacturer, reason,
-- content_hash, source_record}]; `p_due_seconds` is {priority: seconds}. A repeated call opens nothing more and returns the same.
-- Returns {automation: [{id, record_key, priority}], manual, over_limit, claimed_elsewhere, rejected}.
create function open_tasks(
    p_batch_id text,
    p_items jsonb,
    p_rejected jsonb,
    p_daily_limit integer,
    p_manual_batch_size integer,
    p_due_seconds jsonb,
    p_sweep_grace_seconds double precision,
    p_completed_after timestamptz,
    p_now timestamptz default clock_timestamp()
) returns jsonb
-- planned once: with the months of `decisions` a plan costs more than its run
language plpgsql set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    today date := (p_now at time zone 'UTC')::date;
    room integer;
    eligible text[];
    claimed text[];
    automation jsonb;
    manual integer;
    placed integer := 0;
    batch_size integer := greatest(p_manual_batch_size, 1);
    inserted integer;
    refused integer;
    opened integer;
    begun timestamptz; -- no decision of the batch is older: earlier months need not be looked at
begin
    select created_at into begun from batches where id = p_batch_id and closed_at is null;
    if not found then
        raise exception 'batch % is not open', p_batch_id using errcode = 'PT409';
    end if;

    -- This row's lock makes openings wait for each other, so that no two race for the quota or a claim.
    insert into daily_usage (day, used, quota) values (today, 0, p_daily_limit) on conflict (day) do nothing;
    update daily_usage set quota = greatest(p_daily_limit, used) where day = today returning quota - used into room;

    select coalesce(array_agg(item.record_key order by item.place), '{}') into eligible
    from items_to_open(p_items) as item
    left join records as r on r.record_key = item.record_key
    where not coalesce(r.open, false)
        and not coalesce(r.completed_at > p_completed_after and r.completed_hash = item.content_hash, false)
        and not exists (
            select from decisions as d
            where d.batch_id = p_batch_id and d.record_key = item.record_key and d.decided_at >= begun
        );
    claimed := eligible[1:room];

    insert into records (record_key, pn, manufacturer, open, content_hash)
    select record_key, pn, manufacturer, true, content_hash
    from items_to_open(p_items) where record_key = any (claimed) order by record_key
    on conflict (record_key) do update
    set open = true, pn = excluded.pn, manufacturer = excluded.manufacturer, content_hash = excluded.content_hash;

    insert into decisions (
        batch_id, record_key, pn, manufacturer, route, priority, rule, reason, confidence, features, comparisons, policy,
        policy_version, content_hash, decided_at
    )
    select
        p_batch_id, record_key, pn, manufacturer, route, priority, rule, reason, confidence, features, comparisons, policy,
        policy_version, content_hash, greatest(p_now, begun)
    from items_to_open(p_items) where record_key = any (claimed) order by place;

    insert into decisions (
        batch_id, pn, manufacturer, route, rule, reason, confidence, content_hash, source_record, decided_at
    )
    select p_batch_id, pn, manufacturer, 'rejected', 'rejected', reason, 1, content_hash, source_record, greatest(p_now, begun)
    from jsonb_to_recordset(p_rejected) as r (
        pn text, manufacturer text, reason text, content_hash text, source_record jsonb
    )
    where not exists (
        select from decisions as d
        where d.batch_id = p_batch_id and d.content_hash = r.content_hash and d.route = 'rejected' and d.decided_at >= begun
    )
    on conflict (batch_id, content_hash, decided_at) where route = 'rejected' do nothing;
    get diagnostics refused = row_count;

    insert into automation_tasks (
        batch_id, decision_id, record_key, pn, manufacturer, manufacturer_key, content_hash, source_record, priority,
        sweep_after, created_at, updated_at
    )
    select
        p_batch_id, d.id, record_key, item.pn, item.manufacturer, manufacturer_key, item.content_hash, item.source_record,
        item.priority, p_now + make_interval(secs => p_sweep_grace_seconds), p_now, p_now
    from items_to_open(p_items) as item
    cross join lateral decision_of(p_batch_id, item.record_key, begun) as d
    where item.route = 'automation' and record_key = any (claimed);

    loop
        insert into manual_tasks (
            batch_id, decision_id, record_key, pn, manufacturer, manufacturer_key, content_hash, source_record, type, priority,
            reason, due_at, created_at, updated_at
        )
        select
            p_batch_id, d.id, record_key, item.pn, item.manufacturer, manufacturer_key, item.content_hash,
            item.source_record, 'workflow_generated', item.priority, item.reason,
            p_now + make_interval(secs => (p_due_seconds ->> item.priority::text)::double precision), p_now, p_now
        from items_to_open(p_items) as item
        cross join lateral decision_of(p_batch_id, item.record_key, begun) as d
        where item.route = 'manual' and record_key = any (claimed)
        order by item.place offset placed limit batch_size;
        get diagnostics inserted = row_count;
        placed := placed + inserted;
        exit when inserted < batch_size;
    end loop;

    update daily_usage set used = used + cardinality(claimed) where day = today;
    update batches set taken = taken + cardinality(claimed) + refused where id = p_batch_id;

    select
        coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'record_key', t.record_key, 'priority', t.priority)
            order by t.priority, item.place) filter (where t.id is not null), '[]'),
        count(*) filter (where t.id is null), count(*)
    into automation, manual, opened
    from items_to_open(p_items) as item
    cross join lateral decision_of(p_batch_id, item.record_key, begun) as d
    left join automation_tasks as t on t.decision_id = d.id;
    return jsonb_build_object(
        'automation', automation,
        'manual', manual,
        'over_limit', cardinality(eligible) - cardinality(claimed),
        'claimed_elsewhere', jsonb_array_length(p_items) - opened - (cardinality(eligible) - cardinality(claimed)),
        'rejected', jsonb_array_length(p_rejected)
    );
end
$$;

-- Notes the tasks in the queue, the run's counts so far, the rows that the source's ledger now has, and (`p_closed`) the end of
-- the run. `p_enqueued` is [task id].
create function note_progress(
    p_batch_id text,
    p_enqueued uuid[],
    p_counts jsonb,
    p_ledgered text[],
    p_patience_seconds double precision,
    p_closed boolean,
    p_now timestamptz default clock_timestamp()
) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    -- rows are locked in one order everywhere, so that no two runs wait for each other
    perform from automation_tasks where id = any (p_enqueued) order by id for update;
    update automation_tasks
    set enqueued_at = p_now, sweep_after = p_now + make_interval(secs => p_patience_seconds), updated_at = p_now
    where id = any (p_enqueued) and state = 'initialized' and enqueued_at is null and generation = 0;
    perform from records where ledger_due and completed_hash = any (p_ledgered) order by record_key for update;
    update records set ledger_due = false where ledger_due and completed_hash = any (p_ledgered);
    update batches
    set counts = p_counts, closed_at = case when p_closed then p_now end
    where id = p_batch_id and closed_at is null;
end
$$;
