-- Labels cost money: the intent is committed before the carrier is called, and the outcome of a call is never guessed. Every
-- function locks the order before its shipment. A caller makes an id for its call to the carrier. The id shows that a repeated
-- question is the same one, and that a report is about this call and not about a later one.

-- Locks the order of a shipment. Raises PT404.
create function lock_order_of(p_shipment uuid) returns orders
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders;
begin
    select o.* into one from orders as o
    where o.order_id = (select s.order_id from shipments as s where s.id = p_shipment) for no key update;
    if not found then
        raise exception 'no shipment %', p_shipment using errcode = 'PT404';
    end if;
    return one;
end
$$;

-- Commits the intent to buy a label before the carrier is called. `opened`: the caller may call the carrier; else the live
-- shipment of another call is returned. Raises PT409 when the order is not accepted, or had a shipment of this sequence before.
create function open_shipment(
    p_order_id text,
    p_request_id text,
    p_sequence integer,
    p_call uuid,
    p_request_hash text,
    p_request jsonb,
    p_backend text,
    p_parcel integer default 1,
    p_decision_count integer default null,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    shipment shipments;
begin
    perform from orders
    where order_id = p_order_id and state = 'accepted' and decision_count = coalesce(p_decision_count, decision_count)
    for no key update;
    if not found then
        raise exception 'order % is not accepted', p_order_id using errcode = 'PT409';
    end if;
    select * into shipment from shipments
    where order_id = p_order_id and parcel = p_parcel and wanted and state in ('requested', 'unknown', 'bought');
    if not found then
        insert into shipments (
            order_id, sequence, parcel, request_id, request_hash, request, backend, call_id, called_at, created_at, updated_at
        )
        values (p_order_id, p_sequence, p_parcel, p_request_id, p_request_hash, p_request, p_backend, p_call, p_now, p_now, p_now)
        on conflict do nothing
        returning * into shipment;
        if not found then
            raise exception 'order % has had shipment % before', p_order_id, p_sequence using errcode = 'PT409';
        end if;
    end if;
    return to_jsonb(shipment) || jsonb_build_object(
        'opened', shipment.call_id = p_call and shipment.state = 'requested' and shipment.called_at is not null
    );
end
$$;

-- Allows a further call to the carrier with the same request id; `p_call_before` is the last call that the caller knows. A
-- request that was certainly never sent is replaced by `p_request`, which may be null; one that may have been sent is not.
-- Returns the shipment, or null: it or its order changed meanwhile, so the carrier must not be called.
create function note_label_call(
    p_shipment uuid, p_call_before uuid, p_call uuid, p_request jsonb, p_request_hash text,
    p_decision_count integer default null, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    shipment shipments;
    one orders := lock_order_of(p_shipment);
begin
    if one.state not in ('accepted', 'label_unknown') or one.decision_count <> coalesce(p_decision_count, one.decision_count) then
        return null;
    end if;
    update shipments
    set call_id = p_call, called_at = p_now, updated_at = p_now,
        request = case when called_at is null and state = 'requested' then coalesce(p_request, request) else request end,
        request_hash = case
            when called_at is null and state = 'requested' then coalesce(p_request_hash, request_hash) else request_hash
        end
    where id = p_shipment and state in ('requested', 'unknown') and call_id = p_call_before;
    select * into shipment from shipments
    where id = p_shipment and state in ('requested', 'unknown') and call_id = p_call and called_at is not null;
    return case when found then to_jsonb(shipment) end;
end
$$;

-- Call `p_call` was certainly not made: the next try need not wait, unless an earlier call was unclear.
create function note_label_not_sent(
    p_shipment uuid, p_call uuid, p_message text, p_now timestamptz default clock_timestamp()
) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    perform lock_order_of(p_shipment);
    update shipments
    set called_at = case when state = 'unknown' then called_at end, message = p_message, updated_at = p_now
    where id = p_shipment and state in ('requested', 'unknown') and call_id = p_call;
end
$$;

-- The outcome of the call is unknown; the order becomes label_unknown. False: it is known by now.
create function note_label_unknown(p_shipment uuid, p_message text, p_now timestamptz default clock_timestamp()) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := lock_order_of(p_shipment);
begin
    update shipments
    set state = 'unknown', message = p_message, unclear_since = coalesce(unclear_since, p_now), updated_at = p_now
    where id = p_shipment and state in ('requested', 'unknown');
    if not found then
        return false;
    end if;
    update orders set state = 'label_unknown', reason = p_message, stage = 'create-labels', updated_at = p_now
    where order_id = one.order_id and state in ('accepted', 'label_unknown');
    return true;
end
$$;

-- Stores a paid label before its PDF is fetched, or what the carrier says of it later. `p_bought` is {shipment_id,
-- tracking_number, label_link, links, price, carrier_status, also_sold, undo, backend}. A label that was sold although its
-- request had failed is used if its order still needs one; if the order no longer needs it, its undo is due. A further label of
-- the same request is kept in `also_sold`. Returns {state}.
create function note_label_bought(
    p_shipment uuid, p_bought jsonb, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := lock_order_of(p_shipment);
    is_needed boolean := one.state in ('accepted', 'label_unknown', 'label_failed') and not exists (
        select from shipments
        where order_id = one.order_id and id <> p_shipment and wanted
            and parcel = (select parcel from shipments where id = p_shipment)
            and state in ('requested', 'unknown', 'bought')
    );
    shipment shipments;
begin
    update shipments as s
    set state = case when s.state = 'failed' and not is_needed then 'undo_due' else 'bought' end::shipment_state,
        undo = case when s.state = 'failed' and not is_needed then p_bought -> 'undo' end,
        wanted = s.wanted and (s.state <> 'failed' or is_needed),
        not_needed_since = case when s.state = 'failed' and not is_needed then p_now end,
        shipment_id = b.shipment_id, tracking_number = b.tracking_number, label_link = b.label_link,
        links = coalesce(b.links, '{}'), price = b.price, carrier_status = b.carrier_status, message = null, bought_at = p_now,
        backend = coalesce(b.backend, s.backend),
        updated_at = p_now
    from jsonb_to_record(p_bought) as b (
        shipment_id text, tracking_number text, label_link text, links jsonb, price numeric, carrier_status text, backend text
    )
    where s.id = p_shipment and s.state in ('requested', 'unknown', 'failed');
    update shipments as s -- such as a suspended label that can be used now
    set tracking_number = b.tracking_number, label_link = b.label_link, links = coalesce(b.links, '{}'),
        price = coalesce(b.price, s.price), carrier_status = b.carrier_status, updated_at = p_now
    from jsonb_to_record(p_bought) as b (
        shipment_id text, tracking_number text, label_link text, links jsonb, price numeric, carrier_status text
    )
    where s.id = p_shipment and s.state = 'bought' and s.shipment_id = b.shipment_id
        and s.label_path is null and b.label_link is not null and s.label_link is distinct from b.label_link;
    update shipments as s
    set also_sold = sold.ids, not_needed_since = coalesce(s.not_needed_since, p_now), updated_at = p_now
    from (
        select array_agg(distinct all_ids.sold_id order by all_ids.sold_id) as ids
        from shipments as k
        cross join lateral unnest(k.also_sold || array(
            select jsonb_array_elements_text(coalesce(p_bought -> 'also_sold', '[]')) union all select p_bought ->> 'shipment_id'
        )) as all_ids (sold_id)
        where k.id = p_shipment and all_ids.sold_id <> k.shipment_id
    ) as sold
    where s.id = p_shipment and s.also_sold is distinct from sold.ids and sold.ids is not null;
    update shipments
    set state = 'undo_due', undo = p_bought -> 'undo', not_needed_since = coalesce(not_needed_since, p_now), updated_at = p_now
    where id = p_shipment and state = 'bought' and not wanted;
    update orders set state = 'accepted', reason = 'the label was sold nevertheless', stage = 'create-labels', updated_at = p_now
    where order_id = one.order_id and state = 'label_failed'
        and exists (select from shipments where id = p_shipment and state = 'bought' and wanted);
    select * into shipment from shipments where id = p_shipment;
    return jsonb_build_object('state', shipment.state);
end
$$;

-- The PDF is on the shelf: the order has its label, once each of its parcels has one. False: the order has changed its state
-- meanwhile.
create function note_label_stored(
    p_shipment uuid, p_path text, p_sha256 text, p_bytes integer, p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := lock_order_of(p_shipment);
    next_state order_state;
begin
    update shipments set label_path = p_path, label_sha256 = p_sha256, label_bytes = p_bytes, updated_at = p_now
    where id = p_shipment and state = 'bought'
        and (label_path, label_sha256, label_bytes) is distinct from (p_path, p_sha256, p_bytes);
    next_state := case
        when (current_shipment(one.order_id, one.parcels)).label_path is null then 'accepted' else 'label_created'
    end;
    update orders
    set state = next_state, reason = null, stage = 'create-labels', updated_at = p_now
    where order_id = one.order_id and state in ('accepted', 'label_unknown')
        and exists (select from shipments where id = p_shipment and state = 'bought' and wanted);
    return found or (one.state in ('label_created', 'tracking_failed', 'shipped') and exists (
        select from shipments where id = p_shipment and state = 'bought' and wanted
    ));
end
$$;

-- The carrier refused call `p_call`, or never processed it: nothing was bought, a person looks.
create function note_label_refused(
    p_shipment uuid, p_call uuid, p_message text, p_now timestamptz default clock_timestamp()
) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := lock_order_of(p_shipment);
    was_called constant boolean := exists (select from shipments where id = p_shipment and called_at is not null);
begin
    update shipments set state = 'failed', message = p_message, updated_at = p_now
    where id = p_shipment and state in ('requested', 'unknown') and call_id = p_call;
    if found and one.state in ('accepted', 'label_unknown') then
        update orders
        set state = 'label_failed', reason = p_message, stage = 'create-labels', updated_at = p_now,
            failed_facts = case when not was_called then facts_of(one) end
        where order_id = one.order_id;
    end if;
end
$$;

-- Calls of unknown outcome for orders that have ended, the longest untouched first.
create function shipments_to_settle(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(s) order by s.updated_at, s.id), '[]')
    from (
        select * from shipments where not wanted and state in ('requested', 'unknown') order by updated_at, id limit p_limit
    ) as s
);

-- Labels that are paid for and not needed, whose undo call is not prepared yet.
create function shipments_to_undo(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(s) order by s.updated_at, s.id), '[]')
    from (select * from shipments where not wanted and state = 'bought' order by updated_at, id limit p_limit) as s
);

-- The void or refund call is prepared: it waits for a person's word.
create function note_undo_due(p_shipment uuid, p_undo jsonb, p_now timestamptz default clock_timestamp()) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    perform lock_order_of(p_shipment);
    update shipments
    set state = 'undo_due', undo = p_undo, not_needed_since = coalesce(not_needed_since, p_now), updated_at = p_now
    where id = p_shipment and state = 'bought' and not wanted;
end
$$;

-- Undo calls that a person has asked for and that are not sent yet, the oldest first.
create function undos_to_send(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(s) order by s.undo_asked_at, s.id), '[]')
    from (
        select * from shipments where state = 'undo_asked' and undo_sent_at is null order by undo_asked_at, id limit p_limit
    ) as s
);

-- The carrier took the undo call. `p_ticket` is null for a void, which is done with that; a refund is decided later.
create function note_undo_sent(p_shipment uuid, p_ticket text, p_is_void boolean, p_now timestamptz default clock_timestamp())
returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    perform lock_order_of(p_shipment);
    update shipments
    set undo_sent_at = p_now, undo_ticket = p_ticket, message = null, updated_at = p_now,
        state = case when p_is_void then 'voided' else 'undo_asked' end::shipment_state,
        undone_at = case when p_is_void then p_now end, undone_by = case when p_is_void then undo_by end
    where id = p_shipment and state = 'undo_asked' and undo_sent_at is null;
end
$$;

-- The carrier refused the undo call: the money stays there until a person gets it.
create function note_undo_refused(p_shipment uuid, p_message text, p_now timestamptz default clock_timestamp()) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := lock_order_of(p_shipment);
begin
    update shipments set state = 'disputed', message = p_message, undone_at = p_now, updated_at = p_now
    where id = p_shipment and state = 'undo_asked' and undo_sent_at is null;
    if found then
        perform add_finding(
            'undo_refused', one.order_id, one.order_id,
            format(
                'the carrier refused to undo label %s: %s', (select request_id from shipments where id = p_shipment), p_message
            ),
            'create-labels', null, p_now
        );
    end if;
end
$$;
