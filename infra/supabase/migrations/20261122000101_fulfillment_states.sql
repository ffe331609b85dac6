-- These triggers check every write, so no code can make an illegal change of state or skip the history.

-- The arrows of `order_state`; its comments show them.
create function order_arrow_is_legal(from_state order_state, to_state order_state) returns boolean
language sql immutable set search_path = public, pg_temp
return case from_state
    when 'pending_acceptance' then to_state in ('accepted', 'acceptance_failed', 'refused', 'cancelled')
    when 'acceptance_failed' then to_state in ('pending_acceptance', 'accepted', 'refused', 'cancelled')
    when 'accepted' then to_state in ('label_created', 'label_unknown', 'label_failed', 'shipped', 'refused', 'cancelled')
    when 'label_unknown' then to_state in ('label_created', 'accepted', 'label_failed', 'shipped', 'cancelled')
    when 'label_failed' then to_state in ('accepted', 'shipped', 'cancelled')
    when 'label_created' then to_state in ('shipped', 'tracking_failed', 'accepted', 'cancelled')
    when 'tracking_failed' then to_state in ('label_created', 'accepted', 'shipped', 'cancelled')
    else false
end;

-- The arrows of `shipment_state`.
create function shipment_arrow_is_legal(from_state shipment_state, to_state shipment_state) returns boolean
language sql immutable set search_path = public, pg_temp
return case from_state
    when 'requested' then to_state in ('bought', 'unknown', 'failed')
    when 'unknown' then to_state in ('bought', 'failed')
    when 'bought' then to_state = 'undo_due'
    when 'failed' then to_state in ('bought', 'undo_due')
    when 'undo_due' then to_state in ('undo_asked', 'voided', 'refunded', 'disputed')
    when 'undo_asked' then to_state in ('voided', 'refunded', 'disputed')
    when 'disputed' then to_state = 'refunded'
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

-- The moment from which an order has waited too long in its state.
create function limit_of(
    p_state order_state, p_ordered_at timestamptz, p_since timestamptz, p_ship_before timestamptz, p_limit order_limits
) returns timestamptz
language sql stable
return least(
    case p_state when 'pending_acceptance' then p_ordered_at else p_since end + p_limit.within,
    case
        when p_ship_before - p_limit.before_shipping is not null then greatest(p_ship_before - p_limit.before_shipping, p_since)
    end
);

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

-- A state begins when the row enters it.
create function note_state_since() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    new.state_since := new.updated_at;
    return new;
end
$$;

create trigger order_state_since before update of state on orders
for each row when (new.state <> old.state) execute function note_state_since();

-- Notes a finding once. One that a person has closed is not opened again for the same reason, unless that person had it tried
-- again.
create function add_finding(
    p_kind text, p_subject text, p_order_id text, p_reason text, p_found_by text, p_raw jsonb default null,
    p_now timestamptz default clock_timestamp()
) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    if (
        select closed_by is not null and not tried_again and reason = p_reason from findings
        where subject = p_subject and kind = p_kind order by id desc limit 1
    ) then
        return;
    end if;
    insert into findings as f (kind, subject, order_id, reason, raw, found_by, since, seen_at)
    values (p_kind, p_subject, p_order_id, p_reason, p_raw, p_found_by, p_now, p_now)
    on conflict (kind, subject) where closed_at is null do update
    set reason = excluded.reason, raw = coalesce(excluded.raw, f.raw), seen_at = p_now;
end
$$;

-- The findings that end when the order moves on, or ends.
create function finding_ends_with_a_move(p_kind text, p_state order_state) returns boolean
language sql immutable set search_path = public, pg_temp
return case p_kind
    when 'no_parcel' then p_state <> 'acceptance_failed'
    when 'other_api' then true
    when 'label_unusable' then true
    else false
end;

-- The number on the label, and the one that the marketplace shows, as one person would read them.
create function same_number(one text, other text) returns boolean
language sql immutable set search_path = public, pg_temp
return upper(regexp_replace(coalesce(one, ''), '\s', '', 'g')) = upper(regexp_replace(coalesce(other, ''), '\s', '', 'g'));

-- An ended order needs no label, requested or paid for; a shipped order keeps the label that it was shipped with. An order that
-- ended because of our delay or failure, or without our label, stays a person's business.
create function end_order() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    why text;
    is_ours boolean;
begin
    is_ours := exists (
        select from shipments
        where order_id = new.order_id and wanted and state = 'bought' and label_path is not null
            and (new.tracking_number is null or same_number(tracking_number, new.tracking_number))
    );
    update shipments set wanted = false, updated_at = new.updated_at
    where order_id = new.order_id and wanted and state in ('requested', 'unknown', 'bought')
        and (new.state <> 'shipped' or not is_ours or label_path is null);
    why := case
        when new.state = 'shipped' and old.state in ('label_created', 'tracking_failed') and not is_ours then
            'it was shipped under another number, our label is not used'
        when new.state = 'shipped' and old.state in ('accepted', 'label_unknown', 'label_failed') then
            'the marketplace shipped or closed it without our label'
        when new.state = 'cancelled' and old.state in ('acceptance_failed', 'label_failed', 'tracking_failed') then
            format('it ended at the marketplace after our failure: %s', coalesce(old.reason, old.state::text))
        when new.state = 'cancelled' and exists (
            select from findings where order_id = new.order_id and closed_at is null and kind in ('no_parcel', 'unreadable')
        ) then 'it was cancelled while it waited for a person'
        when new.state = 'cancelled' then (
            select format('it was cancelled at the marketplace after our time had passed: %s', l.reason)
            from order_limits as l
            where l.what = old.state::text
                and limit_of(old.state, old.ordered_at, old.state_since, old.ship_before, l) <= new.updated_at
        )
    end;
    if why is not null then
        perform add_finding(
            'ended_without_us', new.order_id, new.order_id, why, coalesce(new.stage, 'a stage'), null, new.updated_at
        );
    end if;
    return null;
end
$$;

create trigger order_ends after update of state on orders
for each row when (new.state <> old.state and new.state in ('shipped', 'refused', 'cancelled'))
execute function end_order();

-- Closes what a move answers.
create function close_findings_of_move() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    update findings set closed_at = new.updated_at
    where order_id = new.order_id and closed_at is null and finding_ends_with_a_move(kind, new.state);
    return null;
end
$$;

create trigger order_move_closes_findings after update of state on orders
for each row when (new.state <> old.state) execute function close_findings_of_move();

-- A label goes to the address that was read before its purchase: a person decides about a later one.
create function notice_new_address() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    -- a person's word about one change is no word about the next
    moment constant text := to_char(new.marketplace_updated_at at time zone 'UTC', ' (YYYY-MM-DD HH24:MI:SS "UTC")');
begin
    if exists (
        select from shipments where order_id = new.order_id and wanted and called_at is not null
            and state in ('requested', 'unknown', 'bought')
    ) then
        perform add_finding(
            'address_changed', new.order_id, new.order_id,
            format('the address was changed after its label was asked for%s', moment),
            coalesce(new.stage, 'a stage'), null, new.updated_at
        );
    elsif new.address_override is not null then
        perform add_finding(
            'address_changed', new.order_id, new.order_id,
            format('the marketplace''s address changed; a person''s own address is used%s', moment),
            coalesce(new.stage, 'a stage'), null, new.updated_at
        );
    end if;
    return null;
end
$$;

create trigger order_address_changes after update of address on orders
for each row when (
    old.address is not null and new.address is distinct from old.address and new.state not in ('shipped', 'refused', 'cancelled')
)
execute function notice_new_address();

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

create trigger order_decisions_append_only before update or delete on order_decisions
for each row execute function refuse_rewriting();
create trigger order_decisions_are_kept before truncate on order_decisions
for each statement execute function refuse_rewriting();
create trigger order_status_history_append_only before update or delete on order_status_history
for each row execute function refuse_rewriting();
create trigger order_status_history_is_kept before truncate on order_status_history
for each statement execute function refuse_rewriting();
