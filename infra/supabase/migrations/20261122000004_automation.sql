-- The functions of the worker. Every step is a compare-and-set on the lease; repeating a step changes nothing.

-- Takes a task for one delivery. `outcome` is
--   claimed    work on it; `answer` is the saved vendor answer, if there is one; an attempt is counted when there is none
--   ended      it is completed or failed; `dead_letter_due`: the dead letter may still have to be sent
--   leased     a live delivery works on it until `lease_until`, or the call comes after its own owner's release
--   postponed  not before `not_before`, as its queue task of generation `generation`. So is a task whose vendor nobody may call
--              now: it becomes the next generation here, and no attempt, delivery or lease is counted
--   spent      all attempts were made, and the last one left no result
create function claim_automation_task(
    p_task_id uuid,
    p_owner uuid,
    p_lease_seconds double precision,
    p_vendor text,
    p_max_attempts integer,
    p_patience_seconds double precision,
    p_grace_seconds double precision,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task automation_tasks;
    outcome text;
    repeated boolean; -- the same call again, because its answer was lost
    asking boolean; -- the vendor has yet to be asked
    pause timestamptz; -- until then nobody may
begin
    select * into task from automation_tasks where id = p_task_id for update;
    if not found then
        raise exception 'no automation task %', p_task_id using errcode = 'PT404';
    end if;
    repeated := coalesce(task.lease_owner = p_owner, false);
    asking := task.vendor_answer is null and not repeated;
    if task.state in ('completed', 'failed') then
        outcome := 'ended';
    elsif task.lease_until > p_now and not repeated then
        outcome := 'leased';
    elsif task.not_before > p_now then
        outcome := 'postponed';
    elsif task.lease_owner is null and task.released_by = p_owner then
        outcome := 'leased';
    else
        if asking and give_back_owed(p_vendor, p_task_id) then
            select * into task from automation_tasks where id = p_task_id;
        end if;
        if task.vendor_answer is null and task.attempts >= p_max_attempts and not (repeated and task.attempt_counted) then
            outcome := 'spent';
        else
            if asking then
                pause := admit_call(p_vendor, p_task_id, p_owner, p_lease_seconds, p_now);
            end if;
            outcome := case when pause is null then 'claimed' else 'postponed' end;
        end if;
    end if;
    if pause is not null then
        update automation_tasks
        set generation = generation + 1, enqueued_at = null, not_before = pause, asks = p_vendor, released_by = p_owner,
            lease_owner = null, lease_until = null, attempt_counted = false,
            sweep_after = p_now + make_interval(secs => p_grace_seconds), updated_at = p_now
        where id = p_task_id
        returning * into task;
    end if;
    if outcome in ('claimed', 'spent') then
        update automation_tasks
        set state = case when state = 'initialized' then 'processing' else state end,
            attempts = attempts + (outcome = 'claimed' and vendor_answer is null and not repeated)::integer,
            attempt_counted = case when repeated then attempt_counted else outcome = 'claimed' and vendor_answer is null end,
            deliveries = deliveries + (not repeated)::integer,
            enqueued_at = coalesce(enqueued_at, p_now),
            not_before = null,
            asks = p_vendor,
            lease_owner = p_owner,
            lease_until = p_now + make_interval(secs => p_lease_seconds),
            sweep_after = p_now + make_interval(secs => p_lease_seconds + p_patience_seconds),
            updated_at = p_now
        where id = p_task_id
        returning * into task;
    end if;
    return jsonb_build_object(
        'outcome', outcome, 'state', task.state, 'batch_id', task.batch_id, 'record_key', task.record_key, 'pn', task.pn,
        'manufacturer', task.manufacturer, 'attempts', task.attempts, 'generation', task.generation, 'renewed', task.renewed,
        'answer', task.vendor_answer, 'dead_letter_due', task.hand_over = 'due', 'lease_until', task.lease_until,
        'not_before', task.not_before, 'error_category', task.error_category, 'error_message', task.error_message
    );
end
$$;

-- Keeps an answer of which no product could be stored, so that it is not paid for again. False: the task has gone on without
-- this owner.
create function save_vendor_answer(
    p_task_id uuid, p_owner uuid, p_answer jsonb, p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    vendor text;
begin
    update automation_tasks
    set state = 'data_finished', vendor_answer = p_answer, updated_at = p_now
    where id = p_task_id and lease_owner = p_owner and state = 'processing'
    returning asks into vendor;
    if found then
        perform vendor_answered(vendor, p_owner, p_now);
        return true;
    end if;
    return exists (
        select from automation_tasks where id = p_task_id and lease_owner = p_owner and state = 'data_finished'
    );
end
$$;

-- Inserts new manufacturers; `p_names` is {key: name}, the empty key is no manufacturer. Known ones are left out first, because
-- `on conflict` alone would wait for a transaction that counts them.
create function know_manufacturers(p_names jsonb) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    given text[] := array(select jsonb_object_keys(p_names - ''));
    known text[] := array(select key from manufacturers where key = any (given));
begin
    if not known @> given then
        insert into manufacturers (key, name)
        select key, value from jsonb_each_text(p_names) where key = any (given) and key <> all (known)
        order by key
        on conflict (key) do nothing;
    end if;
end
$$;

-- Counts one finished automation task of a manufacturer; reliability follows from these counts, which lose weight with time.
-- `p_taken_back` is the weight of failures that a redriven success makes good. Many tasks share the row, and it stays locked
-- until the transaction ends, so this is called last.
create function count_manufacturer(
    p_key text,
    p_name text,
    p_success boolean,
    p_taken_back double precision,
    p_half_life_days double precision,
    p_now timestamptz
) returns void
language sql set search_path = public, pg_temp
begin atomic
    insert into manufacturers as m (key, name, attempts, successes, counted_at)
    select p_key, p_name, 1, p_success::integer, p_now where p_key <> ''
    on conflict (key) do update
    set attempts = 1 + greatest(
            m.attempts * weight_left(m.counted_at, p_half_life_days, p_now) - p_taken_back,
            m.successes * weight_left(m.counted_at, p_half_life_days, p_now)
        ),
        successes = p_success::integer + m.successes * weight_left(m.counted_at, p_half_life_days, p_now),
        counted_at = greatest(m.counted_at, p_now);
end;

-- What is left of the counted failures whose dead letters were redriven until this task came of them.
create function redriven_failures(
    p_task_id uuid, p_half_life_days double precision, p_now timestamptz
) returns double precision
language sql stable set search_path = public, pg_temp
return (
    with recursive letters as (
        select redrives from automation_tasks where id = p_task_id
        union
        select t.redrives from automation_tasks as t inner join letters as l on t.id = l.redrives
    )

    select coalesce(sum(weight_left(t.finished_at, p_half_life_days, p_now)), 0)
    from letters as l inner join automation_tasks as t on t.id = l.redrives
    where t.state = 'failed' and t.blame = 'record'
);

-- Stores the vendor's answer with its product and ends the task, in one transaction. `p_answer` is null when it was saved before.
-- False: the task has gone on without this owner.
create function finish_automation_task(
    p_task_id uuid,
    p_owner uuid,
    p_answer jsonb,
    p_product jsonb,
    p_half_life_days double precision,
    p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    task automation_tasks;
begin
    select * into task from automation_tasks where id = p_task_id for update;
    if task.state = 'completed' then
        return true;
    end if;
    if task.lease_owner is distinct from p_owner or task.state not in ('processing', 'data_finished') then
        return false;
    end if;
    if task.state = 'processing' then
        if p_answer is null then
            return false;
        end if;
        update automation_tasks set state = 'data_finished', vendor_answer = p_answer, updated_at = p_now where id = p_task_id;
    end if;
    -- both in one call, which inserts them in order: else two tasks could wait for each other's new manufacturer
    perform know_manufacturers(
        jsonb_build_object(coalesce(p_product ->> 'manufacturer_key', ''), p_product ->> 'manufacturer')
        || jsonb_build_object(coalesce(task.manufacturer_key, ''), task.manufacturer)
    );
    perform write_product(task.record_key, task.id, 'automation', p_product, p_now);
    update automation_tasks set state = 'supabase_finished', updated_at = p_now where id = p_task_id;
    update automation_tasks
    set state = 'completed', lease_owner = null, lease_until = null, sweep_after = null, finished_at = p_now,
        updated_at = p_now
    where id = p_task_id;
    if p_answer is not null then
        perform vendor_answered(task.asks, p_owner, p_now);
    end if;
    -- a record without a manufacturer has no history: the vendor's name for it is not the source's
    perform count_manufacturer(
        task.manufacturer_key, task.manufacturer, true, redriven_failures(p_task_id, p_half_life_days, p_now),
        p_half_life_days, p_now
    );
    return true;
end
$$;

-- True when `p_owner` gave this task back last: the call is repeated because its answer was lost.
create function was_released_by(p_task_id uuid, p_owner uuid) returns boolean
language sql stable set search_path = public, pg_temp
return exists (
    select from automation_tasks
    where id = p_task_id and released_by = p_owner and lease_owner is null and state not in ('completed', 'failed')
);

-- Gives the task back to the queue after a failed delivery. `p_refund` takes back the attempt that the claim counted. A probe
-- that ends here has found out nothing: the next claim is another.
create function release_automation_task(
    p_task_id uuid,
    p_owner uuid,
    p_category error_category,
    p_message text,
    p_answer jsonb,
    p_refund boolean,
    p_patience_seconds double precision,
    p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
begin
    update automation_tasks
    set attempts = attempts - (p_refund and attempt_counted)::integer, attempt_counted = false, released_by = p_owner,
        lease_owner = null, lease_until = null, error_category = p_category, error_message = p_message,
        error_answer = coalesce(p_answer, error_answer),
        sweep_after = p_now + make_interval(secs => p_patience_seconds), updated_at = p_now
    where id = p_task_id and lease_owner = p_owner and state not in ('completed', 'failed');
    if not found then
        return was_released_by(p_task_id, p_owner);
    end if;
    perform free_probe(p_owner);
    return true;
end
$$;

-- Renews the queue task that ends with this delivery, as its next generation; the attempt is not counted.
-- Returns the generation to enqueue, or null: the task has gone on without this owner.
create function renew_automation_task(
    p_task_id uuid,
    p_owner uuid,
    p_message text,
    p_grace_seconds double precision,
    p_now timestamptz default clock_timestamp()
) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    next_generation integer;
begin
    update automation_tasks
    set generation = generation + 1, renewed = renewed + 1, attempts = attempts - attempt_counted::integer,
        attempt_counted = false, released_by = p_owner, enqueued_at = null, lease_owner = null, lease_until = null,
        error_category = 'rate_limited', error_message = p_message,
        sweep_after = p_now + make_interval(secs => p_grace_seconds), updated_at = p_now
    where id = p_task_id and lease_owner = p_owner and state not in ('completed', 'failed')
    returning generation into next_generation;
    perform free_probe(p_owner);
    if next_generation is null and was_released_by(p_task_id, p_owner) then
        select generation into next_generation from automation_tasks where id = p_task_id;
    end if;
    return next_generation;
end
$$;

-- The queue holds these generations: `p_tasks` is [{id, generation}]. A task that has changed meanwhile stays as it is.
create function note_enqueued(
    p_tasks jsonb, p_patience_seconds double precision, p_now timestamptz default clock_timestamp()
) returns void
language sql set search_path = public, pg_temp
begin atomic
    select from automation_tasks
    where id in (select id from jsonb_to_recordset(p_tasks) as given (id uuid)) order by id for update;
    update automation_tasks as t
    set enqueued_at = p_now, updated_at = p_now,
        sweep_after = greatest(p_now, not_before) + make_interval(secs => p_patience_seconds)
    from jsonb_to_recordset(p_tasks) as given (id uuid, generation integer)
    where t.id = given.id and t.generation = given.generation and enqueued_at is null
        and state not in ('completed', 'failed');
end;

-- Ends a task as failed. A dead letter is due unless `p_to_manual` is false.
create function end_as_failed(
    task automation_tasks, p_category error_category, p_message text, p_answer jsonb, p_to_manual boolean,
    p_grace_seconds double precision, p_now timestamptz
) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    update automation_tasks
    set state = 'failed', error_category = p_category, error_message = p_message,
        error_answer = coalesce(p_answer, error_answer), lease_owner = null, lease_until = null,
        hand_over = case when p_to_manual then 'due' else 'off' end::hand_over,
        sweep_after = case when p_to_manual then p_now + make_interval(secs => p_grace_seconds) end,
        finished_at = p_now, updated_at = p_now
    where id = task.id;
end
$$;

-- Dead-letters a task for its owner. A failure that is the record's counts for its manufacturer, and shows that the vendor
-- answers, unless it answered something unreadable. False: the task has gone on without this owner.
create function fail_automation_task(
    p_task_id uuid,
    p_owner uuid,
    p_category error_category,
    p_message text,
    p_answer jsonb,
    p_blame blame,
    p_to_manual boolean,
    p_half_life_days double precision,
    p_grace_seconds double precision,
    p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    task automation_tasks;
begin
    select * into task from automation_tasks where id = p_task_id for update;
    if task.state = 'failed' then
        return true;
    end if;
    if task.state = 'completed' or task.lease_owner is distinct from p_owner then
        return false;
    end if;
    if p_blame = 'record' then -- before the batch's counts are locked, as where a task is finished
        perform know_manufacturers(jsonb_build_object(coalesce(task.manufacturer_key, ''), task.manufacturer));
    end if;
    update automation_tasks set blame = p_blame where id = p_task_id;
    perform end_as_failed(task, p_category, p_message, p_answer, p_to_manual, p_grace_seconds, p_now);
    if p_blame = 'record' and p_category <> 'invalid_response' and task.vendor_answer is null then
        perform vendor_answered(task.asks, p_owner, p_now);
    end if;
    perform free_probe(p_owner);
    if p_blame = 'record' then
        perform count_manufacturer(task.manufacturer_key, task.manufacturer, false, 0, p_half_life_days, p_now);
    end if;
    return true;
end
$$;
