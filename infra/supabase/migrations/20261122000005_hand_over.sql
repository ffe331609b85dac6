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
    outcome text := 'exists';
begin
    -- `no key`: whoever changes the manual task twice in a transaction asks for its automation task's key, and must not wait
    select * into task from automation_tasks where id = p_task_id for no key update;
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
    -- looked up first: an insert beside it would wait for everybody who changes the manual task
    select id into manual from manual_tasks where automation_task_id = p_task_id;
    if manual is null then
        outcome := 'created';
        insert into batches (id, parent_batch_id, trigger, created_at, closed_at)
        values (fallback_batch, task.batch_id, 'fallback', p_now, p_now)
        on conflict (id) do nothing;
        insert into manual_tasks (
            batch_id, origin_batch_id, decision_id, automation_task_id, record_key, pn, manufacturer, manufacturer_key,
            content_hash, source_record, type, priority, rule, reason, cause, attempts, last_vendor_answer, due_at, created_at,
            updated_at
        )
        values (
            fallback_batch, task.batch_id, task.decision_id, task.id, task.record_key, task.pn, task.manufacturer,
            task.manufacturer_key, task.content_hash, task.source_record, 'automation_fallback', task.priority,
            (
                select d.rule from decisions as d
                where d.id = task.decision_id and d.decided_at >= batch_began(task.batch_id)
            ),
            format('automation failed (%s): %s', task.error_category, task.error_message), task.error_category, task.attempts,
            coalesce(task.error_answer, task.vendor_answer),
            p_now + make_interval(secs => (p_due_seconds ->> task.priority::text)::double precision), p_now, p_now
        )
        returning id into manual;
    end if;
    update automation_tasks set hand_over = 'done', sweep_after = null, updated_at = p_now
    where id = p_task_id and hand_over = 'due';
    return jsonb_build_object('outcome', outcome, 'manual_task_id', manual, 'batch_id', fallback_batch);
end
$$;

-- Tasks of one kind that the sweep must look at now, the longest overdue first, at most `p_limit`. `p_kind` is
--   hand_over  failed, and no person has it
--   enqueue    it has work left, and is not known to be in the queue
--   silent     the queue had it, and nothing is heard of it
-- `p_after` and `p_after_id` are those of the last task of the page before; the first page has none.
create function sweep_candidates(
    p_kind text,
    p_limit integer,
    p_after timestamptz default '-infinity',
    p_after_id uuid default '00000000-0000-0000-0000-000000000000',
    p_now timestamptz default clock_timestamp()
) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    with due as (
        (
            select t.* from automation_tasks as t
            where p_kind = 'hand_over' and t.hand_over = 'due'
                and t.sweep_after <= p_now and (t.sweep_after, t.id) > (p_after, p_after_id)
            order by t.sweep_after, t.id limit p_limit
        )
        union all
        (
            select t.* from automation_tasks as t
            where p_kind = 'enqueue' and t.hand_over = 'none' and t.enqueued_at is null
                and t.sweep_after <= p_now and (t.sweep_after, t.id) > (p_after, p_after_id)
            order by t.sweep_after, t.id limit p_limit
        )
        union all
        (
            select t.* from automation_tasks as t
            where p_kind = 'silent' and t.hand_over = 'none' and t.enqueued_at is not null
                and t.sweep_after <= p_now and (t.sweep_after, t.id) > (p_after, p_after_id)
            order by t.sweep_after, t.id limit p_limit
        )
    )

    select coalesce(jsonb_agg(jsonb_build_object(
        'id', id, 'state', state, 'generation', generation, 'deliveries', deliveries, 'attempts', attempts,
        'renewed', renewed, 'answered', vendor_answer is not null, 'not_before', not_before, 'sweep_after', sweep_after
    ) order by sweep_after, id), '[]')
    from due
);

-- Look at these tasks again later: the queue still holds them, or did not say. A task that has changed meanwhile keeps its time.
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
