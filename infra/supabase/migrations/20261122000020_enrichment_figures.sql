-- The state of enrichment in numbers, which every sweep logs. Alerts and the dashboard use them (infra/terraform/metrics.tf).

-- Ages in seconds, 0 when there is none. A record that waits for the vendor's next day is in flight, and ages from then on.
-- The share is of today's (UTC) quota.
create function enrichment_figures(p_now timestamptz default clock_timestamp()) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select tasks.figures || manual.figures || jsonb_build_object(
        'daily_share', coalesce((
            select round(used::numeric / greatest(quota, 1), 3) from daily_usage where day = (p_now at time zone 'UTC')::date
        ), 0)
    )
    from (
        select jsonb_build_object(
            'in_flight', count(*),
            'oldest_in_flight_seconds', coalesce(
                extract(epoch from p_now - min(greatest(created_at, not_before)) filter (
                    where coalesce(not_before, p_now) <= p_now
                ))::bigint, 0
            )
        ) as figures
        from automation_tasks where state not in ('completed', 'failed')
    ) as tasks
    cross join (
        select jsonb_build_object(
            'manual_open', count(*), 'manual_overdue', count(*) filter (where due_at < p_now)
        ) as figures
        from manual_tasks where state in ('initialized', 'processing')
    ) as manual
$$;

select restrict_access();
