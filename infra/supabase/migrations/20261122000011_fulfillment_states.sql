-- These triggers check every write, so no code can make an illegal change of state or skip the history.

-- The arrows of `order_state`; its comments show them.
create function order_arrow_is_legal(from_state order_state, to_state order_state) returns boolean
language sql immutable set search_path = public, pg_temp
return case from_state
    when 'pending_acceptance' then to_state in ('accepted', 'acceptance_failed', 'refused', 'cancelled')
    when 'acceptance_failed' then to_state in ('pending_acceptance', 'accepted', 'refused', 'cancelled')
    when 'accepted' then to_state in ('label_created', 'label_unknown', 'label_failed', 'shipped', 'refused', 'cancelled')
    when 'label_unknown' then to_state in ('label_created', 'label_failed', 'shipped', 'cancelled')
    when 'label_failed' then to_state in ('accepted', 'shipped', 'cancelled')
    when 'label_created' then to_state in ('shipped', 'tracking_failed', 'cancelled')
    when 'tracking_failed' then to_state in ('label_created', 'shipped', 'cancelled')
    else false
end;

-- The arrows of `shipment_state`.
create function shipment_arrow_is_legal(from_state shipment_state, to_state shipment_state) returns boolean
language sql immutable set search_path = public, pg_temp
return case from_state
    when 'requested' then to_state in ('bought', 'unknown', 'failed')
    when 'unknown' then to_state in ('bought', 'failed')
    when 'bought' then to_state = 'undo_due'
    when 'failed' then to_state = 'undo_due'
    else false
end;

-- The arrows of `stage_state`.
create function stage_arrow_is_legal(from_state stage_state, to_state stage_state) returns boolean
language sql immutable set search_path = public, pg_temp
return case from_state
    when 'running' then to_state in ('finished', 'failed')
    when 'failed' then to_state = 'running'
    else false
end;

-- Refuses illegal arrows and appends the history row of each legal one.
create function guard_order_state() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'pending_acceptance' then
            raise exception 'an order begins as pending_acceptance, not as %', new.state using errcode = 'check_violation';
        end if;
    elsif new.state = old.state then
        return null;
    elsif not order_arrow_is_legal(old.state, new.state) then
        raise exception 'order %: % -> % is no arrow', new.order_id, old.state, new.state using errcode = 'check_violation';
    end if;
    insert into order_status_history (order_id, from_state, to_state, reason, stage, at)
    values (
        new.order_id, case when tg_op = 'UPDATE' then old.state end, new.state, new.reason, new.stage, new.updated_at
    );
    return null;
end
$$;

create trigger order_state after insert or update of state on orders
for each row execute function guard_order_state();

-- An ended order needs no label, requested or paid for; a shipped order keeps the label it was shipped with.
create function give_up_shipment() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    update shipments set wanted = false, updated_at = new.updated_at
    where order_id = new.order_id and state in ('requested', 'unknown', 'bought')
        and (new.state <> 'shipped' or label_path is null);
    return null;
end
$$;

create trigger order_gives_up_shipment after update of state on orders
for each row when (new.state <> old.state and new.state in ('shipped', 'refused', 'cancelled'))
execute function give_up_shipment();

-- Refuses illegal arrows.
create function guard_shipment_state() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'requested' then
            raise exception 'a shipment begins as requested, not as %', new.state using errcode = 'check_violation';
        end if;
    elsif new.state <> old.state and not shipment_arrow_is_legal(old.state, new.state) then
        raise exception 'shipment %: % -> % is no arrow', new.request_id, old.state, new.state
            using errcode = 'check_violation';
    end if;
    return null;
end
$$;

create trigger shipment_state after insert or update of state on shipments
for each row execute function guard_shipment_state();

-- Refuses illegal arrows.
create function guard_stage_state() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'running' then
            raise exception 'a stage begins as running, not as %', new.state using errcode = 'check_violation';
        end if;
    elsif new.state <> old.state and not stage_arrow_is_legal(old.state, new.state) then
        raise exception 'stage % of cycle %: % -> % is no arrow', new.stage, new.cycle, old.state, new.state
            using errcode = 'check_violation';
    end if;
    return null;
end
$$;

create trigger stage_state after insert or update of state on stage_runs
for each row execute function guard_stage_state();

create trigger order_status_history_append_only before update or delete on order_status_history
for each row execute function refuse_rewriting();
create trigger order_status_history_is_kept before truncate on order_status_history
for each statement execute function refuse_rewriting();
