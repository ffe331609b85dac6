-- Reports: the state of a batch, its products, and the numbers of alerts.

-- The state of a batch follows from its records; while orchestrate may still open more, it is in progress.
create function overall_state(p_open boolean, p_total bigint, p_completed bigint, p_failed bigint) returns text
language sql immutable set search_path = public, pg_temp
return case
    when p_open or p_completed + p_failed < p_total then 'in_progress'
    when p_failed = 0 then 'completed'
    when p_completed = 0 then 'failed'
    else 'completed_with_failures'
end;

-- One batch: its state, the places of its records as `reconcile` has them, tasks per state, decisions per rule, times. A dead
-- letter's record is where its manual task is: `handed_over` counts these by state.
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
    with tasks as (
        select
            'automation' as kind, state::text, hand_over = 'done' as handed_over, count(*) as tasks,
            count(*) filter (where automation_place(state, hand_over) = 'in_flight') as unfinished, max(finished_at) as finished
        from automation_tasks where batch_id = p_batch_id group by state, hand_over
        union all
        select
            case when batch_id = p_batch_id then 'manual' else 'letters' end, state::text, false, count(*),
            count(*) filter (where manual_place(state) = 'with_a_person'), max(finished_at)
        from (
            select batch_id, state, finished_at from manual_tasks where batch_id = p_batch_id
            union all
            select batch_id, state, finished_at from manual_tasks where origin_batch_id = p_batch_id
        ) as people
        group by batch_id, state
    )

    select jsonb_build_object(
        'batch_id', batch.id,
        -- a killed orchestrate never closes its batch: after 15 minutes it opens no more
        'state', overall_state(
            batch.closed_at is null and batch.created_at > p_now - interval '15 minutes',
            coalesce(sum(tasks) filter (where not handed_over), 0)::bigint,
            coalesce(sum(tasks) filter (where state = 'completed'), 0)::bigint,
            coalesce(sum(tasks - unfinished) filter (where state = 'failed' and not handed_over), 0)::bigint
        ),
        'automation', (
            select coalesce(jsonb_object_agg(state, tasks), '{}')
            from (select state, sum(tasks) as tasks from tasks where kind = 'automation' group by state) as automated
        ),
        'manual', coalesce(jsonb_object_agg(state, tasks) filter (where kind = 'manual'), '{}'),
        'handed_over', coalesce(jsonb_object_agg(state, tasks) filter (where kind = 'letters'), '{}'),
        'finished_at', max(finished)
    )
    into report from tasks;
    return report || jsonb_build_object(
        'places', sides_of(batch.id, null) - 'taken', 'taken', batch.taken, 'counts', batch.counts,
        'trigger', batch.trigger, 'request', batch.request,
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

-- The figures of what the sweep should have helped: dead letters that no person has, and tasks that never reached the queue.
create function overdue_figures(p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select jsonb_build_object(
        'hand_over_overdue', count(*),
        'oldest_hand_over_seconds', coalesce(extract(epoch from p_now - min(finished_at))::bigint, 0),
        'never_enqueued_overdue', (
            select count(*) from automation_tasks
            where hand_over = 'none' and enqueued_at is null and sweep_after <= p_now
        )
    )
    from automation_tasks where hand_over = 'due' and sweep_after <= p_now
);

-- The numbers of alerts and the dashboard (infra/terraform/metrics.tf), which every sweep logs. Ages in seconds, 0 when there is
-- none; a record that waits for its vendor is in flight, and ages from then on. The share is of today's (UTC) quota.
-- A hand-over and a task that never reached the queue are overdue once the sweep's grace has ended.
create function enrichment_figures(p_now timestamptz default clock_timestamp()) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select tasks.figures || manual.figures || vendors.figures || overdue_figures(p_now) || jsonb_build_object(
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
