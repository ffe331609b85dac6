-- Orders. The marketplace's facts and our states are separate: the last reading overwrites the facts; states change by arrow, and
-- only from the state in which the reason was seen. A transaction locks an order before its shipments.

-- Stores the marketplace's facts about orders: `p_orders` is [{order_id, commercial_id, marketplace_state, ordered_at,
-- marketplace_updated_at, ship_before, can_ship, currency, total, address, carrier_code, carrier_name, tracking_number, lines:
-- [{line_id, sku, quantity, title, price}]}]. A new order becomes pending_acceptance. Older or equal
-- facts change nothing; a stored address is never removed. Returns the number of orders that are new by this call.
create function store_orders(p_orders jsonb, p_stage text, p_now timestamptz default clock_timestamp()) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    new_orders integer;
    changed text[];
begin
    with given as (
        select distinct on (order_id) * from jsonb_to_recordset(p_orders) as t (
            order_id text, commercial_id text, marketplace_state text, ordered_at timestamptz, marketplace_updated_at timestamptz,
            ship_before timestamptz, can_ship boolean, currency text, total numeric, address jsonb, carrier_code text,
            carrier_name text, tracking_number text, lines jsonb
        )
        order by order_id, marketplace_updated_at desc
    ),

    stored as (
        insert into orders as o (
            order_id, commercial_id, marketplace_state, ordered_at, marketplace_updated_at, ship_before, can_ship, currency,
            total, address, carrier_code, carrier_name, tracking_number, stage, first_seen_at, updated_at
        )
        select
            order_id, commercial_id, marketplace_state, ordered_at, marketplace_updated_at, ship_before, can_ship, currency,
            total, nullif(address, 'null'), carrier_code, carrier_name, tracking_number, p_stage, p_now, p_now
        from given order by order_id
        on conflict (order_id) do update
        set marketplace_state = excluded.marketplace_state, marketplace_updated_at = excluded.marketplace_updated_at,
            ship_before = excluded.ship_before, can_ship = excluded.can_ship, total = excluded.total,
            address = coalesce(excluded.address, o.address), carrier_code = excluded.carrier_code,
            carrier_name = excluded.carrier_name, tracking_number = excluded.tracking_number, updated_at = p_now
        where o.marketplace_updated_at <= excluded.marketplace_updated_at and (
            o.marketplace_state, o.marketplace_updated_at, o.ship_before, o.can_ship, o.total, o.address, o.carrier_code,
            o.carrier_name, o.tracking_number
        ) is distinct from (
            excluded.marketplace_state, excluded.marketplace_updated_at, excluded.ship_before, excluded.can_ship, excluded.total,
            coalesce(excluded.address, o.address), excluded.carrier_code, excluded.carrier_name, excluded.tracking_number
        )
        returning o.order_id, xmax = 0 as is_new -- an inserted row was never replaced
    )

    select count(*) filter (where is_new), coalesce(array_agg(order_id), '{}') into new_orders, changed from stored;
    with given as (
        select distinct on (t.order_id, l.line_id) t.order_id, l.*
        from jsonb_to_recordset(p_orders) as t (order_id text, marketplace_updated_at timestamptz, lines jsonb)
        cross join lateral jsonb_to_recordset(t.lines) as l (
            line_id text, sku text, quantity bigint, title text, price numeric
        )
        where t.order_id = any (changed)
        order by t.order_id, l.line_id, t.marketplace_updated_at desc
    )

    insert into order_lines as k (order_id, line_id, sku, quantity, title, price)
    select order_id, line_id, sku, quantity, title, price from given order by order_id, line_id
    on conflict (order_id, line_id) do update
    set sku = excluded.sku, quantity = excluded.quantity, title = excluded.title, price = excluded.price
    where (k.sku, k.quantity, k.title, k.price)
        is distinct from (excluded.sku, excluded.quantity, excluded.title, excluded.price);
    return new_orders;
end
$$;

-- True while the order has a needless label that is paid for, and no person has dealt with it.
create function money_is_open(p_order_id text) returns boolean
language sql stable set search_path = public, pg_temp
return exists (
    select from shipments
    where order_id = p_order_id and undone_at is null and (state = 'undo_due' or also_sold <> '{}')
);

-- Moves orders: `p_moves` is [{order_id, from_state, to_state, reason, attention}], one for each order. An order in another
-- state stays as it is. Returns the ids that moved, also when the same call moved them before.
create function move_orders(p_moves jsonb, p_stage text, p_now timestamptz default clock_timestamp()) returns text[]
language plpgsql set search_path = public, pg_temp as $$
begin
    perform from orders
    where order_id in (select order_id from jsonb_to_recordset(p_moves) as t (order_id text))
    order by order_id for no key update;
    update orders as o
    set state = given.to_state, reason = given.reason, stage = p_stage, updated_at = p_now,
        attention = coalesce(given.attention, false) or money_is_open(o.order_id)
    from jsonb_to_recordset(p_moves) as given (
        order_id text, from_state order_state, to_state order_state, reason text, attention boolean
    )
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

-- Keeps the order's state and asks for a person.
create function ask_for_person(p_order_id text, p_reason text, p_now timestamptz default clock_timestamp()) returns void
language sql set search_path = public, pg_temp
begin atomic
    update orders set attention = true, reason = p_reason, updated_at = p_now
    where order_id = p_order_id and not (attention and reason is not distinct from p_reason);
end;

-- A person has looked: the order returns to the state in which its stage picks it up. Raises PT404, PT409.
create function retry_order(p_order_id text, p_note text, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one orders;
begin
    select * into one from orders where order_id = p_order_id for no key update;
    if not found then
        raise exception 'no order %', p_order_id using errcode = 'PT404';
    end if;
    if one.state in ('acceptance_failed', 'label_failed', 'tracking_failed') then
        update orders
        set state = case one.state
                when 'acceptance_failed' then 'pending_acceptance' when 'label_failed' then 'accepted' else 'label_created'
            end::order_state,
            reason = p_note, attention = money_is_open(p_order_id), stage = 'a person', updated_at = p_now
        where order_id = p_order_id
        returning * into one;
    elsif one.stage is distinct from 'a person' or one.reason is distinct from p_note then -- else the call is repeated
        raise exception 'order % is %: there is nothing to retry', p_order_id, one.state using errcode = 'PT409';
    end if;
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
