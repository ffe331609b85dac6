-- Reports: the place of every order and every label, in equations that must balance.

-- True when an order's state fits its last shipment; `p_live` is null without a live shipment.
create function label_fits(p_order order_state, p_live shipments) returns boolean
language sql immutable set search_path = public, pg_temp
return case
    when p_live.state is null or p_live.state in ('failed', 'undo_due') then
        p_order not in ('label_unknown', 'label_created', 'tracking_failed')
    when not p_live.wanted then p_order in ('shipped', 'refused', 'cancelled')
    when p_live.state = 'requested' then p_order = 'accepted'
    when p_live.state = 'unknown' then p_order = 'label_unknown'
    when p_live.label_path is null then p_order in ('accepted', 'label_unknown')
    else p_order in ('label_created', 'tracking_failed', 'shipped')
end;

-- The place of every order. An order is seen when its history begins, and its place is counted from its row, so a lost order
-- shows, and so does one whose state is not its history's last. Labels: `sold` is the number that the carrier's ledger must show,
-- bought + sold_twice; bought = on_the_shelf + pdf_pending + undo_to_prepare + undo_due; `unaccounted` counts orders whose state
-- and label contradict each other. `p_day` (UTC) chooses the orders first seen on that day; null chooses all.
create function reconcile_orders(p_day date default null) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    day_begin constant timestamptz := coalesce(p_day::timestamp at time zone 'UTC', '-infinity');
    day_end constant timestamptz := coalesce((p_day + 1)::timestamp at time zone 'UTC', 'infinity');
    sides jsonb;
    labels jsonb;
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
                when o.attention or o.state in ('acceptance_failed', 'label_failed', 'tracking_failed') then 'with_a_person'
                else o.state::text
            end as place
        from begun as b
        full join (
            select order_id, state, attention from orders where first_seen_at >= day_begin and first_seen_at < day_end
        ) as o using (order_id)
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
        'bought', count(*) filter (where state in ('bought', 'undo_due')),
        'on_the_shelf', count(*) filter (where state = 'bought' and wanted and label_path is not null),
        'pdf_pending', count(*) filter (where state = 'bought' and wanted and label_path is null),
        'undo_to_prepare', count(*) filter (where state = 'bought' and not wanted),
        'undo_due', count(*) filter (where state = 'undo_due' and undone_at is null),
        'undone', count(*) filter (where state = 'undo_due' and undone_at is not null),
        'sold_twice', coalesce(sum(cardinality(also_sold)), 0),
        'sold', count(*) filter (where state in ('bought', 'undo_due')) + coalesce(sum(cardinality(also_sold)), 0),
        'unaccounted', (
            select count(*)
            from orders as o
            left join lateral (
                select s.* from shipments as s where s.order_id = o.order_id order by s.sequence desc limit 1
            ) as last on true
            where o.first_seen_at >= day_begin and o.first_seen_at < day_end
                and not label_fits(o.state, last::shipments)
        )
    )
    into labels from asked;

    return sides || jsonb_build_object(
        'day', p_day,
        'labels', labels,
        'balanced', sides -> 'lost' = '0' and labels -> 'unaccounted' = '0'
            and (sides ->> 'seen')::bigint = (
                select sum(value::bigint) from jsonb_each_text((sides || (sides -> 'in_progress')) - 'in_progress')
                where key not in ('seen', 'lost')
            )
    );
end
$$;

-- The last runs, the latest first.
create function recent_stage_runs(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(r) - 'owner' order by r.begun_at desc, r.stage), '[]')
    from (select * from stage_runs order by begun_at desc, stage limit p_limit) as r
);

-- The numbers of alerts and the dashboard (infra/terraform/metrics.tf), which every sweep logs. The age in seconds, 0 when there
-- is none; a label is unknown from the call to the carrier until its outcome is stored.
create function fulfillment_figures(p_now timestamptz default clock_timestamp()) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_object(
        'labels_unknown', count(*),
        'oldest_label_unknown_seconds', coalesce(extract(epoch from p_now - min(created_at))::bigint, 0),
        'orders_for_person', (
            select count(*) from orders
            where attention or state in ('acceptance_failed', 'label_failed', 'tracking_failed')
        )
    )
    from shipments where state in ('requested', 'unknown') and called_at is not null
$$;

select restrict_access();
