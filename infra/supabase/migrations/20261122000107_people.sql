-- What people decide about orders. Each decision has a person (`p_by`) and a note, and may be repeated.

-- Locks an order. Raises PT404.
create function locked_order(p_order_id text) returns orders
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders;
begin
    select * into one from orders where order_id = p_order_id for no key update;
    if not found then
        raise exception 'no order %', p_order_id using errcode = 'PT404';
    end if;
    return one;
end
$$;

-- Records a person's decision, once it has changed something.
create function note_decision(
    p_order_id text, p_decision text, p_by text, p_note text, p_now timestamptz, p_detail jsonb default '{}'
) returns void
language sql set search_path = public, pg_temp
begin atomic
    insert into order_decisions (order_id, decision, by, note, detail, at)
    values (p_order_id, p_decision, p_by, p_note, p_detail, p_now);
end;

-- A person closes the order's open findings of these kinds. True when there was one.
create function close_findings_by(p_order_id text, p_kinds text[], p_by text, p_note text, p_now timestamptz) returns boolean
language plpgsql set search_path = public, pg_temp as $$
begin
    perform from findings where order_id = p_order_id and closed_at is null and kind = any (p_kinds)
    order by id for no key update;
    update findings set closed_at = p_now, closed_by = p_by, note = p_note
    where order_id = p_order_id and closed_at is null and kind = any (p_kinds);
    return found;
end
$$;

-- Why a retry would certainly fail again: the label failed by address, lines, sizes or parcels alone, without a call to the
-- carrier, and all of them are as they were. Null: it may help.
create function why_unmended(one orders) returns text
language sql stable set search_path = public, pg_temp
return case when one.state = 'label_failed' and one.failed_facts = facts_of(one) then format(
    'it would fail again, for nothing has changed since: %s. Mend its address, parcels or sizes first, or retry it anyway',
    one.reason
) end;

-- Whether a retry would change something.
create function may_be_retried(one orders) returns boolean
language sql stable set search_path = public, pg_temp
return one.state in ('acceptance_failed', 'label_failed', 'tracking_failed') or exists (
    select from findings where order_id = one.order_id and closed_at is null and kind in ('no_parcel', 'other_api')
);

-- The stages try again: a failed order returns to the state in which its stage picks it up, and one that no single parcel can
-- carry is accepted all the same. `p_anyway` tries what would certainly fail by the facts that are stored here. Raises PT404,
-- PT409.
create function retry_order(
    p_order_id text, p_by text, p_note text, p_anyway boolean default false, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := locked_order(p_order_id);
    unmended constant text := why_unmended(one);
    no_parcel boolean;
    closed boolean;
begin
    if unmended is not null and not p_anyway then
        raise exception 'order %: %', p_order_id, unmended using errcode = 'PT409';
    end if;
    no_parcel := close_findings_by(p_order_id, '{no_parcel}', p_by, p_note, p_now);
    closed := close_findings_by(p_order_id, '{other_api}', p_by, p_note, p_now) or no_parcel;
    update findings set tried_again = true
    where order_id = p_order_id and closed_at = p_now and kind = 'other_api';
    if no_parcel and one.state in ('pending_acceptance', 'acceptance_failed') then
        update orders set accept_anyway = true, updated_at = p_now where order_id = p_order_id;
    end if;
    if one.state in ('acceptance_failed', 'label_failed', 'tracking_failed') then
        update orders
        set state = case one.state
                when 'acceptance_failed' then 'pending_acceptance' when 'label_failed' then 'accepted' else 'label_created'
            end::order_state,
            reason = p_note, stage = p_by, updated_at = p_now
        where order_id = p_order_id;
    elsif closed then
        update orders set reason = p_note, stage = p_by, updated_at = p_now where order_id = p_order_id;
    elsif one.stage is distinct from p_by or one.reason is distinct from p_note then -- else the call is repeated
        raise exception 'order % is %: there is nothing to retry', p_order_id, one.state using errcode = 'PT409';
    else
        return order_report(one, p_now);
    end if;
    perform note_decision(p_order_id, 'retry', p_by, p_note, p_now, jsonb_build_object('from', one.state, 'anyway', p_anyway));
    select * into one from orders where order_id = p_order_id;
    return order_report(one, p_now);
end
$$;

-- Retries all orders of a filter, at most `p_limit`. A dry run changes nothing. Returns {retried: [order ids], left: [{order_id,
-- reason}], dry_run}; `left` are those of the filter that could not be retried.
create function retry_orders(
    p_filter jsonb, p_limit integer, p_by text, p_note text, p_dry_run boolean, p_anyway boolean default false,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    wanted orders;
    retried text[] := '{}';
    kept jsonb := '[]';
begin
    for wanted in -- those that can be retried come first, so that the limit hides none of them
        select o.* from wanted_orders(p_filter, p_now) as w inner join orders as o using (order_id)
        order by not may_be_retried(o), o.order_id limit p_limit
    loop
        begin
            if not p_dry_run then
                perform retry_order(wanted.order_id, p_by, p_note, p_anyway, p_now);
            elsif not may_be_retried(wanted) then
                raise exception 'there is nothing to retry' using errcode = 'PT409';
            elsif not p_anyway and why_unmended(wanted) is not null then
                raise exception '%', why_unmended(wanted) using errcode = 'PT409';
            end if;
            retried := retried || wanted.order_id;
        exception when sqlstate 'PT409' then
            kept := kept || jsonb_build_object('order_id', wanted.order_id, 'reason', sqlerrm);
        end;
    end loop;
    return jsonb_build_object('retried', to_jsonb(retried), 'left', kept, 'dry_run', p_dry_run);
end
$$;

-- Whether a label that the order still needs was asked for at the carrier, and is in one of these states.
create function is_asked_for(p_order_id text, p_states shipment_state[]) returns boolean
language sql stable set search_path = public, pg_temp
return exists (
    select from shipments
    where order_id = p_order_id and wanted and state = any (p_states) and (state <> 'requested' or called_at is not null)
);

-- An address of a person's own, used for the label instead of the marketplace's, which is kept; null takes the marketplace's
-- again. An order whose label failed is tried again with it. Raises PT404, and PT409 for an order that has ended.
create function override_address(
    p_order_id text, p_address jsonb, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := locked_order(p_order_id);
begin
    if one.state in ('shipped', 'refused', 'cancelled') then
        raise exception 'order % is %: it needs no address', p_order_id, one.state using errcode = 'PT409';
    end if;
    if one.state <> 'label_failed'
        and one.address_override @> jsonb_build_object('address', p_address, 'by', p_by, 'note', p_note)
    then
        return order_report(one, p_now); -- a repeated call
    end if;
    perform close_findings_by(p_order_id, '{address_changed}', p_by, p_note, p_now);
    perform note_decision(p_order_id, 'address', p_by, p_note, p_now);
    update orders
    set address_override = case
            when jsonb_typeof(p_address) = 'object' then
                jsonb_build_object('address', p_address, 'by', p_by, 'note', p_note, 'at', p_now)
        end,
        state = case state when 'label_failed' then 'accepted' else state end,
        reason = case state when 'label_failed' then p_note else reason end,
        stage = case state when 'label_failed' then p_by else stage end,
        decision_count = decision_count + 1, updated_at = p_now
    where order_id = p_order_id
    returning * into one;
    if is_asked_for(p_order_id, '{requested,unknown,bought}') then
        perform add_finding(
            'address_changed', p_order_id, p_order_id, format(
                'a person''s own address was given after a label was asked for: relabel it%s',
                to_char(p_now at time zone 'UTC', ' (YYYY-MM-DD HH24:MI:SS "UTC")')
            ), p_by, null, p_now
        );
    end if;
    return order_report(one, p_now);
end
$$;

-- The order is to be refused at the marketplace; accept-orders sends it. Raises PT404, and PT409 once it is accepted or has
-- ended.
create function refuse_order(
    p_order_id text, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := locked_order(p_order_id);
begin
    if one.state not in ('pending_acceptance', 'acceptance_failed') then
        raise exception 'order % is %: only an order that is not accepted can be refused', p_order_id, one.state
            using errcode = 'PT409';
    end if;
    if one.refusal is null then
        perform note_decision(p_order_id, 'refuse', p_by, p_note, p_now);
    end if;
    update orders
    set refusal = coalesce(refusal, jsonb_build_object('by', p_by, 'note', p_note, 'at', p_now)),
        state = 'pending_acceptance', reason = p_note, stage = p_by, updated_at = p_now
    where order_id = p_order_id
    returning * into one;
    return order_report(one, p_now);
end
$$;

-- A person wants another label: the one that is paid for is to be undone, and the order gets a new one. Raises PT404, PT409.
create function relabel_order(
    p_order_id text, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := locked_order(p_order_id);
begin
    if one.state not in ('accepted', 'label_unknown', 'label_failed', 'label_created', 'tracking_failed') then
        raise exception 'order % is %: it gets no other label', p_order_id, one.state using errcode = 'PT409';
    end if;
    if exists (
        select from shipments
        where order_id = p_order_id and not wanted and message = p_note and not_needed_since > p_now - interval '1 hour'
    ) then
        return order_report(one, p_now); -- a repeated call, perhaps after the new label was bought
    end if;
    if is_asked_for(p_order_id, '{requested,unknown}') then
        raise exception 'order % has a label of unknown outcome: wait for it, or say not-sold', p_order_id
            using errcode = 'PT409';
    end if;
    update shipments set wanted = false, not_needed_since = p_now, message = p_note, updated_at = p_now
    where order_id = p_order_id and wanted and state = 'bought';
    if not found then
        raise exception 'order % has no label that could be replaced', p_order_id using errcode = 'PT409';
    end if;
    perform close_findings_by(p_order_id, '{address_changed}', p_by, p_note, p_now);
    perform note_decision(p_order_id, 'relabel', p_by, p_note, p_now);
    update orders set state = 'label_failed', reason = p_note, stage = p_by, updated_at = p_now
    where order_id = p_order_id and state = 'label_unknown';
    update orders set state = 'accepted', reason = p_note, stage = p_by, updated_at = p_now where order_id = p_order_id
    returning * into one;
    return order_report(one, p_now);
end
$$;

-- The order goes in so many parcels, each with a label of its own: by a stage's rule, or by a person's word, which tries a failed
-- label again. Raises PT404, and PT409 once a label is asked for, or when there were other decisions than the rule knows.
create function set_parcels(
    p_order_id text, p_parcels integer, p_by text, p_note text, p_decision_count integer default null,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := locked_order(p_order_id);
begin
    if one.decision_count <> coalesce(p_decision_count, one.decision_count) then
        raise exception 'a person has decided about order % meanwhile', p_order_id using errcode = 'PT409';
    end if;
    if one.parcels = p_parcels and one.state <> 'label_failed' then
        return order_report(one, p_now);
    end if;
    if one.state not in ('pending_acceptance', 'acceptance_failed', 'accepted', 'label_failed') then
        raise exception 'order % is %: its parcels are settled', p_order_id, one.state using errcode = 'PT409';
    end if;
    if is_asked_for(p_order_id, '{requested,unknown,bought}') then
        raise exception 'order % has a label: relabel it first', p_order_id using errcode = 'PT409';
    end if;
    perform close_findings_by(p_order_id, '{no_parcel}', p_by, p_note, p_now);
    if p_decision_count is null then -- else it is a stage's rule
        perform note_decision(
            p_order_id, 'parcels', p_by, p_note, p_now, jsonb_build_object('from', one.parcels, 'to', p_parcels)
        );
    end if;
    -- the same reason is found again if these parcels do not suffice
    update findings set tried_again = true where order_id = p_order_id and closed_at = p_now and kind = 'no_parcel';
    update orders
    set parcels = p_parcels, decision_count = decision_count + 1, updated_at = p_now,
        state = case state when 'label_failed' then 'accepted' else state end,
        reason = case state when 'label_failed' then p_note else reason end,
        stage = case state when 'label_failed' then p_by else stage end
    where order_id = p_order_id
    returning * into one;
    return order_report(one, p_now);
end
$$;

-- A person has seen at the carrier that an unclear call bought nothing: the order may get a label with the next request. Raises
-- PT404, PT409.
create function note_not_sold(
    p_order_id text, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    listed text;
    one orders := locked_order(p_order_id);
begin
    select c.shipment_id into listed
    from shipments as s inner join carrier_shipments as c on c.request_id = s.request_id
    where s.order_id = p_order_id and c.status is distinct from 'not listed' and s.state in ('requested', 'unknown')
    limit 1;
    if found then
        raise exception 'order %: the carrier lists shipment % for this request: it is sold', p_order_id, listed
            using errcode = 'PT409';
    end if;
    update shipments set state = 'failed', message = p_note, updated_at = p_now
    where order_id = p_order_id and state in ('requested', 'unknown');
    if found then
        perform close_findings_by(p_order_id, '{other_api}', p_by, p_note, p_now);
        perform note_decision(p_order_id, 'not_sold', p_by, p_note, p_now);
        update orders set state = 'label_failed', reason = p_note, stage = p_by, updated_at = p_now
        where order_id = p_order_id and state in ('accepted', 'label_unknown');
        update orders set state = 'accepted' where order_id = p_order_id and state = 'label_failed';
    elsif not exists (select from shipments where order_id = p_order_id and state = 'failed' and message = p_note) then
        raise exception 'order % has no label of unknown outcome', p_order_id using errcode = 'PT409';
    end if;
    select * into one from orders where order_id = p_order_id;
    return order_report(one, p_now);
end
$$;

-- A person says how the order's needless labels ended: `p_outcome` is voided, refunded or disputed (the money is given up).
-- Labels that were sold twice are seen to with that. Raises PT404, and PT409 when there is nothing to undo.
create function note_undone(
    p_order_id text, p_outcome text, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := locked_order(p_order_id);
    -- a refused refund is settled by a word of its own, not by that about another parcel's label
    is_for_others constant boolean := exists (
        select from shipments
        where order_id = p_order_id and (
            state in ('undo_due', 'undo_asked') or (undone_by = p_by and message = p_note and state::text = p_outcome)
        )
    );
begin
    update shipments
    set state = case
            when state in ('undo_due', 'undo_asked') or (state = 'disputed' and p_outcome = 'refunded' and not is_for_others)
                then p_outcome::shipment_state
            else state
        end,
        undone_at = p_now, undone_by = p_by, message = p_note, also_sold_seen = also_sold,
        also_sold_outcome = case when also_sold <> '{}' then p_outcome end, updated_at = p_now
    where order_id = p_order_id and (
        state in ('undo_due', 'undo_asked') or also_sold <> also_sold_seen
        or (state = 'disputed' and not is_for_others
            and (p_outcome = 'refunded' or (p_outcome = 'disputed' and undone_by is null)))
    );
    if not found and not exists (
        select from shipments where order_id = p_order_id and undone_at is not null and message = p_note
    ) then
        raise exception 'order % has nothing to undo', p_order_id using errcode = 'PT409';
    end if;
    if found then
        perform note_decision(p_order_id, 'undone', p_by, p_note, p_now, jsonb_build_object('outcome', p_outcome));
        update undo_requests set outcome = 'settled', ended_by = p_by, end_note = p_note, ended_at = p_now
        where order_id = p_order_id and ended_at is null;
    end if;
    perform close_findings_by(p_order_id, '{sold_twice,sold_unknown}', p_by, p_note, p_now);
    if not exists (select from shipments where order_id = p_order_id and state = 'disputed' and undone_by is null) then
        perform close_findings_by(p_order_id, '{undo_refused}', p_by, p_note, p_now);
    end if;
    return order_report(one, p_now);
end
$$;

-- The SKUs of orders that are not shipped and have no size of their own: the settings' default is used for them.
create function guessed_skus(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(g) order by g.orders desc, g.sku), '[]')
    from (
        select l.sku, max(l.title) as title, count(distinct l.order_id) as orders
        from orders as o inner join order_lines as l using (order_id)
        where o.state not in ('shipped', 'refused', 'cancelled')
            and not exists (select from parcel_sizes as p where p.sku = l.sku)
        group by l.sku order by count(distinct l.order_id) desc, l.sku limit p_limit
    ) as g
);

-- The conversations of these orders, those left out that another order still needs.
create function threads_to_forget(p_order_ids text[]) returns text[]
language sql stable set search_path = public, pg_temp
return array(
    select distinct t.thread_id
    from unnest(p_order_ids) as ended (order_id)
    -- the offsets force single look-ups
    cross join lateral (select * from threads where order_ids @> array[ended.order_id] offset 0) as t
    where not exists (
        select from unnest(t.order_ids) as other (order_id)
        cross join lateral (select forgotten_at from orders where order_id = other.order_id offset 0) as o
        where o.forgotten_at is null and other.order_id <> all (p_order_ids)
    )
    order by t.thread_id
);

-- Orders that ended before `p_before`, need nobody and still have personal data: {order_ids, paths} with the files to remove from
-- the shelf first. A conversation goes with the last of its orders, and again when it went on after that.
create function data_to_forget(p_before timestamptz, p_limit integer, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    old constant text[] := array(
        select o.order_id from orders as o
        where o.state in ('shipped', 'refused', 'cancelled') and o.state_since < p_before and o.forgotten_at is null
            and not exists (select from attention(p_now) as a where a.order_id = o.order_id)
        order by o.state_since, o.order_id limit p_limit
    ) || array(
        select distinct o.order_id
        from threads as t
        cross join lateral unnest(t.order_ids) as its (order_id)
        cross join lateral (select * from orders where order_id = its.order_id offset 0) as o
        where t.forgotten_at < t.stored_at and t.updated_at < p_before and o.forgotten_at is not null and not exists (
            select from unnest(t.order_ids) as other (order_id)
            cross join lateral (select forgotten_at from orders where order_id = other.order_id offset 0) as k
            where k.forgotten_at is null
        )
        order by o.order_id limit p_limit
    );
    said constant text[] := threads_to_forget(old);
begin
    return jsonb_build_object('order_ids', to_jsonb(old), 'paths', (
        select coalesce(jsonb_agg(files.path order by files.path), '[]') from (
            select s.label_path as path from shipments as s inner join orders as o using (order_id)
            where s.order_id = any (old) and s.label_path is not null and o.forgotten_at is null
            union
            select f.path from messages as m
            cross join lateral (select path from message_files where message_id = m.message_id offset 0) as f
            where m.thread_id = any (said) and f.path is not null
        ) as files
    ));
end
$$;

-- Removes the answers that could not be read, and whose findings ended before `p_before`.
create function forget_old_answers(p_before timestamptz) returns void
language sql set search_path = public, pg_temp
begin atomic
    update findings set raw = null where raw is not null and closed_at < p_before;
end;

-- Removes the personal data of ended orders, and the raw answers of closed findings. The account stays: states, prices, ids,
-- paths and history. Returns the number of these orders.
create function forget_personal_data(p_order_ids text[], p_now timestamptz default clock_timestamp()) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    gone text[];
    said text[];
begin
    gone := array(
        select order_id from orders
        where order_id = any (p_order_ids) and state in ('shipped', 'refused', 'cancelled')
        order by order_id for no key update
    );
    update orders set address = null, address_override = null, forgotten_at = p_now, updated_at = p_now
    where order_id = any (gone);
    update shipments set request = request - 'destination', updated_at = p_now
        where order_id = any (gone) and request ? 'destination';
    update findings set raw = null where raw is not null and (order_id = any (gone) or closed_at is not null);
    said := threads_to_forget(gone);
    perform from threads where thread_id = any (said) order by thread_id for no key update;
    update threads set topic = '', forgotten_at = p_now where thread_id = any (said);
    update message_files as f set name = '', path = null, problem = 'forgotten' -- kept, so that it is not fetched again
    where f.message_id = any (array(select message_id from messages where thread_id = any (said)));
    update messages set sender = '', body_raw = '', body_text = '', attachments = '[]' where thread_id = any (said);
    update replies
    set body = '', topic = case when topic is not null then '' end,
        problem = case when message_id is null then coalesce(problem, 'forgotten') end
    where thread_id = any (said) or (thread_id is null and order_id = any (gone));
    return cardinality(gone);
end
$$;
