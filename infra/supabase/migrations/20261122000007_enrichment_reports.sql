-- Reports: the state of a batch, and the place of every record in an equation that must balance.

-- The state of a batch follows from its tasks; while orchestrate may still open more, it is in progress.
create function overall_state(p_open boolean, p_total bigint, p_completed bigint, p_failed bigint) returns text
language sql immutable set search_path = public, pg_temp
return case
    when p_open or p_completed + p_failed < p_total then 'in_progress'
    when p_failed = 0 then 'completed'
    when p_completed = 0 then 'failed'
    else 'completed_with_failures'
end;

-- One batch: its state, tasks per state, decisions per rule, times.
create function batch_status(p_batch_id text, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    batch batches;
    report jsonb;
begin
    select * into batch from batches where id = p_batch_id;
    if not found then
        raise exception 'no batch %', p_batch_id using errcode = 'PT404';
    end if;
    with states as (
        select 'automation' as kind, state::text, count(*) as tasks, max(finished_at) as finished
        from automation_tasks where batch_id = p_batch_id group by state
        union all
        select 'manual', state::text, count(*), max(finished_at)
        from manual_tasks where batch_id = p_batch_id group by state
    )
    select jsonb_build_object(
        'batch_id', batch.id,
        -- a killed orchestrate never closes its batch: after 15 minutes it opens no more
        'state', overall_state(
            batch.closed_at is null and batch.created_at > p_now - interval '15 minutes',
            coalesce(sum(tasks), 0)::bigint,
            coalesce(sum(tasks) filter (where state = 'completed'), 0)::bigint,
            coalesce(sum(tasks) filter (where state = 'failed'), 0)::bigint
        ),
        'automation', coalesce(jsonb_object_agg(state, tasks) filter (where kind = 'automation'), '{}'),
        'manual', coalesce(jsonb_object_agg(state, tasks) filter (where kind = 'manual'), '{}'),
        'finished_at', max(finished)
    )
    into report from states;
    return report || jsonb_build_object(
        'taken', batch.taken, 'counts', batch.counts, 'trigger', batch.trigger, 'request', batch.request,
        'policy', batch.policy, 'policy_version', batch.policy_version, 'parent_batch_id', batch.parent_batch_id,
        'created_at', batch.created_at, 'closed_at', batch.closed_at,
        'decisions', (
            select coalesce(jsonb_agg(jsonb_build_object('rule', rule, 'route', route, 'records', records)
                order by records desc, rule), '[]')
            from (
                select rule, route, count(*) as records from decisions where batch_id = p_batch_id group by rule, route
            ) as rules
        ),
        'fallback_batches', (
            select coalesce(jsonb_agg(id order by id), '[]') from batches where parent_batch_id = p_batch_id
        )
    );
end
$$;

-- A record's place is that of its last task; for a dead letter that is the manual task. `taken` is counted when records are
-- opened, and the places are counted from the current tasks, so a lost record shows.
-- Exactly one of `p_batch_id` and `p_day` (UTC, by the batches' beginning) is given.
create function reconcile(p_batch_id text default null, p_day date default null) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    sides jsonb;
begin
    if (p_batch_id is null) = (p_day is null) then
        raise exception 'give either a batch or a day' using errcode = 'PT400';
    end if;
    if p_batch_id is not null and not exists (select from batches where id = p_batch_id) then
        raise exception 'no batch %', p_batch_id using errcode = 'PT404';
    end if;
    with chosen as (
        select id, taken from batches
        where (id = p_batch_id or (
            p_day is not null
            and created_at >= p_day::timestamp at time zone 'UTC' and created_at < (p_day + 1)::timestamp at time zone 'UTC'
        ))
    ),

    places as (
        select case
            when coalesce(fallback.state, own.state) is not null then
                case coalesce(fallback.state, own.state)
                    when 'completed' then 'completed' when 'failed' then 'failed' else 'with_a_person'
                end
            when task.state = 'completed' then 'completed'
            when task.state = 'failed' then
                case task.hand_over when 'off' then 'failed' when 'due' then 'in_flight' else 'lost' end
            when task.state is not null then 'in_flight'
            when d.route = 'rejected' then 'rejected'
            else 'lost'
        end as place
        from chosen
        -- the offset and the limits force single look-ups: a day is bounded, history is not
        cross join lateral (select * from decisions where batch_id = chosen.id offset 0) as d
        left join lateral (
            select t.id, t.state, t.hand_over from automation_tasks as t where t.decision_id = d.id limit 1
        ) as task on true
        left join lateral (
            select m.state from manual_tasks as m where m.automation_task_id = task.id limit 1
        ) as fallback on true
        left join lateral (
            select m.state from manual_tasks as m where m.decision_id = d.id and m.automation_task_id is null limit 1
        ) as own on true
    )

    select jsonb_build_object(
        'taken', (select coalesce(sum(taken), 0) from chosen),
        'completed', count(*) filter (where place = 'completed'),
        'with_a_person', count(*) filter (where place = 'with_a_person'),
        'in_flight', count(*) filter (where place = 'in_flight'),
        'failed', count(*) filter (where place = 'failed'),
        'rejected', count(*) filter (where place = 'rejected'),
        'lost', count(*) filter (where place = 'lost') -- decided, but without a task
    )
    into sides from places;
    return sides || jsonb_build_object(
        'balanced', sides -> 'lost' = '0' and (sides ->> 'taken')::bigint = (
            select sum(value::bigint) from jsonb_each_text(sides) where key not in ('taken', 'lost')
        ),
        'batch_id', p_batch_id, 'day', p_day
    );
end
$$;

-- Stored products with their source rows, for people: at most `p_limit`, the latest first.
create function recent_products(p_batch_id text, p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(jsonb_build_object(
        'before', task.source_record,
        'after', jsonb_build_object(
            'pn', p.pn, 'manufacturer', m.name, 'category', p.category, 'description', p.description, 'vendor', p.vendor,
            'vendor_pn', p.vendor_pn, 'url', p.url, 'unit_price', p.unit_price, 'currency', p.currency, 'status', p.status,
            'attributes', (
                select coalesce(jsonb_object_agg(a.name, a.value), '{}') from product_attributes as a where a.product_id = p.id
            ),
            'media', (
                select coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'url', d.url)), '[]')
                from document_media as d where d.product_id = p.id
            )
        )
    ) order by task.finished_at desc, task.id), '[]')
    from (
        select id, record_key, source_record, finished_at from automation_tasks
        where batch_id = p_batch_id and state = 'completed'
        order by finished_at desc, id limit p_limit
    ) as task
    inner join products as p using (record_key)
    left join manufacturers as m on m.id = p.manufacturer_id
);

-- The numbers of alerts and the dashboard (infra/terraform/metrics.tf), which every sweep logs. Ages in seconds, 0 when there is
-- none; a record that waits for its vendor is in flight, and ages from then on. The share is of today's (UTC) quota.
create function enrichment_figures(p_now timestamptz default clock_timestamp()) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select tasks.figures || manual.figures || vendors.figures || jsonb_build_object(
        'daily_share', coalesce((
            select round(used::numeric / greatest(quota, 1), 3) from daily_usage where day = (p_now at time zone 'UTC')::date
        ), 0)
    )
    from (
        select jsonb_build_object(
            'in_flight', count(*),
            'waiting_for_vendor', count(*) filter (where not_before > p_now),
            'oldest_in_flight_seconds', coalesce(
                extract(epoch from p_now - min(greatest(created_at, not_before)) filter (
                    where coalesce(not_before, p_now) <= p_now
                ))::bigint, 0
            )
        ) as figures
        from automation_tasks where state not in ('completed', 'failed')
    ) as tasks
    cross join (
        select jsonb_build_object(
            'manual_open', count(*), 'manual_overdue', count(*) filter (where due_at < p_now)
        ) as figures
        from manual_tasks where state in ('initialized', 'processing')
    ) as manual
    cross join (
        select jsonb_build_object(
            'vendor_down_seconds', coalesce(
                extract(epoch from p_now - min(opened_at) filter (where cause = 'down'))::bigint, 0
            ),
            'account_refused_seconds', coalesce(
                extract(epoch from p_now - min(opened_at) filter (where cause = 'account'))::bigint, 0
            )
        ) as figures
        from vendor_breakers
    ) as vendors
$$;

select restrict_access();
