-- Orders. The marketplace's facts and our states are separate: the last reading overwrites the facts; states change by arrow, and
-- only from the state in which the reason was seen. A transaction locks an order before its shipments.

-- Stores the marketplace's facts about orders: `p_orders` is [{order_id, commercial_id, marketplace_state, marketplace_reason,
-- ordered_at, marketplace_updated_at, ship_before, can_ship, fully_refunded, shipping_type, deliver_by, currency, total, address,
-- carrier_code, carrier_name, tracking_number, lines: [{line_id, sku, quantity, title, price, state}]}]. A new order becomes
-- pending_acceptance. Older or equal facts change nothing; a stored address is never removed. An order that can be read is no
-- longer unreadable. Returns the number of orders that are new by this call.
create function store_orders(p_orders jsonb, p_stage text, p_now timestamptz default clock_timestamp()) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    new_orders integer;
    changed text[];
begin
    update findings set closed_at = coalesce(closed_at, p_now), tried_again = closed_by is not null
    where kind = 'unreadable' and (closed_at is null or (closed_by is not null and not tried_again))
        and subject in (select jsonb_array_elements(p_orders) ->> 'order_id');
    with given as (
        select distinct on (order_id) * from jsonb_to_recordset(p_orders) as t (
            order_id text, commercial_id text, marketplace_state text, marketplace_reason text, ordered_at timestamptz,
            marketplace_updated_at timestamptz, ship_before timestamptz, can_ship boolean, fully_refunded boolean,
            shipping_type text, deliver_by timestamptz, currency text, total numeric, address jsonb, carrier_code text,
            carrier_name text, tracking_number text, lines jsonb
        )
        order by order_id, marketplace_updated_at desc
    ),

    stored as (
        insert into orders as o (
            order_id, commercial_id, marketplace_state, marketplace_reason, ordered_at, marketplace_updated_at, ship_before,
            can_ship, fully_refunded, shipping_type, deliver_by, currency, total, address, carrier_code, carrier_name,
            tracking_number, stage, first_seen_at, updated_at, state_since
        )
        select
            order_id, commercial_id, marketplace_state, marketplace_reason, ordered_at, marketplace_updated_at, ship_before,
            can_ship, fully_refunded, shipping_type, deliver_by, currency, total, nullif(address, 'null'), carrier_code,
            carrier_name, tracking_number, p_stage, p_now, p_now, p_now
        from given order by order_id
        on conflict (order_id) do update
        set marketplace_state = excluded.marketplace_state, marketplace_reason = excluded.marketplace_reason,
            marketplace_updated_at = excluded.marketplace_updated_at, ship_before = excluded.ship_before,
            can_ship = excluded.can_ship, fully_refunded = excluded.fully_refunded, shipping_type = excluded.shipping_type,
            deliver_by = excluded.deliver_by, total = excluded.total, address = coalesce(excluded.address, o.address),
            carrier_code = excluded.carrier_code, carrier_name = excluded.carrier_name,
            tracking_number = excluded.tracking_number, updated_at = p_now
        where o.marketplace_updated_at <= excluded.marketplace_updated_at and o.forgotten_at is null and (
            o.marketplace_state, o.marketplace_reason, o.marketplace_updated_at, o.ship_before, o.can_ship, o.fully_refunded,
            o.shipping_type, o.deliver_by, o.total, o.address, o.carrier_code, o.carrier_name, o.tracking_number
        ) is distinct from (
            excluded.marketplace_state, excluded.marketplace_reason, excluded.marketplace_updated_at, excluded.ship_before,
            excluded.can_ship, excluded.fully_refunded, excluded.shipping_type, excluded.deliver_by, excluded.total,
            coalesce(excluded.address, o.address), excluded.carrier_code, excluded.carrier_name, excluded.tracking_number
        )
        returning o.order_id, xmax = 0 as is_new -- an inserted row was never replaced
    )

    select count(*) filter (where is_new), coalesce(array_agg(order_id), '{}') into new_orders, changed from stored;
    with given as (
        select distinct on (t.order_id, l.line_id) t.order_id, l.*
        from jsonb_to_recordset(p_orders) as t (order_id text, marketplace_updated_at timestamptz, lines jsonb)
        inner join orders as o on o.order_id = t.order_id and o.marketplace_updated_at <= t.marketplace_updated_at
            and o.forgotten_at is null
        cross join lateral jsonb_to_recordset(t.lines) as l (
            line_id text, sku text, quantity bigint, title text, price numeric, state text
        )
        order by t.order_id, l.line_id, t.marketplace_updated_at desc
    )

    insert into order_lines as k (order_id, line_id, sku, quantity, title, price, state)
    select order_id, line_id, sku, quantity, title, price, coalesce(state, '') from given order by order_id, line_id
    on conflict (order_id, line_id) do update
    set sku = excluded.sku, quantity = excluded.quantity, title = excluded.title, price = excluded.price, state = excluded.state
    where (k.sku, k.quantity, k.title, k.price, k.state)
        is distinct from (excluded.sku, excluded.quantity, excluded.title, excluded.price, excluded.state);
    return new_orders;
end
$$;

-- What an order's request to the carrier is made of, as one text: address, lines, sizes and parcels.
create function facts_of(one orders) returns text
language sql stable set search_path = public, pg_temp
return md5(jsonb_build_array(
    one.address, one.address_override -> 'address', one.parcels,
    (
        select jsonb_agg(jsonb_build_array(l.line_id, l.sku, l.quantity, l.state, to_jsonb(p) - 'sku') order by l.line_id)
        from order_lines as l left join parcel_sizes as p using (sku) where l.order_id = one.order_id
    )
)::text);

-- Moves orders: `p_moves` is [{order_id, from_state, to_state, reason}], one for each order. An order in another state stays as
-- it is. Returns the ids that moved, also when the same call moved them before.
create function move_orders(p_moves jsonb, p_stage text, p_now timestamptz default clock_timestamp()) returns text[]
language plpgsql set search_path = public, pg_temp as $$
begin
    perform from orders
    where order_id in (select order_id from jsonb_to_recordset(p_moves) as t (order_id text))
    order by order_id for no key update;
    update orders as o
    set state = given.to_state, reason = given.reason, stage = p_stage, updated_at = p_now,
        -- no carrier was asked
        failed_facts = case when given.to_state = 'label_failed' then facts_of(o) end
    from jsonb_to_recordset(p_moves) as given (order_id text, from_state order_state, to_state order_state, reason text)
    where o.order_id = given.order_id and o.state = given.from_state;
    return array(
        select o.order_id
        from jsonb_to_recordset(p_moves) as given (order_id text, to_state order_state, reason text)
        inner join orders as o using (order_id)
        where o.state = given.to_state and o.reason is not distinct from given.reason and o.stage = p_stage
        order by o.order_id
    );
end
$$;

-- The first parcel of an order that has no label on the shelf; the first one when all have.
create function current_parcel(p_order_id text, p_parcels integer) returns integer
language sql stable set search_path = public, pg_temp
return coalesce((
    select min(n) from generate_series(1, p_parcels) as n
    where not exists (
        select from shipments as s
        where s.order_id = p_order_id and s.parcel = n and s.wanted and s.state = 'bought' and s.label_path is not null
    )
), 1);

-- The last shipment of an order's current parcel: what its next step depends on.
create function current_shipment(p_order_id text, p_parcels integer) returns shipments
language sql stable set search_path = public, pg_temp
return (
    select s from shipments as s
    where s.order_id = p_order_id and s.parcel = current_parcel(p_order_id, p_parcels)
    order by s.sequence desc limit 1
);

-- An order with its lines, the sizes of their pieces, its current parcel's last shipment, and all its labels.
create function order_view(one orders) returns jsonb
language sql stable set search_path = public, pg_temp
return to_jsonb(one) - 'failed_facts' || jsonb_build_object(
    'lines', (
        select coalesce(jsonb_agg(
            to_jsonb(l) - 'order_id' || jsonb_build_object('size', to_jsonb(p) - 'sku') order by l.line_id
        ), '[]')
        from order_lines as l left join parcel_sizes as p using (sku) where l.order_id = one.order_id
    ),
    'parcel', current_parcel(one.order_id, one.parcels),
    'next_sequence', (select coalesce(max(s.sequence), 0) + 1 from shipments as s where s.order_id = one.order_id),
    'shipment', (
        select to_jsonb(s) from shipments as s
        where s.order_id = one.order_id and s.parcel = current_parcel(one.order_id, one.parcels)
        order by s.sequence desc limit 1
    ),
    'labels', (
        select coalesce(jsonb_agg(
            jsonb_build_object('parcel', s.parcel, 'tracking_number', s.tracking_number, 'label_path', s.label_path,
                'size', s.request -> 'parcel')
            order by s.parcel
        ), '[]')
        from shipments as s where s.order_id = one.order_id and s.wanted and s.state = 'bought'
    )
);

-- Orders in the given states, the oldest first, after the order `p_after` if given, so that a stage reads page by page. Each
-- state has its part of the index, so a page costs the same for any number of orders. Raises PT404.
create function orders_in(p_states order_state[], p_limit integer, p_after text default null) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    after_time timestamptz := '-infinity';
begin
    if p_after is not null then
        select ordered_at into after_time from orders where order_id = p_after;
        if not found then
            raise exception 'no order %', p_after using errcode = 'PT404';
        end if;
    end if;
    return (
        select coalesce(jsonb_agg(order_view(page.one) order by page.ordered_at, page.order_id), '[]')
        from (
            select of_state.one, of_state.ordered_at, of_state.order_id
            from (select distinct unnest(p_states)) as wanted (state)
            cross join lateral (
                select o as one, o.ordered_at, o.order_id from orders as o
                where o.state = wanted.state and (o.ordered_at, o.order_id) > (after_time, coalesce(p_after, ''))
                order by o.ordered_at, o.order_id limit p_limit
            ) as of_state
            order by of_state.ordered_at, of_state.order_id limit p_limit
        ) as page
    );
end
$$;

-- These orders, without unknown ids.
create function orders_by_id(p_order_ids text[]) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(order_view(o) order by o.order_id), '[]') from orders as o where o.order_id = any (p_order_ids)
);

-- Notes what a stage found: `p_findings` is [{kind, subject, order_id, reason, raw}]. Each is noted once while it is open.
create function add_findings(p_findings jsonb, p_stage text, p_now timestamptz default clock_timestamp()) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    perform add_finding(f.kind, f.subject, f.order_id, f.reason, p_stage, nullif(f.raw, 'null'), p_now)
    from jsonb_to_recordset(p_findings) as f (kind text, subject text, order_id text, reason text, raw jsonb);
end
$$;

-- Ends findings that no longer hold.
create function end_findings(p_kind text, p_subjects text[], p_now timestamptz default clock_timestamp()) returns void
language sql set search_path = public, pg_temp
begin atomic
    update findings set closed_at = coalesce(closed_at, p_now), tried_again = closed_by is not null
    where kind = p_kind and subject = any (p_subjects)
        and (closed_at is null or (closed_by is not null and not tried_again));
end;

-- A person closes a finding. Raises PT404, and PT409 when it has ended.
create function close_finding(p_finding bigint, p_by text, p_note text, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one findings;
begin
    select * into one from findings where id = p_finding for no key update;
    if not found then
        raise exception 'no finding %', p_finding using errcode = 'PT404';
    end if;
    if one.closed_at is null then
        update findings set closed_at = p_now, closed_by = p_by, note = p_note where id = p_finding returning * into one;
        if one.order_id is not null then
            perform note_decision(
                one.order_id, 'close', p_by, p_note, p_now, jsonb_build_object('finding', one.id, 'kind', one.kind)
            );
        end if;
    elsif (one.closed_by, one.note) is distinct from (p_by, p_note) then -- else the call is repeated
        raise exception 'finding % has ended', p_finding using errcode = 'PT409';
    end if;
    return to_jsonb(one) - 'raw';
end
$$;
