-- These triggers check every write, so no code can make an illegal change of state or skip the audit.

-- The arrows of `automation_state`; its comments show them.
create function automation_arrow_is_legal(from_state automation_state, to_state automation_state) returns boolean
language sql immutable set search_path = public, pg_temp
return case from_state
    when 'initialized' then to_state in ('processing', 'failed')
    when 'processing' then to_state in ('data_finished', 'failed')
    when 'data_finished' then to_state in ('supabase_finished', 'failed')
    when 'supabase_finished' then to_state in ('completed', 'failed')
    else false
end;

-- The arrows of `manual_state`.
create function manual_arrow_is_legal(from_state manual_state, to_state manual_state) returns boolean
language sql immutable set search_path = public, pg_temp
return case from_state
    when 'initialized' then to_state = 'processing'
    when 'processing' then true -- to itself: another person took an expired claim
    else to_state = 'processing' -- taken back
end;

-- Refuses illegal arrows and appends the event row of each legal one.
create function guard_automation_state() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'initialized' then
            raise exception 'an automation task begins as initialized, not as %', new.state using errcode = 'check_violation';
        end if;
    elsif new.state = old.state then
        return null;
    elsif not automation_arrow_is_legal(old.state, new.state) then
        raise exception 'automation task %: % -> % is no arrow', new.id, old.state, new.state
            using errcode = 'check_violation';
    end if;
    insert into task_events (task_kind, task_id, batch_id, from_state, to_state, detail, at)
    values (
        'automation', new.id, new.batch_id, case when tg_op = 'UPDATE' then old.state::text end, new.state,
        jsonb_strip_nulls(jsonb_build_object(
            'attempts', new.attempts, 'owner', coalesce(new.lease_owner, case when tg_op = 'UPDATE' then old.lease_owner end),
            'category', new.error_category, 'message', new.error_message
        )),
        new.updated_at
    );
    return null;
end
$$;

create trigger automation_task_state after insert or update of state on automation_tasks
for each row execute function guard_automation_state();

-- A try that failed and is followed by another one is an event too, with the vendor's words where it gave any.
create function note_failed_try() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    insert into task_events (task_kind, task_id, batch_id, from_state, to_state, detail, at)
    values (
        'automation', new.id, new.batch_id, old.state, new.state,
        jsonb_strip_nulls(jsonb_build_object(
            'attempts', old.attempts, 'owner', new.released_by, 'category', new.error_category, 'message', new.error_message,
            'answer', case when new.error_answer is distinct from old.error_answer then new.error_answer end,
            'not_before', new.not_before
        )),
        new.updated_at
    );
    return null;
end
$$;

create trigger automation_task_failed_try after update of released_by on automation_tasks
for each row when (new.released_by is distinct from old.released_by) execute function note_failed_try();

-- The same for manual tasks; a change of the person is an event too.
create function guard_manual_state() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'initialized' then
            raise exception 'a manual task begins as initialized, not as %', new.state using errcode = 'check_violation';
        end if;
    elsif new.state = old.state and new.assignee is not distinct from old.assignee then
        return null;
    elsif not manual_arrow_is_legal(old.state, new.state) then
        raise exception 'manual task %: % -> % is no arrow', new.id, old.state, new.state
            using errcode = 'check_violation';
    elsif old.state in ('completed', 'failed') and new.assignee is distinct from old.assignee then
        raise exception 'manual task %: only % can take back what % ended', new.id, old.assignee, old.assignee
            using errcode = 'check_violation';
    end if;
    insert into task_events (task_kind, task_id, batch_id, from_state, to_state, detail, at)
    values (
        'manual', new.id, new.batch_id, case when tg_op = 'UPDATE' then old.state::text end, new.state,
        jsonb_strip_nulls(jsonb_build_object(
            'assignee', coalesce(new.assignee, case when tg_op = 'UPDATE' then old.assignee end), 'note', new.note,
            'cause', new.cause
        )),
        new.updated_at
    );
    return null;
end
$$;

create trigger manual_task_state after insert or update of state on manual_tasks
for each row execute function guard_manual_state();

-- Gives a record's claim back exactly when its last work ends, and writes the verdict on its content. What waited for that has
-- its turn: contents without a next turn on which no person has decided. Turns are locked in their order, as everywhere.
create function close_record() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    person text := case tg_table_name when 'manual_tasks' then to_jsonb(new) ->> 'assignee' end;
begin
    update records set open = false where record_key = new.record_key;
    update turns as t
    set verdict = case when t.content_hash = new.content_hash then new.state::text::turn_verdict else t.verdict end,
        by = case when t.content_hash = new.content_hash then person else t.by end,
        note = case when t.content_hash = new.content_hash then to_jsonb(new) ->> 'note' else t.note end,
        next_turn = case
            when t.content_hash <> new.content_hash then new.finished_at
            when person is not null then null
            when new.state = 'completed' then new.finished_at + t.reprocess
            else new.finished_at + least(t.reprocess, interval '1 day')
        end,
        changed_at = greatest(new.finished_at, t.changed_at + interval '1 microsecond'), ledger_due = true
    from (
        select content_hash from turns
        where record_key = new.record_key and (
            content_hash = new.content_hash
            or (next_turn is null and (verdict in ('waiting', 'asked') or (verdict in ('completed', 'failed') and by is null)))
        )
        order by content_hash for update
    ) as ended
    where t.record_key = new.record_key and t.content_hash = ended.content_hash;
    return null;
end
$$;

create trigger automation_task_closes_record after update of state on automation_tasks
for each row when (
    new.state <> old.state and (new.state = 'completed' or (new.state = 'failed' and new.hand_over = 'off'))
)
execute function close_record();

create trigger manual_task_closes_record after update of state on manual_tasks
for each row when (new.state <> old.state and new.state in ('completed', 'failed'))
execute function close_record();

-- A dead letter's record is with a person from now on.
create function note_hand_over() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    update turns set verdict = 'with_a_person'
    where record_key = new.record_key and content_hash = new.content_hash and verdict = 'in_flight';
    return null;
end
$$;

create trigger fallback_task_moves_turn after insert on manual_tasks
for each row when (new.automation_task_id is not null) execute function note_hand_over();

-- The audit is append-only.
create trigger task_events_append_only before update or delete on task_events
for each row execute function refuse_rewriting();
create trigger task_events_are_kept before truncate on task_events
for each statement execute function refuse_rewriting();
create trigger task_events_are_kept before truncate on task_events_default
for each statement execute function refuse_rewriting();
