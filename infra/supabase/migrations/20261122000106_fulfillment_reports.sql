-- Reports: who must look at what; the place of every order and every label, in equations that must balance.

-- Why a person must look at which order, and since when: one row for each reason. `what` is the limit's, or the finding's kind.
-- Only open orders and open money are read, each kind by an index of its own, so ended orders cost nothing. The planner sees
-- through this function, so a condition on `order_id` uses the indexes.
create function attention(p_now timestamptz)
returns table (order_id text, kind text, finding bigint, reason text, since timestamptz, what text)
language sql stable
begin atomic
    select
        o.order_id, 'time', null::bigint, case when l.within = '0' then coalesce(o.reason, l.reason) else l.reason end,
        limit_of(o.state, o.ordered_at, o.state_since, o.ship_before, l),
        l.what
    from orders as o inner join order_limits as l on l.what = o.state::text
    where o.state in (
            'pending_acceptance', 'acceptance_failed', 'accepted', 'label_unknown', 'label_failed', 'label_created',
            'tracking_failed'
        ) and limit_of(o.state, o.ordered_at, o.state_since, o.ship_before, l) <= p_now
    union all
    select s.order_id, 'time', null, concat_ws(': ', l.reason, s.message), s.created_at + l.within, l.what
    from shipments as s inner join order_limits as l on l.what = 'label not asked for'
    where s.state = 'requested' and s.called_at is null and s.wanted and s.created_at + l.within <= p_now
    union all
    select s.order_id, 'time', null, concat_ws(': ', l.reason, s.message), s.bought_at + l.within, l.what
    from shipments as s inner join order_limits as l on l.what = 'label without PDF'
    where s.state = 'bought' and s.wanted and s.label_path is null and s.bought_at + l.within <= p_now
    union all
    select
        s.order_id, 'time', null, concat_ws(': ', l.reason, s.message), coalesce(s.unclear_since, s.called_at) + l.within,
        l.what
    from shipments as s inner join order_limits as l on l.what = 'unclear label of an ended order'
    where not s.wanted and s.state in ('requested', 'unknown') and coalesce(s.unclear_since, s.called_at) + l.within <= p_now
    union all
    select s.order_id, 'money', null, l.reason, s.not_needed_since + l.within, l.what
    from shipments as s inner join order_limits as l on l.what = 'label not needed'
    where s.state = 'undo_due' and s.not_needed_since + l.within <= p_now and not exists (
        select from undo_requests as r where r.order_id = s.order_id and r.ended_at is null and s.id = any (r.shipments)
    )
    union all
    select
        r.order_id, 'money', null, concat_ws(': ', l.reason, format(
            '%s has asked for %s', r.asked_by, coalesce(to_char(r.cents / 100.0, 'FM999999990.00') || ' CAD', 'an unknown price')
        )),
        r.asked_at + l.within, l.what
    from undo_requests as r inner join order_limits as l on l.what = 'undo not approved'
    where r.ended_at is null and r.asked_at + l.within <= p_now
    union all
    select s.order_id, 'money', null, l.reason, s.not_needed_since + l.within, l.what
    from shipments as s inner join order_limits as l on l.what = 'label sold twice'
    where s.also_sold <> '{}' and s.also_sold <> s.also_sold_seen and s.not_needed_since + l.within <= p_now
    union all
    select s.order_id, 'money', null, l.reason, s.undo_asked_at + l.within, l.what
    from shipments as s inner join order_limits as l on l.what = 'undo not sent'
    where s.state = 'undo_asked' and s.undo_sent_at is null and s.undo_asked_at + l.within <= p_now
    union all
    select s.order_id, 'money', null, l.reason, s.undo_asked_at + l.within, l.what
    from shipments as s inner join order_limits as l on l.what = 'refund asked for'
    where s.state = 'undo_asked' and s.undo_asked_at + l.within <= p_now
    union all
    select f.order_id, f.kind, f.id, f.reason, f.since, f.kind
    from findings as f where f.closed_at is null and f.order_id is not null;
end;

-- An order as people see it: with the reasons why somebody must look at it, the oldest first, and what it waits for until when.
create function order_report(one orders, p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp
return order_view(one) || (
    select jsonb_build_object(
        'attention', count(*) > 0,
        'attention_reason', (array_agg(a.reason order by a.since, a.reason))[1],
        'attention_since', min(a.since),
        'reasons', coalesce(
            jsonb_agg(jsonb_build_object(
                'kind', a.kind, 'what', a.what, 'finding', a.finding, 'reason', a.reason, 'since', a.since
            ) order by a.since, a.reason), '[]'
        ),
        'limit', (
            select limit_of(one.state, one.ordered_at, one.state_since, one.ship_before, l)
            from order_limits as l where l.what = one.state::text
        )
    )
    from attention(p_now) as a where a.order_id = one.order_id
);

-- True when an order fits what a filter says of its own columns.
create function fits_filter(one orders, p_filter jsonb) returns boolean
language sql stable
return (p_filter -> 'states' is null or p_filter -> 'states' ? one.state::text)
    and (p_filter -> 'order_ids' is null or p_filter -> 'order_ids' ? one.order_id)
    and (p_filter ->> 'ship_before' is null or one.ship_before < (p_filter ->> 'ship_before')::timestamptz)
    and (
        p_filter ->> 'day' is null
        or one.first_seen_at >= (p_filter ->> 'day')::timestamp at time zone coalesce(p_filter ->> 'zone', 'UTC')
        and one.first_seen_at < ((p_filter ->> 'day')::date + 1)::timestamp at time zone coalesce(p_filter ->> 'zone', 'UTC')
    );

-- The orders of a filter with their deadlines. `p_filter` is {states, attention, day, zone, ship_before, order_ids}; what is null
-- or missing leaves nothing out. `attention` true leaves only orders that a person must look at, false only the others; `day` (of
-- `zone`) those first seen then; `ship_before` those to be shipped before it.
create function wanted_orders(p_filter jsonb, p_now timestamptz) returns table (order_id text, deadline timestamptz)
language plpgsql stable
set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan -- the filter decides which index is good
as $$
declare
    wanted constant jsonb := jsonb_strip_nulls(p_filter);
    states constant order_state[] := coalesce(
        case when wanted ? 'states' then array(select jsonb_array_elements_text(wanted -> 'states'))::order_state[] end,
        enum_range(null::order_state)
    );
begin
    if wanted ->> 'attention' = 'true' then
        return query select o.order_id, coalesce(o.ship_before, 'infinity')
        from (select distinct a.order_id from attention(p_now) as a) as asking
        -- the offset forces single look-ups
        cross join lateral (select * from orders where orders.order_id = asking.order_id offset 0) as o
        where fits_filter(o::orders, wanted);
    elsif wanted ? 'order_ids' then
        return query select o.order_id, coalesce(o.ship_before, 'infinity')
        from orders as o
        where o.order_id = any (array(select jsonb_array_elements_text(wanted -> 'order_ids'))) and fits_filter(o, wanted)
            and (not wanted ? 'attention' or not exists (select from attention(p_now) as a where a.order_id = o.order_id));
    else
        return query select o.order_id, coalesce(o.ship_before, 'infinity')
        from orders as o
        where o.state = any (states) and fits_filter(o, wanted)
            and (not wanted ? 'attention' or o.order_id not in (select a.order_id from attention(p_now) as a));
    end if;
end
$$;

-- The work list: the oldest deadline comes first, orders without one last. `p_after` is the `next` of the page before. Returns
-- {total, orders, next}.
create function list_orders(
    p_filter jsonb, p_limit integer, p_after jsonb default null, p_now timestamptz default clock_timestamp()
) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    with wanted as materialized (select * from wanted_orders(p_filter, p_now)),

    page as (
        select w.order_id, w.deadline from wanted as w
        where p_after is null or (w.deadline, w.order_id) > ((p_after ->> 'deadline')::timestamptz, p_after ->> 'order_id')
        order by w.deadline, w.order_id limit p_limit
    )

    select jsonb_build_object(
        'total', (select count(*) from wanted),
        'orders', (
            select coalesce(jsonb_agg(order_report(o, p_now) order by page.deadline, page.order_id), '[]')
            from page inner join orders as o using (order_id)
        ),
        'next', (
            select jsonb_build_object('deadline', last.deadline, 'order_id', last.order_id)
            from (select * from page order by deadline desc, order_id desc limit 1) as last
            where (select count(*) from page) = p_limit
        )
    )
);

-- Findings, the oldest first: open ones, or all of one subject. Without the raw answers.
create function list_findings(p_kind text, p_limit integer, p_after bigint default 0) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select jsonb_build_object(
        'total', (select count(*) from findings where closed_at is null and (p_kind is null or kind = p_kind)),
        'findings', coalesce(jsonb_agg(to_jsonb(f) - 'raw' order by f.id), '[]')
    )
    from (
        select * from findings where closed_at is null and (p_kind is null or kind = p_kind) and id > p_after
            order by id limit p_limit
    ) as f
);

-- True when an order's state fits its current parcel's last shipment; `p_live` is null without one.
create function label_fits(p_order order_state, p_live shipments) returns boolean
language sql immutable set search_path = public, pg_temp
return case
    when p_live.state is null or not p_live.wanted or p_live.state not in ('requested', 'unknown', 'bought') then
        p_order not in ('label_unknown', 'label_created', 'tracking_failed')
    when p_live.state = 'requested' then p_order = 'accepted'
    when p_live.state = 'unknown' then p_order = 'label_unknown'
    when p_live.label_path is null then p_order in ('accepted', 'label_unknown')
    else p_order in ('label_created', 'tracking_failed', 'shipped')
end;

-- The findings that contradict the marketplace or the carrier.
create function is_unmatched(p_kind text) returns boolean
language sql immutable set search_path = public, pg_temp
return p_kind in (
    'unreadable', 'not_at_marketplace', 'open_at_marketplace', 'sold_unknown', 'not_sold', 'sold_twice', 'price_differs',
    'number_differs'
);

-- The last complete look at `p_source` (marketplace, carrier), its age, and whether it is fresh.
create function last_look(p_source text, p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select jsonb_build_object(
        'checked_at', c.began_at,
        'age_seconds', extract(epoch from p_now - c.began_at)::bigint,
        'fresh', coalesce(c.began_at + l.within > p_now, false),
        'fresh_for_seconds', extract(epoch from l.within)::bigint,
        'result', c.result
    )
    from order_limits as l
    left join lateral (
        select * from outside_checks where source = p_source and complete order by began_at desc limit 1
    ) as c on true
    where l.what = p_source || ' look'
);

-- The place of every order, and what the outside says. An order is seen when its history begins, and its place is counted from
-- its row, so a lost order shows, and so does one whose state is not its history's last. Labels: `sold` is the number that we
-- know, bought + sold_twice; bought = on_the_shelf + pdf_pending + undo_to_prepare + undo_due + undo_asked + undone;
-- `unaccounted` counts orders whose state and label contradict each other. `outside` has the last look at the marketplace and at
-- the carrier, and how many findings contradict us. `verdict` is balanced, unbalanced, or unverified while a look is missing or
-- too old. `p_day`, of `p_zone`, chooses the orders first seen on that day; null chooses all.
create function reconcile_orders(
    p_day date default null, p_zone text default 'UTC', p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    day_begin constant timestamptz := coalesce(p_day::timestamp at time zone p_zone, '-infinity');
    day_end constant timestamptz := coalesce((p_day + 1)::timestamp at time zone p_zone, 'infinity');
    sides jsonb;
    labels jsonb;
    outside jsonb;
    adds_up boolean;
begin
    with begun as (
        select order_id from order_status_history where from_state is null and at >= day_begin and at < day_end
    ),

    places as (
        select
            b.order_id is not null as seen,
            case
                when o.order_id is null or b.order_id is null or o.state is distinct from (
                    select h.to_state from order_status_history as h where h.order_id = o.order_id order by h.id desc limit 1
                ) then 'lost'
                when o.state in ('shipped', 'cancelled', 'refused') then o.state::text
                when a.order_id is not null then 'with_a_person'
                else o.state::text
            end as place
        from begun as b
        full join (
            select order_id, state from orders where first_seen_at >= day_begin and first_seen_at < day_end
        ) as o using (order_id)
        left join (select distinct order_id from attention(p_now)) as a using (order_id)
    )

    select jsonb_build_object(
        'seen', count(*) filter (where seen),
        'shipped', count(*) filter (where place = 'shipped'),
        'in_progress', jsonb_build_object(
            'pending_acceptance', count(*) filter (where place = 'pending_acceptance'),
            'accepted', count(*) filter (where place = 'accepted'),
            'label_unknown', count(*) filter (where place = 'label_unknown'),
            'label_created', count(*) filter (where place = 'label_created')
        ),
        'with_a_person', count(*) filter (where place = 'with_a_person'),
        'cancelled', count(*) filter (where place = 'cancelled'),
        'refused', count(*) filter (where place = 'refused'),
        'lost', count(*) filter (where place = 'lost') -- seen and gone, never seen, or not in its history's last state
    )
    into sides from places;

    with asked as (
        select s.*
        from orders as o
        -- the offset forces single look-ups: a day is bounded, history is not
        cross join lateral (select * from shipments where order_id = o.order_id offset 0) as s
        where o.first_seen_at >= day_begin and o.first_seen_at < day_end
    )

    select jsonb_build_object(
        'asked', count(*),
        'refused', count(*) filter (where state = 'failed'),
        'not_called', count(*) filter (where state = 'requested' and called_at is null),
        'unknown', count(*) filter (where state = 'unknown' or (state = 'requested' and called_at is not null)),
        'bought', count(*) filter (where bought_at is not null),
        'on_the_shelf', count(*) filter (where state = 'bought' and wanted and label_path is not null),
        'pdf_pending', count(*) filter (where state = 'bought' and wanted and label_path is null),
        'undo_to_prepare', count(*) filter (where state = 'bought' and not wanted),
        'undo_due', count(*) filter (where state = 'undo_due'),
        'undo_asked', count(*) filter (where state = 'undo_asked'),
        'undone', count(*) filter (where state in ('voided', 'refunded', 'disputed')),
        'sold_twice', coalesce(sum(cardinality(also_sold)), 0),
        'sold', count(*) filter (where bought_at is not null) + coalesce(sum(cardinality(also_sold)), 0),
        'unaccounted', (
            select count(*)
            from orders as o
            where o.first_seen_at >= day_begin and o.first_seen_at < day_end
                and not label_fits(o.state, current_shipment(o.order_id, o.parcels))
        )
    )
    into labels from asked;

    outside := jsonb_build_object(
        'marketplace', last_look('marketplace', p_now),
        'carrier', last_look('carrier', p_now),
        'unmatched', (select count(*) from findings where closed_at is null and is_unmatched(kind))
    );
    adds_up := sides -> 'lost' = '0' and labels -> 'unaccounted' = '0'
        and (sides ->> 'seen')::bigint = (
            select sum(value::bigint) from jsonb_each_text((sides || (sides -> 'in_progress')) - 'in_progress')
            where key not in ('seen', 'lost')
        );
    return sides || (
        select jsonb_build_object(
            'day', p_day, 'labels', labels, 'outside', outside, 'adds_up', adds_up,
            'verdict', verdict, 'balanced', verdict = 'balanced'
        )
        from (
            select case
                when not adds_up or outside -> 'unmatched' <> '0' then 'unbalanced'
                when outside -> 'marketplace' -> 'fresh' = 'true' and outside -> 'carrier' -> 'fresh' = 'true' then 'balanced'
                else 'unverified'
            end as verdict
        ) as judged
    );
end
$$;

-- The stages that are stopped, with the reason.
create function open_breakers() returns jsonb
language sql stable set search_path = public, pg_temp
return (select coalesce(jsonb_agg(to_jsonb(b) order by b.opened_at, b.stage), '[]') from breakers as b);

-- The last runs, the latest first.
create function recent_stage_runs(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(r) - 'owner' order by r.begun_at desc, r.stage), '[]')
    from (select * from stage_runs order by begun_at desc, stage limit p_limit) as r
);

-- The age of the last complete look; before the first one, the time since a stage ran first.
create function seconds_without_look(p_source text, p_now timestamptz) returns bigint
language sql stable set search_path = public, pg_temp
return coalesce(
    (last_look(p_source, p_now) ->> 'age_seconds')::bigint,
    (select extract(epoch from p_now - begun_at)::bigint from stage_runs order by begun_at limit 1),
    0
);

-- The numbers of alerts and the dashboard (infra/terraform/metrics.tf), which every sweep logs. The age in seconds, 0 when there
-- is none; a label is unknown from the call to the carrier until its outcome is stored.
create function fulfillment_figures(p_now timestamptz default clock_timestamp()) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_object(
        'labels_unknown', count(*),
        'oldest_label_unknown_seconds', coalesce(extract(epoch from p_now - min(created_at))::bigint, 0),
        'orders_for_person', (select count(distinct order_id) from attention(p_now)),
        'orders_unmatched', (select count(*) from findings where closed_at is null and is_unmatched(kind)),
        'marketplace_look_seconds', seconds_without_look('marketplace', p_now),
        'carrier_look_seconds', seconds_without_look('carrier', p_now),
        'breakers_open', (select count(*) from breakers)
    )
    from shipments where state in ('requested', 'unknown') and called_at is not null
$$;
