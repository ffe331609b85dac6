-- What the sweep tells of how everything stands. Alerts and the dashboard are made of it (infra/terraform/metrics.tf).

create index shipments_unsettled on shipments (created_at) where state in ('requested', 'unknown') and called_at is not null;
create index orders_for_person on orders (updated_at)
where attention or state in ('acceptance_failed', 'label_failed', 'tracking_failed');

-- Ages in seconds, 0 when there is none. A record that waits for the vendor's next day is in flight, and ages from then on. A
-- label is unknown from the call to the carrier until its answer is stored, or found out. The share is of today's (UTC) quota.
create function health_figures(p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    figures jsonb;
begin
    select jsonb_build_object(
        'in_flight', count(*),
        'oldest_in_flight_seconds', coalesce(
            extract(epoch from p_now - min(greatest(created_at, not_before)) filter (
                where coalesce(not_before, p_now) <= p_now
            ))::bigint, 0
        )
    )
    into figures from automation_tasks where state not in ('completed', 'failed');
    select figures || jsonb_build_object(
        'manual_open', count(*), 'manual_overdue', count(*) filter (where due_at < p_now)
    )
    into figures from manual_tasks where state in ('initialized', 'processing');
    select figures || jsonb_build_object(
        'labels_unknown', count(*),
        'oldest_label_unknown_seconds', coalesce(extract(epoch from p_now - min(created_at))::bigint, 0)
    )
    into figures from shipments where state in ('requested', 'unknown') and called_at is not null;
    return figures || jsonb_build_object(
        'orders_for_person', (
            select count(*) from orders
            where attention or state in ('acceptance_failed', 'label_failed', 'tracking_failed')
        ),
        'daily_share', coalesce((
            select round(used::numeric / greatest(quota, 1), 3) from daily_usage where day = (p_now at time zone 'UTC')::date
        ), 0)
    );
end
$$;

select restrict_access();
