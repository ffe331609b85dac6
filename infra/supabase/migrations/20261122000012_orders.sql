-- What the stages call. Facts of the marketplace and our own states are kept apart: facts are overwritten by what was read last,
-- states move by arrow, each move only from the state that its reason was seen in.

-- Stores what the marketplace said of orders: `p_orders` is [{order_id, commercial_id, marketplace_state, ordered_at,
-- marketplace_updated_at, ship_before, can_ship, currency, total, address, carrier_code, carrier_name, tracking_number, lines:
-- [{line_id, sku, quantity, title, price}]}]. A new order becomes pending_acceptance. An address once given is not forgotten.
-- Returns how many were new.
create function store_orders(p_orders jsonb, p_stage text, p_now timestamptz default clock_timestamp()) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    new_orders integer;
begin
    with told as (
        select * from jsonb_to_recordset(p_orders) as t (
            order_id text, commercial_id text, marketplace_state text, ordered_at timestamptz, marketplace_updated_at timestamptz,
            ship_before timestamptz, can_ship boolean, currency text, total numeric, address jsonb, carrier_code text,
            carrier_name text, tracking_number text
        )
    ),

    stored as (
        insert into orders as o (
            order_id, commercial_id, marketplace_state, ordered_at, marketplace_updated_at, ship_before, can_ship, currency,
            total, address, carrier_code, carrier_name, tracking_number, stage, first_seen_at, updated_at
        )
        select
            order_id, commercial_id, marketplace_state, ordered_at, marketplace_updated_at, ship_before, can_ship, currency,
            total, nullif(address, 'null'), carrier_code, carrier_name, tracking_number, p_stage, p_now, p_now
        from told order by order_id
        on conflict (order_id) do update
        set marketplace_state = excluded.marketplace_state, marketplace_updated_at = excluded.marketplace_updated_at,
            ship_before = excluded.ship_before, can_ship = excluded.can_ship, total = excluded.total,
            address = coalesce(excluded.address, o.address), carrier_code = excluded.carrier_code,
            carrier_name = excluded.carrier_name, tracking_number = excluded.tracking_number, updated_at = p_now
        where o.marketplace_updated_at <= excluded.marketplace_updated_at
        returning (xmax = 0) as is_new
    )

    select count(*) filter (where is_new) into new_orders from stored;
    insert into order_lines (order_id, line_id, sku, quantity, title, price)
    select t.order_id, l.line_id, l.sku, l.quantity, l.title, l.price
    from jsonb_to_recordset(p_orders) as t (order_id text, lines jsonb)
    cross join lateral jsonb_to_recordset(t.lines) as l (line_id text, sku text, quantity integer, title text, price numeric)
    order by 1, 2
    on conflict (order_id, line_id) do nothing;
    return new_orders;
end
$$;

-- Moves orders: `p_moves` is [{order_id, from_state, to_state, reason, attention}]. An order that is elsewhere by now is left
-- alone. An order that is cancelled keeps a label that was bought for it: see `undo_shipment`. Returns the ids that moved.
create function move_orders(p_moves jsonb, p_stage text, p_now timestamptz default clock_timestamp()) returns text[]
language plpgsql set search_path = public, pg_temp as $$
declare
    moved text[];
begin
    with told as (
        select * from jsonb_to_recordset(p_moves) as t (
            order_id text, from_state order_state, to_state order_state, reason text, attention boolean
        )
    ),

    done as (
        update orders as o
        set state = told.to_state, reason = told.reason, attention = coalesce(told.attention, false), stage = p_stage,
            updated_at = p_now
        from told
        where o.order_id = told.order_id and o.state = told.from_state
        returning o.order_id
    )

    select coalesce(array_agg(order_id order by order_id), '{}') into moved from done;
    return moved;
end
$$;

-- An order with its lines, the sizes of their pieces and its last shipment.
create function order_view(one orders) returns jsonb
language sql stable set search_path = public, pg_temp
return to_jsonb(one) || jsonb_build_object(
    'lines', (
        select coalesce(jsonb_agg(
            to_jsonb(l) - 'order_id' || jsonb_build_object('size', to_jsonb(p) - 'sku') order by l.line_id
        ), '[]')
        from order_lines as l left join parcel_sizes as p using (sku) where l.order_id = one.order_id
    ),
    'shipment', (
        select to_jsonb(s) from shipments as s where s.order_id = one.order_id order by s.sequence desc limit 1
    )
);

-- Orders in the given states, the oldest first, after the order `p_after` when one is given: a stage reads on where it was.
create function orders_in(p_states order_state[], p_limit integer, p_after text default null) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(order_view(page.one) order by page.ordered_at, page.order_id), '[]')
    from (
        select o as one, o.ordered_at, o.order_id from orders as o
        where o.state = any (p_states)
            and (p_after is null or (o.ordered_at, o.order_id) > (
                select a.ordered_at, a.order_id from orders as a where a.order_id = p_after
            ))
        order by o.ordered_at, o.order_id limit p_limit
    ) as page
);

-- Commits the intent to buy a label, before the carrier is called. A live shipment of the order is returned instead.
create function open_shipment(
    p_order_id text,
    p_request_id text,
    p_sequence integer,
    p_request_hash text,
    p_request jsonb,
    p_backend text,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    shipment shipments;
begin
    perform from orders where order_id = p_order_id and state = 'accepted' for update;
    if not found then
        raise exception 'order % is not accepted', p_order_id using errcode = 'PT409';
    end if;
    select * into shipment from shipments where order_id = p_order_id and state in ('requested', 'unknown', 'bought');
    if not found then
        insert into shipments (
            order_id, sequence, request_id, request_hash, request, backend, called_at, created_at, updated_at
        )
        values (p_order_id, p_sequence, p_request_id, p_request_hash, p_request, p_backend, p_now, p_now, p_now)
        returning * into shipment;
        return to_jsonb(shipment) || '{"opened": true}';
    end if;
    return to_jsonb(shipment) || '{"opened": false}';
end
$$;

-- The carrier is about to be called again with the same request id. False: the shipment moved meanwhile.
create function note_label_call(
    p_shipment uuid, p_called_before timestamptz, p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
begin
    update shipments set called_at = p_now, updated_at = p_now
    where id = p_shipment and state in ('requested', 'unknown') and called_at is not distinct from p_called_before;
    return found;
end
$$;

-- The carrier certainly was not called: nothing has to settle before the next try.
create function note_label_not_sent(
    p_shipment uuid, p_message text, p_now timestamptz default clock_timestamp()
) returns void
language sql set search_path = public, pg_temp
begin atomic
    update shipments set called_at = null, message = p_message, updated_at = p_now
    where id = p_shipment and state = 'requested';
end;

-- Nobody knows what became of the call. Counts the cycles in which that stayed so; the order becomes label_unknown.
create function note_label_unknown(
    p_shipment uuid, p_message text, p_attention_after integer, p_now timestamptz default clock_timestamp()
) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    shipment shipments;
begin
    update shipments
    set state = 'unknown', message = p_message, unclear_cycles = unclear_cycles + 1, updated_at = p_now
    where id = p_shipment and state in ('requested', 'unknown')
    returning * into shipment;
    update orders
    set state = 'label_unknown', reason = p_message, stage = 'create-labels', updated_at = p_now,
        attention = shipment.unclear_cycles >= p_attention_after
    where order_id = shipment.order_id and state in ('accepted', 'label_unknown');
    return shipment.unclear_cycles;
end
$$;

-- The label is paid for: kept before its PDF is fetched. `p_bought` is {shipment_id, tracking_number, label_link, links, price,
-- carrier_status, undo}. An order that was cancelled meanwhile makes the undo due.
create function note_label_bought(
    p_shipment uuid, p_bought jsonb, p_now timestamptz default clock_timestamp()
) returns text
language plpgsql set search_path = public, pg_temp as $$
declare
    shipment shipments;
    cancelled boolean;
begin
    select exists (
        select from orders as o inner join shipments as s using (order_id)
        where s.id = p_shipment and o.state in ('cancelled', 'refused')
    ) into cancelled;
    update shipments as s
    set state = 'bought', shipment_id = b.shipment_id, tracking_number = b.tracking_number, label_link = b.label_link,
        links = coalesce(b.links, '{}'), price = b.price, carrier_status = b.carrier_status, message = null, updated_at = p_now
    from jsonb_to_record(p_bought) as b (
        shipment_id text, tracking_number text, label_link text, links jsonb, price numeric, carrier_status text
    )
    where s.id = p_shipment and s.state in ('requested', 'unknown')
    returning s.* into shipment;
    if cancelled then
        update shipments set state = 'undo_due', undo = p_bought -> 'undo' where id = p_shipment and state = 'bought';
    end if;
    select state into shipment.state from shipments where id = p_shipment;
    return shipment.state;
end
$$;

-- The PDF is on the shelf: the order has its label.
create function note_label_stored(
    p_shipment uuid, p_path text, p_sha256 text, p_bytes integer, p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    order_of text;
begin
    update shipments set label_path = p_path, label_sha256 = p_sha256, label_bytes = p_bytes, updated_at = p_now
    where id = p_shipment and state = 'bought'
    returning order_id into order_of;
    update orders
    set state = 'label_created', reason = null, attention = false, stage = 'create-labels', updated_at = p_now
    where order_id = order_of and state in ('accepted', 'label_unknown');
    return found;
end
$$;

-- The carrier refused: nothing was bought, a person looks.
create function note_label_refused(
    p_shipment uuid, p_message text, p_now timestamptz default clock_timestamp()
) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    order_of text;
begin
    update shipments set state = 'failed', message = p_message, updated_at = p_now
    where id = p_shipment and state in ('requested', 'unknown')
    returning order_id into order_of;
    update orders set state = 'label_failed', reason = p_message, attention = true, stage = 'create-labels', updated_at = p_now
    where order_id = order_of and state in ('accepted', 'label_unknown');
end
$$;

-- The order stays where it is, and a person is to look.
create function ask_for_person(p_order_id text, p_reason text, p_now timestamptz default clock_timestamp()) returns void
language sql set search_path = public, pg_temp
begin atomic
    update orders set attention = true, reason = p_reason, updated_at = p_now where order_id = p_order_id;
end;

-- Calls of unknown outcome for orders that have ended otherwise.
create function shipments_to_settle(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(s)), '[]')
    from (
        select s.* from shipments as s inner join orders as o using (order_id)
        where s.state in ('requested', 'unknown') and o.state in ('cancelled', 'refused', 'shipped') limit p_limit
    ) as s
);

-- Labels that were bought for orders which ended without being shipped: [{id, order_id, shipment_id, links}].
create function shipments_to_undo(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(s)), '[]')
    from (
        select s.* from shipments as s inner join orders as o using (order_id)
        where s.state = 'bought' and o.state in ('cancelled', 'refused') limit p_limit
    ) as s
);

-- The void or refund call is prepared: a person sends it.
create function note_undo_due(p_shipment uuid, p_undo jsonb, p_now timestamptz default clock_timestamp()) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    order_of text;
begin
    update shipments set state = 'undo_due', undo = p_undo, updated_at = p_now
    where id = p_shipment and state = 'bought'
    returning order_id into order_of;
    update orders set attention = true, updated_at = p_now where order_id = order_of;
end
$$;

-- A person has looked: the order goes back to where its stage picks it up. Raises PT404, PT409.
create function retry_order(p_order_id text, p_note text, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders;
begin
    select * into one from orders where order_id = p_order_id for update;
    if not found then
        raise exception 'no order %', p_order_id using errcode = 'PT404';
    end if;
    if one.state not in ('acceptance_failed', 'label_failed', 'tracking_failed') then
        raise exception 'order % is %: there is nothing to retry', p_order_id, one.state using errcode = 'PT409';
    end if;
    update orders
    set state = case one.state
            when 'acceptance_failed' then 'pending_acceptance' when 'label_failed' then 'accepted' else 'label_created'
        end::order_state,
        reason = p_note, attention = false, stage = 'a person', updated_at = p_now
    where order_id = p_order_id
    returning * into one;
    return order_view(one);
end
$$;

-- One order with its history. Raises PT404.
create function order_status(p_order_id text) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    one orders;
begin
    select * into one from orders where order_id = p_order_id;
    if not found then
        raise exception 'no order %', p_order_id using errcode = 'PT404';
    end if;
    return order_view(one) || jsonb_build_object('history', (
        select coalesce(jsonb_agg(to_jsonb(h) - 'order_id' - 'id' order by h.id), '[]')
        from order_status_history as h where h.order_id = p_order_id
    ));
end
$$;

-- Where every order is. `seen` counts the history's beginnings, the rest the orders as they stand, so a lost order shows.
-- `p_day` (UTC, by when they were first seen) or, when null, all of them.
create function reconcile_orders(p_day date default null) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    sides jsonb;
    seen bigint;
begin
    select count(*) into seen from order_status_history
    where from_state is null and (p_day is null or (
        at >= p_day::timestamp at time zone 'UTC' and at < (p_day + 1)::timestamp at time zone 'UTC'
    ));
    select jsonb_build_object(
        'shipped', count(*) filter (where state = 'shipped'),
        'in_progress', jsonb_build_object(
            'pending_acceptance', count(*) filter (where state = 'pending_acceptance' and not attention),
            'accepted', count(*) filter (where state = 'accepted' and not attention),
            'label_unknown', count(*) filter (where state = 'label_unknown' and not attention),
            'label_created', count(*) filter (where state = 'label_created' and not attention)
        ),
        'with_a_person', count(*) filter (
            where state in ('acceptance_failed', 'label_failed', 'tracking_failed')
                or (attention and state in ('pending_acceptance', 'accepted', 'label_unknown', 'label_created'))
        ),
        'cancelled', count(*) filter (where state = 'cancelled'),
        'refused', count(*) filter (where state = 'refused'),
        'balanced', count(*) = seen
    )
    into sides
    from orders
    where p_day is null or (
        first_seen_at >= p_day::timestamp at time zone 'UTC' and first_seen_at < (p_day + 1)::timestamp at time zone 'UTC'
    );
    return sides || jsonb_build_object('seen', seen, 'day', p_day, 'labels', (
        select jsonb_build_object(
            'bought', count(*) filter (where s.state in ('bought', 'undo_due')),
            'unknown', count(*) filter (where s.state = 'unknown' or (s.state = 'requested' and s.called_at is not null)),
            'undo_due', count(*) filter (where s.state = 'undo_due')
        ) from shipments as s
    ));
end
$$;
