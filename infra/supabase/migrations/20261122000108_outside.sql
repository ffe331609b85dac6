-- The outside: what the marketplace and the carrier list, beside what we know.

-- Notes a look at `p_source`.
create function note_outside_check(
    p_source text, p_began_at timestamptz, p_complete boolean, p_result jsonb, p_now timestamptz default clock_timestamp()
) returns void
language sql set search_path = public, pg_temp
begin atomic
    insert into outside_checks (source, began_at, ended_at, complete, result)
    values (p_source, least(p_began_at, p_now), p_now, p_complete, p_result); -- another machine's clock may be ahead
end;

-- When a complete look at `p_source` began last, as {value}; null for never.
create function last_complete_look(p_source text) returns jsonb
language sql stable set search_path = public, pg_temp
return jsonb_build_object('value', (select max(began_at) from outside_checks where source = p_source and complete));

-- The labels that we have bought and that the carrier's lists have not shown yet: {oldest, backends}.
create function unconfirmed_sales() returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select jsonb_build_object('oldest', min(s.bought_at), 'backends', coalesce(jsonb_agg(distinct s.backend), '[]'))
    from shipments as s
    where s.bought_at is not null and (s.state = 'voided') = exists (
        select from carrier_shipments as c
        where c.backend = s.backend and c.shipment_id = s.shipment_id
            and (s.state <> 'voided' or c.status is distinct from 'not listed')
    ) and not exists (
        select from findings as f
        where f.kind = case s.state when 'voided' then 'price_differs' else 'not_sold' end and f.subject = s.shipment_id
            and f.closed_by is not null
    )
);

-- Stores one day of the carrier's list: `p_listed` is [{shipment_id, link}]. A shipment that is no longer listed on its day has
-- been voided, or was never sold. Returns those that must be read, [{shipment_id, link}].
create function store_carrier_day(
    p_backend text, p_day date, p_listed jsonb, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
begin
    insert into carrier_shipments as c (backend, shipment_id, day, link, first_listed_at, last_listed_at)
    select p_backend, l.shipment_id, p_day, l.link, p_now, p_now
    from jsonb_to_recordset(p_listed) as l (shipment_id text, link text)
    order by l.shipment_id
    on conflict (backend, shipment_id) do update
    set last_listed_at = p_now, link = excluded.link, day = excluded.day,
        read_at = case when c.status is distinct from 'not listed' then c.read_at end, -- one that comes back is read anew
        status = nullif(c.status, 'not listed');
    update carrier_shipments set status = 'not listed'
    where backend = p_backend and day = p_day and last_listed_at < p_now and status is distinct from 'not listed';
    return (
        select coalesce(jsonb_agg(jsonb_build_object('shipment_id', c.shipment_id, 'link', c.link) order by c.shipment_id), '[]')
        from carrier_shipments as c
        where c.backend = p_backend and c.day = p_day and c.last_listed_at = p_now and c.read_at is null
    );
end
$$;

-- Stores what the carrier says of one shipment: `p_shipment` is {shipment_id, request_id, reference, tracking_number, price,
-- status}.
create function store_carrier_shipment(
    p_backend text, p_shipment jsonb, p_now timestamptz default clock_timestamp()
) returns void
language sql set search_path = public, pg_temp
begin atomic
    update carrier_shipments as c
    set request_id = s.request_id, reference = s.reference, tracking_number = s.tracking_number, price = s.price,
        status = s.status, read_at = p_now
    from jsonb_to_record(p_shipment) as s (
        shipment_id text, request_id text, reference text, tracking_number text, price numeric, status text
    )
    where c.backend = p_backend and c.shipment_id = s.shipment_id;
end;

-- The carrier's list of the days from `p_first` to `p_last` beside our labels, one to one: what does not match.
create function unmatched_labels(p_backends text[], p_first date, p_last date, p_now timestamptz)
returns table (kind text, subject text, order_id text, reason text)
language sql stable set search_path = public, pg_temp
begin atomic
    with listed as (
        select
            c.*, ours.order_id, ours.price as our_price, ours.tracking_number as our_number, ours.request_id as our_request,
            ours.is_further, ours.is_seen, ours.state as our_state
        from carrier_shipments as c
        left join lateral (
            select s.*, false as is_further, false as is_seen
            from shipments as s where s.shipment_id = c.shipment_id -- of either API: they may share a ledger
            union all
            select s.*, true, c.shipment_id = any (s.also_sold_seen)
            from shipments as s where s.also_sold @> array[c.shipment_id] and s.also_sold <> '{}'
            limit 1
        ) as ours on true
        where c.backend = any (p_backends) and c.status is distinct from 'not listed' and c.day between p_first and p_last
    )

    select 'sold_unknown', l.shipment_id, o.order_id, format(
        'the carrier sold shipment %s (request %s, tracking number %s), which we do not know', l.shipment_id,
        coalesce(l.request_id, 'unknown'), coalesce(l.tracking_number, 'unknown')
    )
    from listed as l left join orders as o on o.order_id = coalesce(l.reference, regexp_replace(l.request_id, '-\d+$', ''))
    where l.order_id is null and (l.read_at is not null or l.first_listed_at < p_now - interval '12 hours')
        and not exists ( -- else its outcome is being settled
        select from shipments as s
        where s.request_id = l.request_id and s.backend = l.backend and s.state in ('requested', 'unknown')
    )
    union all
    select 'sold_twice', l.shipment_id, l.order_id,
        format('the carrier sold shipment %s for request %s, too', l.shipment_id, l.our_request)
    from listed as l where l.is_further and not l.is_seen
    union all
    select 'price_differs', l.shipment_id, l.order_id, format(
        'the carrier charges %s for shipment %s, we noted %s', l.price, l.shipment_id, coalesce(l.our_price::text, 'no price')
    )
    from listed as l
    where not l.is_further and l.our_state <> 'voided' and l.read_at is not null and l.price is not null
        and l.price is distinct from l.our_price
    union all
    select 'price_differs', l.shipment_id, l.order_id,
        format('the carrier still lists shipment %s, which is noted as voided', l.shipment_id)
    from listed as l where not l.is_further and l.our_state = 'voided'
    union all
    select 'number_differs', l.shipment_id, l.order_id, format(
        'the carrier''s tracking number of shipment %s is not the one that we noted', l.shipment_id
    )
    from listed as l
    where not l.is_further and l.tracking_number is not null and not same_number(l.tracking_number, l.our_number)
    union all
    select 'not_sold', k.shipment_id, k.order_id,
        format('the carrier does not list shipment %s, which we have bought', k.shipment_id)
    from shipments as k
    where k.backend = any (p_backends) and k.state <> 'voided' and k.bought_at < p_now - interval '1 hour'
        and k.bought_at >= (p_first + 1)::timestamp at time zone 'America/Toronto' -- the carrier's calendar
        and k.bought_at < p_last::timestamp at time zone 'America/Toronto'
        and not coalesce((
            select true from carrier_shipments as c where c.backend = k.backend and c.shipment_id = k.shipment_id
        ), false)
    union all
    select 'not_sold', k.shipment_id, k.order_id,
        format('the carrier no longer lists shipment %s, which we have bought', k.shipment_id)
    from carrier_shipments as c
    inner join shipments as k on k.backend = c.backend and k.shipment_id = c.shipment_id
    where c.backend = any (p_backends) and c.day between p_first and p_last and c.status = 'not listed' and k.state <> 'voided';
end;

-- Matches the carrier's list of the days from `p_first` to `p_last` with our labels, notes what does not match, and ends what
-- does now. Only APIs of `p_backends` were asked. A label that was bought less than an hour ago, or on the list's first or last
-- day, may not be listed yet. Returns {listed, unread, unmatched: {kind: number}}.
create function match_carrier(
    p_backends text[], p_first date, p_last date, p_stage text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    kinds constant text[] := '{sold_unknown,sold_twice,price_differs,number_differs,not_sold}';
    unmatched jsonb;
begin
    perform pg_advisory_xact_lock(hashtextextended('match_carrier', 0));
    perform from findings where closed_at is null and kind = any (kinds) order by id for no key update;
    unmatched := (
        select coalesce(jsonb_agg(to_jsonb(u)), '[]') from unmatched_labels(p_backends, p_first, p_last, p_now) as u
    );
    update findings as f set closed_at = p_now
    where f.closed_at is null and f.kind = any (kinds)
        and not exists (
            select from jsonb_to_recordset(unmatched) as u (kind text, subject text)
                where u.kind = f.kind and u.subject = f.subject
        )
        and (
            exists (
                select from carrier_shipments as c
                where c.shipment_id = f.subject and c.backend = any (p_backends) and c.day between p_first and p_last
            ) or exists (
                select from shipments as s
                where s.shipment_id = f.subject and s.backend = any (p_backends)
                    and s.bought_at >= (p_first + 1)::timestamp at time zone 'America/Toronto'
                    and s.bought_at < p_last::timestamp at time zone 'America/Toronto'
            )
        );
    perform add_finding(u.kind, u.subject, u.order_id, u.reason, p_stage, null, p_now)
    from (
        select * from jsonb_to_recordset(unmatched) as r (kind text, subject text, order_id text, reason text)
            order by r.kind, r.subject
    ) as u;
    return (
        select jsonb_build_object('listed', count(*), 'unread', count(*) filter (where read_at is null))
        from carrier_shipments
        where backend = any (p_backends) and day between p_first and p_last and status is distinct from 'not listed'
    ) || jsonb_build_object('unmatched', (
        select coalesce(jsonb_object_agg(k.kind, k.n), '{}')
        from (select u.kind, count(*) as n from jsonb_to_recordset(unmatched) as u (kind text) group by u.kind) as k
    ));
end
$$;

-- Labels on the shelf that the carrier was not seen to have, of orders that wait to be shipped, the oldest first,
-- after `p_after`.
create function shipments_to_scan(p_limit integer, p_after uuid default null) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(s) order by s.bought_at, s.id), '[]')
    from (
        select s.* from orders as o inner join shipments as s using (order_id)
        where o.state = 'label_created' and s.wanted and s.state = 'bought' and s.scanned_at is null
            and (
                p_after is null
                or (s.bought_at, s.id) > (select a.bought_at, a.id from shipments as a where a.id = p_after)
            )
        order by s.bought_at, s.id limit p_limit
    ) as s
);

-- The carrier has the parcel.
create function note_scanned(p_shipment uuid, p_now timestamptz default clock_timestamp()) returns void
language sql set search_path = public, pg_temp
begin atomic
    update shipments set scanned_at = p_now where id = p_shipment and scanned_at is null;
end;

select restrict_access();
