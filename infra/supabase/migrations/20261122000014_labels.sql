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
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    shipment shipments;
begin
    perform from orders where order_id = p_order_id and state = 'accepted' for no key update;
    if not found then
        raise exception 'order % is not accepted', p_order_id using errcode = 'PT409';
    end if;
    select * into shipment from shipments where order_id = p_order_id and state in ('requested', 'unknown', 'bought');
    if not found then
        insert into shipments (
            order_id, sequence, request_id, request_hash, request, backend, call_id, called_at, created_at, updated_at
        )
        values (p_order_id, p_sequence, p_request_id, p_request_hash, p_request, p_backend, p_call, p_now, p_now, p_now)
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

-- Allows a further call to the carrier with the same request id; `p_call_before` is the last call that the caller knows.
-- Returns the shipment, or null: it or its order changed meanwhile, so the carrier must not be called.
create function note_label_call(
    p_shipment uuid, p_call_before uuid, p_call uuid, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    shipment shipments;
begin
    if (lock_order_of(p_shipment)).state not in ('accepted', 'label_unknown') then
        return null;
    end if;
    update shipments set call_id = p_call, called_at = p_now, updated_at = p_now
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

-- The outcome of the call is unknown. Counts such cycles, each once; the order becomes label_unknown. After `p_attention_after`
-- cycles a person looks too, also at an order that has ended.
create function note_label_unknown(
    p_shipment uuid, p_message text, p_attention_after integer, p_cycle text, p_now timestamptz default clock_timestamp()
) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := lock_order_of(p_shipment);
    cycles integer;
begin
    update shipments
    set state = 'unknown', message = p_message, unclear_in = p_cycle, updated_at = p_now,
        unclear_cycles = unclear_cycles + (unclear_in is distinct from p_cycle)::integer
    where id = p_shipment and state in ('requested', 'unknown')
    returning unclear_cycles into cycles;
    if not found then
        return 0;
    end if;
    if one.state in ('accepted', 'label_unknown') then
        update orders
        set state = 'label_unknown', reason = p_message, stage = 'create-labels', updated_at = p_now,
            attention = attention or cycles >= p_attention_after
        where order_id = one.order_id;
    elsif cycles >= p_attention_after then
        perform ask_for_person(one.order_id, p_message, p_now);
    end if;
    return cycles;
end
$$;

-- Stores a paid label before its PDF is fetched. `p_bought` is {shipment_id, tracking_number, label_link, links, price,
-- carrier_status, also_sold, undo}. If its order no longer needs it, or it was sold after it was given up, its undo is due. A
-- further label of the same request is kept in `also_sold`. A person looks at every needless payment. Returns {state}.
create function note_label_bought(
    p_shipment uuid, p_bought jsonb, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := lock_order_of(p_shipment);
    shipment shipments;
begin
    update shipments as s
    set state = case when s.state = 'failed' then 'undo_due' else 'bought' end::shipment_state,
        undo = case when s.state = 'failed' then p_bought -> 'undo' end, shipment_id = b.shipment_id,
        tracking_number = b.tracking_number, label_link = b.label_link, links = coalesce(b.links, '{}'), price = b.price,
        carrier_status = b.carrier_status, message = null, updated_at = p_now
    from jsonb_to_record(p_bought) as b (
        shipment_id text, tracking_number text, label_link text, links jsonb, price numeric, carrier_status text
    )
    where s.id = p_shipment and s.state in ('requested', 'unknown', 'failed');
    update shipments as s
    set also_sold = sold.ids, undone_at = null, updated_at = p_now
    from (
        select array_agg(distinct all_ids.sold_id order by all_ids.sold_id) as ids
        from shipments as k
        cross join lateral unnest(k.also_sold || array(
            select jsonb_array_elements_text(coalesce(p_bought -> 'also_sold', '[]')) union all select p_bought ->> 'shipment_id'
        )) as all_ids (sold_id)
        where k.id = p_shipment and all_ids.sold_id <> k.shipment_id
    ) as sold
    where s.id = p_shipment and s.also_sold is distinct from sold.ids and sold.ids is not null;
    update shipments set state = 'undo_due', undo = p_bought -> 'undo', undone_at = null, updated_at = p_now
    where id = p_shipment and state = 'bought' and not wanted;
    update orders set attention = true, updated_at = p_now
    where order_id = one.order_id and not attention and money_is_open(one.order_id);
    select * into shipment from shipments where id = p_shipment;
    return jsonb_build_object('state', shipment.state);
end
$$;

-- The PDF is on the shelf: the order has its label. False: the order has changed its state meanwhile.
create function note_label_stored(
    p_shipment uuid, p_path text, p_sha256 text, p_bytes integer, p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := lock_order_of(p_shipment);
begin
    update shipments set label_path = p_path, label_sha256 = p_sha256, label_bytes = p_bytes, updated_at = p_now
    where id = p_shipment and state = 'bought'
        and (label_path, label_sha256, label_bytes) is distinct from (p_path, p_sha256, p_bytes);
    update orders
    set state = 'label_created', reason = null, attention = money_is_open(one.order_id), stage = 'create-labels',
        updated_at = p_now
    where order_id = one.order_id and state in ('accepted', 'label_unknown')
        and exists (select from shipments where id = p_shipment and state = 'bought');
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
begin
    update shipments set state = 'failed', message = p_message, updated_at = p_now
    where id = p_shipment and state in ('requested', 'unknown') and call_id = p_call;
    if found and one.state in ('accepted', 'label_unknown') then
        update orders
        set state = 'label_failed', reason = p_message, attention = true, stage = 'create-labels', updated_at = p_now
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

-- The void or refund call is prepared: a person sends it.
create function note_undo_due(p_shipment uuid, p_undo jsonb, p_now timestamptz default clock_timestamp()) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders := lock_order_of(p_shipment);
begin
    update shipments set state = 'undo_due', undo = p_undo, undone_at = null, updated_at = p_now
    where id = p_shipment and state = 'bought' and not wanted;
    if found then
        update orders set attention = true, updated_at = p_now where order_id = one.order_id;
    end if;
end
$$;

-- A person has dealt with an order's needless payments: the undo calls are sent, or not worth sending.
-- Raises PT404, and PT409 when there is nothing to undo.
create function note_undone(p_order_id text, p_note text, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders;
begin
    select * into one from orders where order_id = p_order_id for no key update;
    if not found then
        raise exception 'no order %', p_order_id using errcode = 'PT404';
    end if;
    if money_is_open(p_order_id) then
        update shipments set undone_at = p_now, message = p_note, updated_at = p_now
        where order_id = p_order_id and undone_at is null and (state = 'undo_due' or also_sold <> '{}');
        update orders set attention = state in ('acceptance_failed', 'label_failed', 'tracking_failed'), updated_at = p_now
        where order_id = p_order_id
        returning * into one;
    elsif not exists (select from shipments where order_id = p_order_id and undone_at is not null and message = p_note) then
        raise exception 'order % has nothing to undo', p_order_id using errcode = 'PT409';
    end if;
    return order_view(one);
end
$$;
