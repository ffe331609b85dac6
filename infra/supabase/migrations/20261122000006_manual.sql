-- The functions for people: claim, release, complete and fail manual tasks. A claim is a lease; of two people one gets it.

-- What stood before a person ended a task, while that person may take it back. It goes when the time is over.
create table manual_endings (
    task_id uuid primary key references manual_tasks (id),
    until timestamptz not null,
    note text,
    openings integer not null, -- of the record: more of them show that it was opened since
    turns_before jsonb not null, -- {content_hash: {verdict, by, note, next_turn}}
    turns_after jsonb not null,
    layers_before jsonb, -- the record's row of `record_layers`; null when there was none
    product_before jsonb, -- its row of `products`
    last_field bigint not null default 0 -- the latest of `person_fields` of the product that the ending left
);
create index manual_endings_by_time on manual_endings (until);

-- What a person has typed for a task and not sent yet. It outlasts the claim and the task.
create table manual_drafts (
    task_id uuid not null references manual_tasks (id),
    assignee text not null,
    fields jsonb not null,
    removed jsonb not null,
    origins jsonb not null,
    note text,
    saved_at timestamptz not null,
    primary key (task_id, assignee)
);

-- A person's draft of a task; without one, the latest of anybody. Null when there is none.
create function draft_of(p_task_id uuid, p_assignee text) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select jsonb_build_object(
        'fields', fields, 'removed', removed, 'origins', origins, 'note', note, 'by', assignee, 'saved_at', saved_at
    )
    from manual_drafts where task_id = p_task_id
    order by assignee = p_assignee desc nulls last, saved_at desc, assignee limit 1
);

-- The turns of a record that the end of a task on `p_content_hash` changes, as `close_record` chooses them.
create function turns_to_end(p_record_key text, p_content_hash text) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_object_agg(content_hash, jsonb_build_object(
        'verdict', verdict, 'by', by, 'note', note, 'next_turn', next_turn at time zone 'UTC'
    )), '{}')
    from turns where record_key = p_record_key and (
        content_hash = p_content_hash
        or (next_turn is null and (verdict in ('waiting', 'asked') or (verdict in ('completed', 'failed') and by is null)))
    )
);

-- The same facts of these turns now.
create function turns_now(p_record_key text, p_contents jsonb) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_object_agg(content_hash, jsonb_build_object(
        'verdict', verdict, 'by', by, 'note', note, 'next_turn', next_turn at time zone 'UTC'
    )), '{}')
    from turns where record_key = p_record_key
        and content_hash in (select jsonb_object_keys(p_contents))
);

-- Notes what stands before the task is ended, and removes a few notes whose time is over. The task and its product are locked;
-- the record and its turns are from here on.
create function note_ending(
    task manual_tasks, p_layers jsonb, p_product jsonb, p_undo_seconds double precision, p_now timestamptz
) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    opened integer;
begin
    delete from manual_endings where task_id in (
        select task_id from manual_endings where until < p_now order by until limit 20 for update skip locked
    );
    select openings into opened from records where record_key = task.record_key for update;
    perform from turns where record_key = task.record_key order by content_hash for update;
    insert into manual_endings as e (
        task_id, until, note, openings, turns_before, turns_after, layers_before, product_before
    )
    values (
        task.id, p_now + make_interval(secs => p_undo_seconds), task.note, opened,
        turns_to_end(task.record_key, task.content_hash), '{}', p_layers, p_product
    )
    on conflict (task_id) do update
    set until = excluded.until, note = excluded.note, openings = excluded.openings, turns_before = excluded.turns_before,
        turns_after = excluded.turns_after, layers_before = excluded.layers_before, product_before = excluded.product_before,
        last_field = excluded.last_field;
end
$$;

-- Notes what the end of the task has left.
create function note_ended(task manual_tasks) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    update manual_endings
    set turns_after = turns_now(task.record_key, turns_before),
        last_field = coalesce((
            select max(f.id) from record_layers as own
            inner join record_layers as l on l.product_id = own.product_id
            cross join lateral ( -- each side has an index of its own
                select id from person_fields where record_key = l.record_key and replaced_at is null
                union all
                select id from person_fields where record_key = l.record_key and replaced_at is not null
            ) as f
            where own.record_key = task.record_key
        ), 0)
    where task_id = task.id;
end
$$;

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
        'created_at', task.created_at, 'finished_at', task.finished_at, 'undo_until', task.undo_until
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

-- Stores what the person says, derives the product and ends the task, in one transaction. `p_fields` also has `removed`
-- ({attributes, docs, images}: what the product shall not have) and `origins` ({field: source, vendor, similar or typed}).
create function complete_manual_task(
    p_task_id uuid,
    p_assignee text,
    p_fields jsonb,
    p_manufacturer_key text, -- of the edited manufacturer, null when it was not edited
    p_note text,
    p_undo_seconds double precision default 900,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks := manual_task_ended_by(p_task_id, p_assignee, 'completed');
    layers jsonb;
    product_before jsonb;
    product_id uuid;
begin
    if task.edited_fields = p_fields then
        return manual_task_view(task);
    end if;
    task := take_own_manual_task(p_task_id, p_assignee, p_now);
    select to_jsonb(l), to_jsonb(p) into layers, product_before -- the product changes for others, the record's layers do not
    from record_layers as l left join products as p on p.id = l.product_id where l.record_key = task.record_key;
    product_id := write_person_fields(task, p_fields, p_manufacturer_key, p_now);
    perform note_ending(task, layers, product_before, p_undo_seconds, p_now);
    update manual_tasks
    set state = 'completed', undo_until = p_now + make_interval(secs => p_undo_seconds), claimed_until = null,
        edited_fields = p_fields, note = coalesce(p_note, note),
        result = jsonb_build_object('product_id', product_id),
        product = product_view(product_id, null, null, null, null, null, null) -> 'product', finished_at = p_now,
        updated_at = p_now
    where id = p_task_id
    returning * into task;
    perform note_ended(task);
    delete from manual_drafts where task_id = p_task_id and assignee = p_assignee;
    return manual_task_view(task);
end
$$;

-- Ends a task that cannot be completed; the note gives the reason.
create function fail_manual_task(
    p_task_id uuid, p_assignee text, p_note text, p_undo_seconds double precision default 900,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks := manual_task_ended_by(p_task_id, p_assignee, 'failed');
begin
    if task.note = p_note then
        return manual_task_view(task);
    end if;
    task := take_own_manual_task(p_task_id, p_assignee, p_now);
    perform note_ending(task, null, null, p_undo_seconds, p_now);
    update manual_tasks
    set state = 'failed', claimed_until = null, note = p_note, undo_until = p_now + make_interval(secs => p_undo_seconds),
        finished_at = p_now, updated_at = p_now
    where id = p_task_id
    returning * into task;
    perform note_ended(task);
    return manual_task_view(task);
end
$$;
