-- The functions for people: claim, release, complete and fail manual tasks. A claim is a lease; of two people one gets it.

-- A manual task as people see it, with the decision that led to it; `product` and `suggestions` as they would be if it were
-- completed unedited, and after its end the product as the person left it.
create function manual_task_view(task manual_tasks) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
begin
    return jsonb_build_object(
        'id', task.id, 'batch_id', task.batch_id, 'pn', task.pn, 'manufacturer', task.manufacturer, 'type', task.type,
        'priority', task.priority, 'state', task.state, 'reason', task.reason, 'cause', task.cause, 'attempts', task.attempts,
        'last_vendor_answer', task.last_vendor_answer, 'source_record', task.source_record, 'decision', (
            select jsonb_build_object(
                'rule', d.rule, 'reason', d.reason, 'confidence', d.confidence, 'features', d.features,
                'comparisons', d.comparisons, 'policy', d.policy, 'policy_version', d.policy_version
            ) from decisions as d
            where d.id = task.decision_id and d.decided_at >= ( -- earlier months need not be looked at
                select b.created_at from batches as b where b.id = coalesce(task.origin_batch_id, task.batch_id)
            )
        ),
        'automation_task_id', task.automation_task_id, 'assignee', task.assignee, 'claimed_until', task.claimed_until,
        'due_at', task.due_at, 'note', task.note, 'edited_fields', task.edited_fields, 'result', task.result,
        'created_at', task.created_at, 'finished_at', task.finished_at
    ) || case when task.state in ('completed', 'failed') then
        jsonb_build_object('product', task.product, 'suggestions', '[]'::jsonb)
    else product_view(
        product_of(task.record_key), task.record_key, task.pn, task.source_record, task.manufacturer, task.manufacturer_key,
        task.created_at
    ) end;
end
$$;

-- Locks the task. Refuses a task that has ended or that another person holds, with that person's name.
create function take_manual_task(p_task_id uuid, p_assignee text, p_now timestamptz) returns manual_tasks
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks;
begin
    select * into task from manual_tasks where id = p_task_id for update;
    if not found then
        raise exception 'no manual task %', p_task_id using errcode = 'PT404';
    end if;
    if task.state in ('completed', 'failed') then
        raise exception 'manual task % is already %', p_task_id, task.state using errcode = 'PT409';
    end if;
    if task.state = 'processing' and task.assignee <> p_assignee and task.claimed_until > p_now then
        raise exception 'manual task % is claimed by % until %', p_task_id, task.assignee,
            to_char(task.claimed_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') using errcode = 'PT409';
    end if;
    return task;
end
$$;

-- The task if this person has ended it before, else null. The call is then a repetition, because its answer was lost. Waits for
-- a call that still runs.
create function manual_task_ended_by(p_task_id uuid, p_assignee text, p_state manual_state) returns manual_tasks
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks;
begin
    select * into task from manual_tasks where id = p_task_id for update;
    return case when task.state = p_state and task.assignee = p_assignee then task end;
end
$$;

-- The same as `take_manual_task`, for actions of the current owner only.
create function take_own_manual_task(p_task_id uuid, p_assignee text, p_now timestamptz) returns manual_tasks
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks := take_manual_task(p_task_id, p_assignee, p_now);
begin
    if task.assignee is distinct from p_assignee then
        raise exception 'manual task % is not claimed by %: claim it first', p_task_id, p_assignee using errcode = 'PT409';
    end if;
    return task;
end
$$;

-- Claims, or renews the claim of the same person.
create function claim_manual_task(
    p_task_id uuid, p_assignee text, p_claim_seconds double precision, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks := take_manual_task(p_task_id, p_assignee, p_now);
begin
    update manual_tasks
    set state = 'processing', assignee = p_assignee, claimed_until = p_now + make_interval(secs => p_claim_seconds),
        updated_at = p_now
    where id = p_task_id
    returning * into task;
    return manual_task_view(task);
end
$$;

-- Gives a claimed task back; anybody may claim it next.
create function release_manual_task(
    p_task_id uuid, p_assignee text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks := take_manual_task(p_task_id, p_assignee, p_now);
    released_by text;
begin
    if task.state = 'initialized' then
        select detail ->> 'assignee' into released_by from task_events
        where task_id = p_task_id and from_state = 'processing' and to_state = 'initialized' order by id desc limit 1;
        if released_by = p_assignee then -- this call again, because its answer was lost
            return manual_task_view(task);
        end if;
    end if;
    task := take_own_manual_task(p_task_id, p_assignee, p_now);
    update manual_tasks
    set state = 'initialized', assignee = null, claimed_until = null, note = coalesce(p_note, note), updated_at = p_now
    where id = p_task_id
    returning * into task;
    return manual_task_view(task);
end
$$;

-- Stores what the person says, derives the product and ends the task, in one transaction.
create function complete_manual_task(
    p_task_id uuid,
    p_assignee text,
    p_fields jsonb,
    p_manufacturer_key text, -- of the edited manufacturer, null when it was not edited
    p_note text,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks := manual_task_ended_by(p_task_id, p_assignee, 'completed');
    product_id uuid;
begin
    if task.edited_fields = p_fields then
        return manual_task_view(task);
    end if;
    task := take_own_manual_task(p_task_id, p_assignee, p_now);
    product_id := write_person_fields(task, p_fields, p_manufacturer_key, p_now);
    update manual_tasks
    set state = 'completed', claimed_until = null, edited_fields = p_fields, note = coalesce(p_note, note),
        result = jsonb_build_object('product_id', product_id),
        product = product_view(product_id, null, null, null, null, null, null) -> 'product', finished_at = p_now,
        updated_at = p_now
    where id = p_task_id
    returning * into task;
    return manual_task_view(task);
end
$$;

-- Ends a task that cannot be completed; the note gives the reason.
create function fail_manual_task(
    p_task_id uuid, p_assignee text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks := manual_task_ended_by(p_task_id, p_assignee, 'failed');
begin
    if task.note = p_note then
        return manual_task_view(task);
    end if;
    task := take_own_manual_task(p_task_id, p_assignee, p_now);
    update manual_tasks
    set state = 'failed', claimed_until = null, note = p_note, finished_at = p_now, updated_at = p_now
    where id = p_task_id
    returning * into task;
    return manual_task_view(task);
end
$$;

-- Tasks that no person holds: highest priority first, then oldest.
create function pending_manual_tasks(
    p_limit integer, p_priority task_priority default null, p_now timestamptz default clock_timestamp()
) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(manual_task_view(task) order by priority, created_at, id), '[]')
    from (
        select m as task, m.priority, m.created_at, m.id
        from manual_tasks as m
        where m.state in ('initialized', 'processing')
            and (p_priority is null or m.priority = p_priority)
            and (m.state = 'initialized' or m.claimed_until <= p_now)
        order by m.priority, m.created_at, m.id
        limit p_limit
    ) as pending
);
