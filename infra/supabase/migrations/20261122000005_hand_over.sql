-- From automation to people: dead letters become manual tasks, and the sweep finds lost tasks.

-- Creates the one manual task of a failed automation task. `outcome` is created, exists, off (failures are not handed over)
-- or not_failed (a late success, or not dead-lettered at all).
create function create_fallback_task(
    p_task_id uuid, p_due_seconds jsonb, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task automation_tasks;
    fallback_batch text;
    manual uuid;
begin
    select * into task from automation_tasks where id = p_task_id for update;
    if not found then
        raise exception 'no automation task %', p_task_id using errcode = 'PT404';
    end if;
    if task.state <> 'failed' then
        return jsonb_build_object('outcome', 'not_failed', 'state', task.state);
    end if;
    if task.hand_over = 'off' then
        return jsonb_build_object('outcome', 'off');
    end if;
    fallback_batch := task.batch_id || '_fallback';
    insert into batches (id, parent_batch_id, trigger, created_at, closed_at)
    values (fallback_batch, task.batch_id, 'fallback', p_now, p_now)
    on conflict (id) do nothing;
    insert into manual_tasks (
        batch_id, decision_id, automation_task_id, record_key, pn, manufacturer, manufacturer_key, content_hash, source_record,
        type, priority, reason, cause, attempts, last_vendor_answer, due_at, created_at, updated_at
    )
    values (
        fallback_batch, task.decision_id, task.id, task.record_key, task.pn, task.manufacturer,
        task.manufacturer_key, task.content_hash, task.source_record, 'automation_fallback', task.priority,
        format('automation failed (%s): %s', task.error_category, task.error_message), task.error_category, task.attempts,
        coalesce(task.error_answer, task.vendor_answer),
        p_now + make_interval(secs => (p_due_seconds ->> task.priority::text)::double precision), p_now, p_now
    )
    on conflict (automation_task_id) where automation_task_id is not null do nothing
    returning id into manual;
    update automation_tasks set hand_over = 'done', sweep_after = null, updated_at = p_now
    where id = p_task_id and hand_over = 'due';
    if manual is not null then
        return jsonb_build_object('outcome', 'created', 'manual_task_id', manual, 'batch_id', fallback_batch);
    end if;
    return jsonb_build_object('outcome', 'exists', 'batch_id', fallback_batch, 'manual_task_id', (
        select id from manual_tasks where automation_task_id = p_task_id
    ));
end
$$;

-- Tasks that the sweep must look at now, the longest overdue first, at most `p_limit`.
create function sweep_candidates(p_limit integer, p_now timestamptz default clock_timestamp()) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', id, 'state', state, 'generation', generation, 'deliveries', deliveries, 'attempts', attempts,
        'renewed', renewed, 'enqueued', enqueued_at is not null, 'answered', vendor_answer is not null, 'not_before', not_before
    ) order by sweep_after, id), '[]')
    from (
        select * from automation_tasks where sweep_after <= p_now order by sweep_after limit p_limit
    ) as due
);

-- The queue still holds these tasks: look again later. A task that has changed meanwhile keeps its time.
create function extend_patience(
    p_task_ids uuid[], p_patience_seconds double precision, p_now timestamptz default clock_timestamp()
) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    extended integer;
begin
    perform from automation_tasks where id = any (p_task_ids) order by id for update;
    update automation_tasks set sweep_after = p_now + make_interval(secs => p_patience_seconds)
    where id = any (p_task_ids) and sweep_after <= p_now;
    get diagnostics extended = row_count;
    return extended;
end
$$;

-- The queue lost this generation: makes the next one due for the queue. Null: the task has changed meanwhile.
create function renew_generation(
    p_task_id uuid, p_generation integer, p_grace_seconds double precision, p_now timestamptz default clock_timestamp()
) returns integer
language sql set search_path = public, pg_temp
begin atomic
    update automation_tasks
    set generation = generation + 1, renewed = renewed + 1, enqueued_at = null, lease_owner = null, lease_until = null,
        sweep_after = p_now + make_interval(secs => p_grace_seconds), updated_at = p_now
    where id = p_task_id and generation = p_generation and sweep_after <= p_now and state not in ('completed', 'failed')
    returning generation;
end;

-- Dead-letters a task that the queue lost after a delivery. False: the task has changed meanwhile.
create function fail_lost_task(
    p_task_id uuid,
    p_generation integer,
    p_message text,
    p_to_manual boolean,
    p_grace_seconds double precision,
    p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    task automation_tasks;
begin
    select * into task from automation_tasks
    where id = p_task_id and generation = p_generation and sweep_after <= p_now and state not in ('completed', 'failed')
    for update;
    if not found then
        return false;
    end if;
    perform end_as_failed(
        task, coalesce(task.error_category, 'lost'), coalesce(p_message || '; before that: ' || task.error_message, p_message),
        null, p_to_manual, p_grace_seconds, p_now
    );
    return true;
end
$$;
