-- The state of fulfillment in numbers, which every sweep logs. Alerts and the dashboard use them (infra/terraform/metrics.tf).

create index shipments_unsettled on shipments (created_at) where state in ('requested', 'unknown') and called_at is not null;
create index orders_for_person on orders (updated_at)
where attention or state in ('acceptance_failed', 'label_failed', 'tracking_failed');

-- The age is in seconds, 0 when there is none. A label is unknown from the call to the carrier until its outcome is stored.
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
