-- Insight of the orders: postage by day, in a table of one row per day; and the figures of the page "is all well?".
--
-- A day of the carrier's calendar is summed up once, an hour after its end, by the sweep, and again when a purchase, a price or
-- an undo of it becomes known later. A day that is not summed up is counted from its rows, which indexes find.

create index stage_runs_by_stage on stage_runs (stage, begun_at desc nulls last); -- so that none by time alone is taken for it

-- The postage of each day, in cents (CAD); what came back is negative.
create table postage_days (
    day date primary key,
    labels integer not null,
    bought bigint not null,
    voided bigint not null,
    refunded bigint not null,
    rolled_at timestamptz not null
);

-- Days whose postage has changed, one row per transaction, so that no two wait for each other.
create table postage_due (
    day date not null,
    xact xid8 not null,
    primary key (day, xact)
);

-- The day of the carrier's calendar.
create function postage_day(p_at timestamptz) returns date
language sql immutable set search_path = public, pg_temp
return (p_at at time zone 'America/Toronto')::date;

-- Marks days whose postage has changed.
create function mark_postage(p_days date[]) returns void
language sql set search_path = public, pg_temp
begin atomic
    insert into postage_due (day, xact)
    select distinct day, pg_current_xact_id() from unnest(p_days) as day where day is not null order by day
    on conflict do nothing;
end;

-- The days that a shipment counts on.
create function postage_days_of(one shipments) returns date[]
language sql stable set search_path = public, pg_temp
return array[postage_day(one.bought_at), postage_day(one.undone_at), postage_day(one.not_needed_since)] || array(
    select c.day from carrier_shipments as c
    where c.backend = one.backend and (c.shipment_id = one.shipment_id or c.shipment_id = any (one.also_sold))
);

-- Marks the days of a label that is bought, priced, sold twice or undone.
create function note_postage_of_shipment() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform mark_postage(postage_days_of(new) || case when tg_op = 'UPDATE' then postage_days_of(old) end);
    return null;
end
$$;

create trigger shipment_changes_postage after update on shipments
for each row when (
    (
        old.state, old.price, old.bought_at, old.shipment_id, old.undone_at, old.not_needed_since, old.also_sold,
        old.also_sold_outcome
    )
    is distinct from
    (
        new.state, new.price, new.bought_at, new.shipment_id, new.undone_at, new.not_needed_since, new.also_sold,
        new.also_sold_outcome
    )
)
execute function note_postage_of_shipment();
create trigger shipment_adds_postage after insert on shipments
for each row when (new.bought_at is not null)
execute function note_postage_of_shipment();

-- Marks the days of a label that the carrier lists, moves or prices.
create function note_postage_of_list() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform mark_postage(
        array[new.day] || case when tg_op = 'UPDATE' then array[old.day] end || array(
            select each.day from shipments as s
            cross join lateral (
                values (postage_day(s.bought_at)), (postage_day(s.undone_at)), (postage_day(s.not_needed_since))
            ) as each (day)
            where s.shipment_id = new.shipment_id or (s.also_sold @> array[new.shipment_id] and s.also_sold <> '{}')
        )
    );
    return null;
end
$$;

create trigger listed_shipment_changes_postage after update on carrier_shipments
for each row when ((old.day, old.price) is distinct from (new.day, new.price))
execute function note_postage_of_list();
create trigger listed_shipment_adds_postage after insert on carrier_shipments
for each row execute function note_postage_of_list();

-- Counts the postage of a day from its rows: the sums of `postage_entries`, found by index. An `offset 0` looks up row by row,
-- where a join might read a whole table.
create function count_postage(p_day date) returns postage_days
language sql stable set search_path = public, pg_temp as $$
    with span as (
        select
            p_day::timestamp at time zone 'America/Toronto' as first,
            (p_day + 1)::timestamp at time zone 'America/Toronto' as last
    ),

    entries (kind, cents) as (
        select 'purchase', round(coalesce(c.price, s.price, 0) * 100)::bigint
        from carrier_shipments as c
        cross join lateral (
            select o.price from shipments as o
            where o.shipment_id = c.shipment_id and o.backend = c.backend and o.bought_at is not null offset 0
        ) as s
        where c.day = p_day
        union all
        select 'purchase', round(coalesce(s.price, 0) * 100)::bigint
        from span inner join shipments as s on s.bought_at >= span.first and s.bought_at < span.last
        where not exists (
            select from carrier_shipments as c where c.backend = s.backend and c.shipment_id = s.shipment_id offset 0
        )
        union all
        select 'purchase', round(coalesce(c.price, 0) * 100)::bigint
        from shipments as s cross join lateral unnest(s.also_sold) as further (sold_id)
        left join carrier_shipments as c on c.backend = s.backend and c.shipment_id = further.sold_id
        where s.also_sold <> '{}' and coalesce(c.day, postage_day(s.not_needed_since)) = p_day
        union all
        select s.state::text, -round(coalesce(c.price, s.price, 0) * 100)::bigint
        from span inner join shipments as s on s.undone_at >= span.first and s.undone_at < span.last
        left join lateral (
            select l.price from carrier_shipments as l where l.backend = s.backend and l.shipment_id = s.shipment_id offset 0
        ) as c on true
        where s.state in ('voided', 'refunded')
        union all
        select s.also_sold_outcome, -round(coalesce(c.price, 0) * 100)::bigint
        from span inner join shipments as s on s.undone_at >= span.first and s.undone_at < span.last
        cross join lateral unnest(s.also_sold) as further (sold_id)
        left join carrier_shipments as c on c.backend = s.backend and c.shipment_id = further.sold_id
        where s.also_sold_outcome in ('voided', 'refunded')
    )

    select
        p_day, count(*) filter (where kind = 'purchase')::integer,
        coalesce(sum(cents) filter (where kind = 'purchase'), 0)::bigint,
        coalesce(sum(cents) filter (where kind = 'voided'), 0)::bigint,
        coalesce(sum(cents) filter (where kind = 'refunded'), 0)::bigint, null::timestamptz
    from entries
$$;

-- The days of a time that are not summed up, or have changed since: from the first order's to the present one.
create function open_postage_days(p_first date, p_last date, p_now timestamptz) returns table (day date)
language sql stable set search_path = public, pg_temp as $$
    select each.day::date
    -- without an order no row, else the series would have no beginning and no end
    from (select postage_day(first_seen_at) as day from orders order by first_seen_at limit 1) as begun
    cross join lateral generate_series(
        greatest(p_first, begun.day - 7)::timestamp, least(p_last, postage_day(p_now))::timestamp, interval '1 day'
    ) as each (day)
    where not exists (select from postage_days as d where d.day = each.day::date)
        or exists (select from postage_due as u where u.day = each.day::date)
$$;

-- Sums up the days that are over since an hour, and those that have changed, the latest first, for `p_seconds`. One call at a
-- time does it. Returns {summed_up, days_not_summed_up}.
create function roll_up_postage(p_seconds double precision, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    begun constant timestamptz := clock_timestamp();
    due date[];
    done integer := 0;
begin
    due := array(
        select day from open_postage_days('-infinity', postage_day(p_now - interval '1 hour') - 1, p_now) order by day desc
    );
    if cardinality(due) > 0 and pg_try_advisory_xact_lock(hashtext('roll_up_postage')) then
        while done < cardinality(due) and clock_timestamp() < begun + make_interval(secs => p_seconds) loop
            done := done + 1;
            delete from postage_due where day = due[done]; -- first: what is marked from here on is not counted below
            insert into postage_days as d (day, labels, bought, voided, refunded, rolled_at)
            select day, labels, bought, voided, refunded, p_now from count_postage(due[done])
            on conflict (day) do update
            set labels = excluded.labels, bought = excluded.bought, voided = excluded.voided, refunded = excluded.refunded,
                rolled_at = excluded.rolled_at;
        end loop;
    end if;
    return jsonb_build_object('summed_up', done, 'days_not_summed_up', cardinality(due) - done);
end
$$;

-- Postage by day of the carrier's calendar. Returns {series, first, last, currency, rows}.
create function order_insight(
    p_series text, p_first date, p_last date, p_now timestamptz default clock_timestamp()
) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_object('series', p_series, 'first', p_first, 'last', p_last, 'currency', 'CAD', 'rows', coalesce(
        jsonb_agg(jsonb_build_object(
            'day', span.day::date, 'labels', coalesce(p.labels, 0), 'bought_cents', coalesce(p.bought, 0),
            'undone_cents', -coalesce(p.voided + p.refunded, 0),
            'total_cents', coalesce(p.bought + p.voided + p.refunded, 0), 'currency', 'CAD'
        ) order by span.day), '[]'
    ))
    from generate_series(p_first::timestamp, p_last::timestamp, interval '1 day') as span (day)
    left join (
        select d.* from postage_days as d
        where d.day between p_first and p_last and not exists (select from postage_due as u where u.day = d.day)
        union all
        select c.* from open_postage_days(p_first, p_last, p_now) as o cross join lateral count_postage(o.day) as c
    ) as p on p.day = span.day::date
$$;

-- The last run of each of `p_stages`, in their order, with the stage's breaker. Its errors are a number here.
create function stages_now(p_stages text[]) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'stage', s.stage, 'breaker', breaker_of(s.stage), 'last_run', case when r.id is not null then jsonb_build_object(
            'cycle', r.cycle, 'trigger', r.trigger, 'state', r.state, 'begun_at', r.begun_at, 'ended_at', r.ended_at,
            'seconds', round(extract(epoch from r.ended_at - r.begun_at), 1), 'out_of_order', r.out_of_order, 'tries', r.tries,
            'result', r.result - 'errors', 'errors', coalesce(jsonb_array_length(
                case when jsonb_typeof(r.result -> 'errors') = 'array' then r.result -> 'errors' end
            ), 0)
        ) end
    ) order by s.place), '[]')
    from unnest(p_stages) with ordinality as s (stage, place)
    left join lateral (select * from stage_runs where stage = s.stage order by begun_at desc nulls last limit 1) as r on true
$$;

-- Is all well with the orders? The account of those first seen on the present day of `p_zone`, all open ones by state, what needs
-- a person, the soonest deadline, the outside looks, the day's postage and each stage's last run. It changes only when one of
-- them does, and holds no age.
create function fulfillment_now(
    p_stages text[], p_zone text default 'UTC', p_now timestamptz default clock_timestamp()
) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_object(
        'day', today.day, 'account', day.account - 'outside' - 'day', 'verdict', day.account -> 'verdict',
        'outside', jsonb_build_object(
            'marketplace', (day.account #> '{outside,marketplace}') - 'age_seconds',
            'carrier', (day.account #> '{outside,carrier}') - 'age_seconds',
            'unmatched', day.account #> '{outside,unmatched}'
        ),
        'open', (
            select coalesce(jsonb_object_agg(state, number), '{}') from (
                select state, count(*) as number from orders
                where state in (
                    'pending_acceptance', 'acceptance_failed', 'accepted', 'label_unknown', 'label_failed', 'label_created',
                    'tracking_failed'
                ) group by state
            ) as states
        ),
        'with_a_person', (
            select jsonb_build_object(
                'orders', count(distinct order_id), 'reasons', count(*), 'since', min(since)
            ) from attention(p_now)
        ),
        'soonest', (
            select jsonb_build_object('order_id', o.order_id, 'state', o.state, 'ship_before', o.ship_before)
            from orders as o where o.state not in ('shipped', 'refused', 'cancelled')
            order by coalesce(o.ship_before, 'infinity'), o.order_id limit 1
        ),
        'late', (
            select count(*) from orders
            where state not in ('shipped', 'refused', 'cancelled') and coalesce(ship_before, 'infinity') < p_now
        ),
        'labels_unknown', (select count(*) from shipments where state in ('requested', 'unknown') and called_at is not null),
        'postage', (
            select jsonb_build_object(
                'day', p.day, 'labels', p.labels, 'bought_cents', p.bought, 'undone_cents', -(p.voided + p.refunded),
                'currency', 'CAD'
            ) from count_postage(postage_day(p_now)) as p
        ),
        'stages', stages_now(p_stages)
    )
    from (select (p_now at time zone p_zone)::date as day) as today
    cross join lateral (select reconcile_orders(today.day, p_zone, p_now) as account offset 0) as day -- once, not at each use
$$;

-- What people did with the jobs of Cloud Scheduler, of both halves.
create table schedule_changes (
    id bigint generated always as identity primary key,
    job text not null,
    change text not null check (change in ('run', 'pause', 'resume')),
    by text not null,
    note text not null,
    at timestamptz not null
);
create index schedule_changes_by_job on schedule_changes (job, id desc);

create trigger schedule_changes_append_only before update or delete on schedule_changes
for each row execute function refuse_rewriting();
create trigger schedule_changes_are_kept before truncate on schedule_changes
for each statement execute function refuse_rewriting();

-- Notes a change. The same one by the same person within 10 seconds is a repetition of that call, and is noted once.
create function note_schedule_change(
    p_job text, p_change text, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    noted jsonb;
begin
    perform pg_advisory_xact_lock(hashtextextended('schedule ' || p_job, 0));
    select to_jsonb(c) into noted from (select * from schedule_changes where job = p_job order by id desc limit 1) as c
    where c.change = p_change and c.by = p_by and c.note = p_note and c.at >= p_now - interval '10 seconds';
    if noted is null then
        insert into schedule_changes as c (job, change, by, note, at) values (p_job, p_change, p_by, p_note, p_now)
        returning to_jsonb(c) into noted;
    end if;
    return noted - 'id' - 'job';
end
$$;

-- The last change of each job: {job: {change, by, note, at}}.
create function last_schedule_changes() returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_object_agg(job, to_jsonb(c) - 'id' - 'job'), '{}')
    from (select distinct on (job) * from schedule_changes order by job, id desc) as c
);

select restrict_access();
