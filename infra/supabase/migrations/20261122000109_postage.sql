-- The postage ledger: what labels cost, and what came back, in cents.

-- How a label ends: shipped, voided, refunded, disputed, or open until one of them.
create function label_end(p_shipment shipments, p_order order_state) returns text
language sql immutable set search_path = public, pg_temp
return case
    when p_shipment.state in ('voided', 'refunded', 'disputed') then p_shipment.state::text
    when p_shipment.state = 'bought' and p_shipment.wanted and p_order = 'shipped' then 'shipped'
    else 'open'
end;

-- The entries from `p_first` to `p_last`, days of the carrier's calendar: a purchase on the day of the carrier's list, else on
-- the day when we learnt of it; a void or refund on the day when we learnt of it. A label that was sold twice has its price from
-- the carrier's list.
create function postage_entries(p_first date, p_last date) returns table (
    day date, order_id text, request_id text, shipment_id text, tracking_number text, backend text, kind text, cents bigint,
    ends text
)
language sql stable
begin atomic
    select bought.* from (
        select
            coalesce(c.day, (s.bought_at at time zone 'America/Toronto')::date) as day, s.order_id, s.request_id, s.shipment_id,
            s.tracking_number, s.backend, 'purchase', round(coalesce(c.price, s.price, 0) * 100)::bigint, label_end(s, o.state)
        from shipments as s
        inner join orders as o using (order_id)
        left join carrier_shipments as c on c.backend = s.backend and c.shipment_id = s.shipment_id
        where s.bought_at is not null
        union all
        select
            coalesce(c.day, (s.not_needed_since at time zone 'America/Toronto')::date), s.order_id, s.request_id,
            further.sold_id,
            c.tracking_number, s.backend, 'purchase', round(coalesce(c.price, 0) * 100)::bigint,
            coalesce(s.also_sold_outcome, 'open')
        from shipments as s
        cross join lateral unnest(s.also_sold) as further (sold_id)
        left join carrier_shipments as c on c.backend = s.backend and c.shipment_id = further.sold_id
    ) as bought
    where bought.day between p_first and p_last
    union all
    select
        (s.undone_at at time zone 'America/Toronto')::date, s.order_id, s.request_id, s.shipment_id, s.tracking_number,
        s.backend,
        case s.state when 'voided' then 'void' else 'refund' end,
        -round(coalesce(c.price, s.price, 0) * 100)::bigint, s.state::text
    from shipments as s
    left join carrier_shipments as c on c.backend = s.backend and c.shipment_id = s.shipment_id
    where s.state in ('voided', 'refunded') and s.undone_at is not null
        and (s.undone_at at time zone 'America/Toronto')::date between p_first and p_last
    union all
    select
        (s.undone_at at time zone 'America/Toronto')::date, s.order_id, s.request_id, further.sold_id, c.tracking_number,
        s.backend,
        case s.also_sold_outcome when 'voided' then 'void' else 'refund' end, -round(coalesce(c.price, 0) * 100)::bigint,
        s.also_sold_outcome
    from shipments as s
    cross join lateral unnest(s.also_sold) as further (sold_id)
    left join carrier_shipments as c on c.backend = s.backend and c.shipment_id = further.sold_id
    where s.also_sold_outcome in ('voided', 'refunded') and s.undone_at is not null
        and (s.undone_at at time zone 'America/Toronto')::date between p_first and p_last;
end;

-- The ledger of those days by `p_by` (day, month, or label for the entries themselves). `carrier` compares the purchases of these
-- days, without voided labels, with what the carrier lists for them.
create function postage(p_first date, p_last date, p_by text, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    rows jsonb;
    totals jsonb;
    ours bigint;
    listed bigint;
begin
    if p_by = 'label' then
        select coalesce(jsonb_agg(to_jsonb(e) order by e.day, e.request_id, e.shipment_id, e.kind), '[]') into rows
        from postage_entries(p_first, p_last) as e;
    else
        select coalesce(jsonb_agg(to_jsonb(g) order by g.period), '[]') into rows
        from (
            select
                to_char(e.day, case p_by when 'month' then 'YYYY-MM' else 'YYYY-MM-DD' end) as period,
                count(*) filter (where kind = 'purchase') as labels,
                coalesce(sum(cents) filter (where kind = 'purchase'), 0) as purchases_cents,
                coalesce(sum(cents) filter (where kind = 'void'), 0) as voids_cents,
                coalesce(sum(cents) filter (where kind = 'refund'), 0) as refunds_cents,
                sum(cents) as total_cents
            from postage_entries(p_first, p_last) as e group by 1
        ) as g;
    end if;
    select jsonb_build_object(
        'labels', count(*) filter (where kind = 'purchase'),
        'purchases_cents', coalesce(sum(cents) filter (where kind = 'purchase'), 0),
        'voids_cents', coalesce(sum(cents) filter (where kind = 'void'), 0),
        'refunds_cents', coalesce(sum(cents) filter (where kind = 'refund'), 0),
        'total_cents', coalesce(sum(cents), 0),
        'ends', (
            select coalesce(jsonb_object_agg(ends, n), '{}')
            from (select ends, count(*) as n from postage_entries(p_first, p_last) where kind = 'purchase' group by ends) as k
        )
    )
    into totals from postage_entries(p_first, p_last);
    select coalesce(sum(cents), 0) into ours
    from postage_entries(p_first, p_last) where kind = 'purchase' and ends <> 'voided';
    select coalesce(sum(round(c.price * 100)), 0)::bigint into listed
    from ( -- once, when both APIs list it
        select distinct on (shipment_id) price from carrier_shipments
        where day between p_first and p_last and status is distinct from 'not listed'
        order by shipment_id, read_at desc nulls last
    ) as c;
    return jsonb_build_object(
        'first', p_first, 'last', p_last, 'by', p_by, 'currency', 'CAD', 'rows', rows, 'totals', totals,
        'carrier', jsonb_build_object(
            'listed_cents', listed, 'ours_cents', ours, 'agrees', listed = ours, 'look',
            last_look('carrier', p_now) -> 'checked_at'
        )
    );
end
$$;

select restrict_access();
