-- The postage ledger: what labels cost, and what came back, in cents.

-- How a label ends: shipped, voided, refunded, disputed, or open until one of them.
create function label_end(p_shipment shipments, p_order order_state) returns text
language sql immutable set search_path = public, pg_temp
return case
    when p_shipment.state in ('voided', 'refunded', 'disputed') then p_shipment.state::text
    when p_shipment.state = 'bought' and p_shipment.wanted and p_order = 'shipped' then 'shipped'
    else 'open'
end;

-- The beginning of a day of the carrier's calendar.
create function carrier_midnight(p_day date) returns timestamptz
language sql immutable
return p_day::timestamp at time zone 'America/Toronto';

-- The entries from `p_first` to `p_last`, days of the carrier's calendar: a purchase on the day of the carrier's list, else on
-- the day when we learnt of it; a void or refund on the day when we learnt of it. A label that was sold twice has its price from
-- the carrier's list. Only these days are read, whatever the years before them.
create function postage_entries(p_first date, p_last date) returns table (
    day date, order_id text, request_id text, shipment_id text, tracking_number text, backend text, kind text, cents bigint,
    ends text
)
language sql stable
begin atomic
    select
        c.day, s.order_id, s.request_id, s.shipment_id, s.tracking_number, s.backend, 'purchase',
        round(coalesce(c.price, s.price, 0) * 100)::bigint, label_end(s::shipments, o.state)
    from carrier_shipments as c
    -- the offsets force single look-ups
    cross join lateral (select * from shipments where shipment_id = c.shipment_id and backend = c.backend offset 0) as s
    inner join orders as o using (order_id)
    where c.day between p_first and p_last and s.bought_at is not null
    union all
    select
        (s.bought_at at time zone 'America/Toronto')::date, s.order_id, s.request_id, s.shipment_id, s.tracking_number, s.backend,
        'purchase', round(coalesce(s.price, 0) * 100)::bigint, label_end(s, o.state)
    from shipments as s
    inner join orders as o using (order_id)
    where s.bought_at >= carrier_midnight(p_first) and s.bought_at < carrier_midnight(p_last + 1) and not coalesce((
        select true from carrier_shipments as c where c.backend = s.backend and c.shipment_id = s.shipment_id
    ), false)
    union all
    select bought.* from (
        select
            coalesce(c.day, (s.not_needed_since at time zone 'America/Toronto')::date) as day, s.order_id, s.request_id,
            further.sold_id,
            c.tracking_number, s.backend, 'purchase', round(coalesce(c.price, 0) * 100)::bigint,
            coalesce(s.also_sold_outcome, 'open')
        from shipments as s
        cross join lateral unnest(s.also_sold) as further (sold_id)
        left join carrier_shipments as c on c.backend = s.backend and c.shipment_id = further.sold_id
        where s.also_sold <> '{}'
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
    where s.state in ('voided', 'refunded')
        and s.undone_at >= carrier_midnight(p_first) and s.undone_at < carrier_midnight(p_last + 1)
    union all
    select
        (s.undone_at at time zone 'America/Toronto')::date, s.order_id, s.request_id, further.sold_id, c.tracking_number,
        s.backend,
        case s.also_sold_outcome when 'voided' then 'void' else 'refund' end, -round(coalesce(c.price, 0) * 100)::bigint,
        s.also_sold_outcome
    from shipments as s
    cross join lateral unnest(s.also_sold) as further (sold_id)
    left join carrier_shipments as c on c.backend = s.backend and c.shipment_id = further.sold_id
    where s.also_sold <> '{}' and s.also_sold_outcome in ('voided', 'refunded')
        and s.undone_at >= carrier_midnight(p_first) and s.undone_at < carrier_midnight(p_last + 1);
end;

-- The ledger of those days by `p_by` (day, month, or label for the entries themselves); by default of the month until today.
-- `carrier` compares the purchases of these days, without voided labels, with what the carrier lists for them.
create function postage(p_first date, p_last date, p_by text, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    last_day constant date := coalesce(p_last, (p_now at time zone 'America/Toronto')::date);
    first_day constant date := coalesce(p_first, date_trunc('month', last_day::timestamp)::date);
    answer jsonb;
    listed bigint;
begin
    select coalesce(sum(round(c.price * 100)), 0)::bigint into listed
    from ( -- once, when both APIs list it
        select distinct on (shipment_id) price from carrier_shipments
        where day between first_day and last_day and status is distinct from 'not listed'
        order by shipment_id, read_at desc nulls last
    ) as c;

    with entries as materialized (select * from postage_entries(first_day, last_day)),

    sums as (
        select
            case when p_by <> 'label' then
                to_char(e.day, case p_by when 'month' then 'YYYY-MM' else 'YYYY-MM-DD' end)
            end as period,
            count(*) filter (where kind = 'purchase') as labels,
            coalesce(sum(cents) filter (where kind = 'purchase'), 0) as purchases_cents,
            coalesce(sum(cents) filter (where kind = 'void'), 0) as voids_cents,
            coalesce(sum(cents) filter (where kind = 'refund'), 0) as refunds_cents,
            sum(cents) as total_cents, 'CAD' as currency,
            coalesce(sum(cents) filter (where kind = 'purchase' and ends <> 'voided'), 0) as kept_cents
        from entries as e group by 1
    )

    select jsonb_build_object(
        'first', first_day, 'last', last_day, 'by', p_by, 'currency', 'CAD',
        'rows', case
            when p_by = 'label' then (
                select coalesce(
                    jsonb_agg(to_jsonb(e) || '{"currency": "CAD"}' order by e.day, e.request_id, e.shipment_id, e.kind), '[]'
                )
                from entries as e
            )
            else coalesce(jsonb_agg(to_jsonb(sums) - 'kept_cents' order by sums.period), '[]')
        end,
        'totals', jsonb_build_object(
            'labels', coalesce(sum(labels), 0), 'purchases_cents', coalesce(sum(purchases_cents), 0),
            'voids_cents', coalesce(sum(voids_cents), 0), 'refunds_cents', coalesce(sum(refunds_cents), 0),
            'total_cents', coalesce(sum(total_cents), 0),
            'ends', (
                select coalesce(jsonb_object_agg(k.ends, k.n), '{}')
                from (select ends, count(*) as n from entries where kind = 'purchase' group by ends) as k
            )
        ),
        'carrier', jsonb_build_object(
            'listed_cents', listed, 'ours_cents', coalesce(sum(kept_cents), 0),
            'agrees', listed = coalesce(sum(kept_cents), 0), 'look', last_look('carrier', p_now) -> 'checked_at'
        )
    )
    into answer from sums;
    return answer;
end
$$;

select restrict_access();
