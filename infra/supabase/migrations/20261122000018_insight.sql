-- Insight: what ended, and what was decided, by day, in a table that stays small; and the figures of the page "is all well?".
--
-- The sweep sums up a day (UTC) an hour after its end, and a month from its days; a day that is not summed up, as today, is
-- counted from its rows, which an index finds. So an answer never lags behind, and a year costs twelve months' rows.

create index decisions_by_time on decisions (decided_at);
create index automation_tasks_by_end on automation_tasks (finished_at) where finished_at is not null;
create index manual_tasks_by_end on manual_tasks (finished_at) where finished_at is not null;

-- What each day and each whole month (UTC, by its first day) brought: one row per subject and key. `key` is '' for what has none,
-- as a record without a category.
create table insight_sums (
    subject text not null check (subject in ('all', 'manufacturer', 'category', 'rule', 'route', 'cause')),
    span text not null check (span in ('day', 'month')),
    first date not null,
    key text not null,
    decided integer not null default 0, -- decisions, for `route` and `rule`
    completed integer not null default 0, -- by automation
    failed integer not null default 0, -- by automation
    people_completed integer not null default 0,
    people_failed integer not null default 0, -- without those that a redrive gave back to automation
    seconds integer[] not null default '{}', -- for `cause`: what people's completions took, as `rough_seconds` has it
    tasks integer[] not null default '{}', -- how many completions took so many seconds
    primary key (subject, span, first, key)
);

-- The days and months that are summed up.
create table insight_spans (
    span text not null check (span in ('day', 'month')),
    first date not null,
    summed_at timestamptz not null,
    primary key (span, first)
);

-- Days that a person's undo has changed, one row per transaction, so that no two wait for each other. They are counted from their
-- rows until they are summed up again.
create table insight_due (
    day date not null,
    xact xid8 not null,
    primary key (day, xact)
);

-- Marks the day of an end that is taken back.
create function note_end_taken_back() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    insert into insight_due (day, xact) values ((old.finished_at at time zone 'UTC')::date, pg_current_xact_id())
    on conflict do nothing;
    return null;
end
$$;

create trigger manual_task_end_is_taken_back after update of finished_at on manual_tasks
for each row when (old.finished_at is not null and new.finished_at is distinct from old.finished_at)
execute function note_end_taken_back();

-- Notes when a person took the task.
create function note_claim() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    new.claimed_at := new.updated_at;
    return new;
end
$$;

create trigger manual_task_is_claimed before update of assignee on manual_tasks
for each row when (new.assignee is not null and new.assignee is distinct from old.assignee)
execute function note_claim();

-- Seconds in steps: of 1 below 10 minutes, of 10 below 2 hours, of a minute below a day, of 10 minutes beyond. So a year has few
-- different ones, and no figure is off by more than 1 in 100.
create function rough_seconds(p_taken interval) returns integer
language sql immutable set search_path = public, pg_temp
return (
    select (round(s.taken / s.step) * s.step)::integer from (
        select taken, case when taken < 600 then 1 when taken < 7200 then 10 when taken < 86400 then 60 else 600 end as step
        from least(extract(epoch from p_taken), 2000000000) as taken
    ) as s
);

-- Counts a day from its rows, for one subject or (null) for all: rows as those of `insight_sums`.
create function count_day(p_day date, p_subject text default null) returns setof insight_sums
language sql stable set search_path = public, pg_temp as $$
    with span as (
        select p_day::timestamp at time zone 'UTC' as first, (p_day + 1)::timestamp at time zone 'UTC' as last
    ),

    counted (subject, key, decided, person, completed, seconds) as (
        select by.subject, by.key, true, null::boolean, null::boolean, null::integer
        from span
        inner join decisions as d on d.decided_at >= span.first and d.decided_at < span.last
        cross join lateral (values ('route', d.route::text), ('rule', d.rule)) as by (subject, key)
        where coalesce(p_subject, 'rule') in ('route', 'rule')
        union all
        select by.subject, by.key, false, false, t.state = 'completed', null
        from span
        inner join automation_tasks as t on t.finished_at >= span.first and t.finished_at < span.last
        cross join lateral (
            values ('all', null), ('manufacturer', t.manufacturer_key), ('category', btrim(t.source_record ->> 'category')),
                ('rule', t.rule)
        ) as by (subject, key)
        union all
        select
            by.subject, by.key, false, true, m.state = 'completed',
            case when by.subject = 'cause' and m.state = 'completed' then rough_seconds(m.finished_at - m.claimed_at) end
        from span
        inner join manual_tasks as m on m.finished_at >= span.first and m.finished_at < span.last
        cross join lateral (
            values ('all', null), ('manufacturer', m.manufacturer_key), ('category', btrim(m.source_record ->> 'category')),
                ('rule', m.rule), ('cause', m.cause::text)
        ) as by (subject, key)
        where not coalesce(m.result ? 'redriven_by', false)
    ),

    taken as (
        select subject, key, array_agg(seconds order by seconds) as seconds, array_agg(tasks order by seconds) as tasks
        from (
            select subject, coalesce(key, '') as key, seconds, count(*)::integer as tasks
            from counted where seconds is not null and coalesce(p_subject, 'cause') = 'cause' group by 1, 2, 3
        ) as each group by subject, key
    )

    select
        c.subject, 'day', p_day, c.key, c.decided, c.completed, c.failed, c.people_completed, c.people_failed,
        coalesce(t.seconds, '{}'), coalesce(t.tasks, '{}')
    from (
        select
            subject, coalesce(key, '') as key, count(*) filter (where decided)::integer as decided,
            count(*) filter (where completed and not person)::integer as completed,
            count(*) filter (where not completed and not person)::integer as failed,
            count(*) filter (where completed and person)::integer as people_completed,
            count(*) filter (where not completed and person)::integer as people_failed
        from counted where p_subject is null or subject = p_subject group by 1, 2
    ) as c
    left join taken as t using (subject, key)
$$;

-- The months that lie wholly between two days and are summed up, unless one of their days has changed since.
create function summed_months(p_first date, p_last date) returns table (month date)
language sql stable set search_path = public, pg_temp as $$
    select s.first from insight_spans as s
    where s.span = 'month' and s.first >= p_first and s.first + interval '1 month' <= p_last + 1 and not exists (
        select from insight_due as u where u.day >= s.first and u.day < s.first + interval '1 month'
    )
$$;

-- The days of a time that are not summed up, or have changed since: from the first batch's to the present one (UTC).
create function open_days(p_first date, p_last date, p_now timestamptz) returns table (day date)
language sql stable set search_path = public, pg_temp as $$
    select each.day::date
    -- without a batch no row, else the series would have no beginning and no end
    from (select created_at at time zone 'UTC' as at from batches order by created_at limit 1) as begun
    cross join lateral generate_series(
        greatest(p_first, begun.at::date)::timestamp, least(p_last, (p_now at time zone 'UTC')::date)::timestamp,
        interval '1 day'
    ) as each (day)
    where (
            not exists (select from insight_spans as s where s.span = 'day' and s.first = each.day::date)
            or exists (select from insight_due as u where u.day = each.day::date)
        ) and not exists (select from archived_months as a where a.month = date_trunc('month', each.day)::date)
$$;

-- Sums a day up, again if it has changed.
create function sum_up_day(p_day date, p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    delete from insight_due where day = p_day; -- first: what is marked from here on is not counted below
    delete from insight_spans where span = 'month' and first = date_trunc('month', p_day::timestamp)::date;
    delete from insight_sums where span = 'day' and first = p_day
        and subject in ('all', 'manufacturer', 'category', 'rule', 'route', 'cause');
    insert into insight_sums select * from count_day(p_day);
    insert into insight_spans (span, first, summed_at) values ('day', p_day, p_now)
    on conflict (span, first) do update set summed_at = excluded.summed_at;
end
$$;

-- Sums a month up from its days.
create function sum_up_month(p_month date, p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    delete from insight_sums where span = 'month' and first = p_month
        and subject in ('all', 'manufacturer', 'category', 'rule', 'route', 'cause');
    insert into insight_sums
    with days as materialized (
        select * from insight_sums
        where subject in ('all', 'manufacturer', 'category', 'rule', 'route', 'cause') and span = 'day'
            and first >= p_month and first < p_month + interval '1 month'
    ),

    taken as (
        select subject, key, array_agg(seconds order by seconds) as seconds, array_agg(tasks order by seconds) as tasks
        from (
            select d.subject, d.key, each.seconds, sum(each.tasks)::integer as tasks
            from days as d cross join lateral unnest(d.seconds, d.tasks) as each (seconds, tasks) group by 1, 2, 3
        ) as each group by subject, key
    )

    select
        d.subject, 'month', p_month, d.key, d.decided, d.completed, d.failed, d.people_completed, d.people_failed,
        coalesce(t.seconds, '{}'), coalesce(t.tasks, '{}')
    from (
        select
            subject, key, sum(decided) as decided, sum(completed) as completed, sum(failed) as failed,
            sum(people_completed) as people_completed, sum(people_failed) as people_failed
        from days group by subject, key
    ) as d
    left join taken as t using (subject, key);
    insert into insight_spans (span, first, summed_at) values ('month', p_month, p_now)
    on conflict (span, first) do update set summed_at = excluded.summed_at;
end
$$;

-- Sums up the days of a month that are not summed up: before its decisions leave.
create function roll_up_month(p_month date) returns void
language sql set search_path = public, pg_temp
begin atomic
    select sum_up_day(o.day, clock_timestamp())
    from open_days(p_month, (p_month + interval '1 month' - interval '1 day')::date, 'infinity') as o;
end;

-- Sums up the days that are over since an hour, and those that have changed, the latest first, and then whole months, for
-- `p_seconds`. The hour is for transactions that began before midnight. One call at a time does it. Returns {summed_up,
-- days_not_summed_up}.
create function roll_up_days(p_seconds double precision, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    ends constant timestamptz := clock_timestamp() + make_interval(secs => p_seconds);
    last constant date := ((p_now - interval '1 hour') at time zone 'UTC')::date - 1;
    due date[];
    done integer := 0;
    item record;
begin
    due := array(select day from open_days('-infinity', last, p_now) order by day desc);
    if pg_try_advisory_xact_lock(hashtext('roll_up_days')) then
        while done < cardinality(due) and clock_timestamp() < ends loop
            done := done + 1;
            perform sum_up_day(due[done], p_now);
        end loop;
        for item in
            select month.first from (
                select date_trunc('month', first::timestamp)::date as first, count(*) as days
                from insight_spans where span = 'day' group by 1
            ) as month
            where month.first + interval '1 month' <= last + 1
                and month.days = (month.first + interval '1 month')::date - greatest(
                    month.first, (select min(created_at at time zone 'UTC')::date from batches)
                )
                and not exists (select from insight_spans as s where s.span = 'month' and s.first = month.first)
            order by month.first desc
        loop
            exit when clock_timestamp() > ends;
            perform sum_up_month(item.first, p_now);
        end loop;
    end if;
    return jsonb_build_object('summed_up', done, 'days_not_summed_up', cardinality(due) - done);
end
$$;

-- The sums of a subject between two days: where `p_by_month`, by whole months; by days that are summed up; of the others counted
-- now.
create function insight_rows(
    p_subject text, p_first date, p_last date, p_by_month boolean, p_now timestamptz
) returns setof insight_sums
language plpgsql stable rows 5000 set search_path = public, pg_temp as $$
declare
    months date[] := array(select month from summed_months(p_first, p_last) where p_by_month);
    days date[] := array(
        select s.first from insight_spans as s
        where s.span = 'day' and s.first between p_first and p_last
            and date_trunc('month', s.first::timestamp)::date <> all (months)
            and not exists (select from insight_due as u where u.day = s.first)
    );
begin
    return query
    select * from insight_sums where subject = p_subject and span = 'month' and first = any (months)
    union all
    select * from insight_sums where subject = p_subject and span = 'day' and first = any (days)
    union all
    select c.* from open_days(p_first, p_last, p_now) as o cross join lateral count_day(o.day, p_subject) as c;
end
$$;

-- Completed of all that ended, in [0, 1]; null when nothing did.
create function rate_of(p_completed bigint, p_failed bigint) returns numeric
language sql immutable set search_path = public, pg_temp
return round(p_completed::numeric / nullif(p_completed + p_failed, 0), 4);

-- What ended, by manufacturer, category or rule: the 500 with the most.
create function success_by(p_subject text, p_first date, p_last date, p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        p_subject, coalesce(m.name, nullif(s.key, '')), 'completed', s.completed, 'failed', s.failed,
        'success_rate', rate_of(s.completed, s.failed), 'people_completed', s.people_completed,
        'people_failed', s.people_failed, 'people_success_rate', rate_of(s.people_completed, s.people_failed)
    ) order by s.completed + s.failed + s.people_completed + s.people_failed desc, s.key), '[]')
    from (
        select
            key, sum(completed) as completed, sum(failed) as failed, sum(people_completed) as people_completed,
            sum(people_failed) as people_failed
        from insight_rows(p_subject, p_first, p_last, true, p_now) group by key
        order by sum(completed) + sum(failed) + sum(people_completed) + sum(people_failed) desc, key limit 500
    ) as s
    left join lateral ( -- one by one, where a join would read all manufacturers
        select name from manufacturers where p_subject = 'manufacturer' and key = s.key offset 0
    ) as m on true
    where s.completed + s.failed + s.people_completed + s.people_failed > 0
$$;

-- What ended, by day or week (its Monday); a time in which nothing did is there too.
create function success_by_time(p_unit text, p_first date, p_last date, p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        p_unit, span.begin, 'completed', coalesce(s.completed, 0), 'failed', coalesce(s.failed, 0),
        'success_rate', rate_of(s.completed, s.failed), 'people_completed', coalesce(s.people_completed, 0),
        'people_failed', coalesce(s.people_failed, 0), 'people_success_rate', rate_of(s.people_completed, s.people_failed),
        'ended', coalesce(s.completed + s.failed + s.people_completed + s.people_failed, 0)
    ) order by span.begin), '[]')
    from (
        select distinct date_trunc(p_unit, day)::date as begin
        from generate_series(p_first::timestamp, p_last::timestamp, interval '1 day') as day
    ) as span
    left join (
        select
            date_trunc(p_unit, first::timestamp)::date as begin, sum(completed) as completed, sum(failed) as failed,
            sum(people_completed) as people_completed, sum(people_failed) as people_failed
        from insight_rows('all', p_first, p_last, false, p_now) group by 1
    ) as s using (begin)
$$;

-- Decisions by day and route.
create function decisions_by_day(p_first date, p_last date, p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'day', span.day::date, 'automation', coalesce(s.automation, 0), 'manual', coalesce(s.manual, 0),
        'rejected', coalesce(s.rejected, 0)
    ) order by span.day), '[]')
    from generate_series(p_first::timestamp, p_last::timestamp, interval '1 day') as span (day)
    left join (
        select
            first, sum(decided) filter (where key = 'automation') as automation,
            sum(decided) filter (where key = 'manual') as manual,
            sum(decided) filter (where key = 'rejected') as rejected
        from insight_rows('route', p_first, p_last, false, p_now) group by first
    ) as s on s.first = span.day::date
$$;

-- What people's completions took, from claim to completion, by cause; null is the cause of what was decided for a person. The
-- median and the 90th percentile are the shortest time within which half of them, or nine in ten, were completed.
create function work_by_cause(p_first date, p_last date, p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    with taken as (
        select r.key, each.seconds, sum(each.tasks) as tasks
        from insight_rows('cause', p_first, p_last, true, p_now) as r
        cross join lateral unnest(r.seconds, r.tasks) as each (seconds, tasks)
        group by 1, 2
    ),

    ranked as (
        select
            key, seconds, sum(tasks) over (partition by key order by seconds) as until,
            sum(tasks) over (partition by key) as total
        from taken
    )

    select coalesce(jsonb_agg(jsonb_build_object(
        'cause', nullif(key, ''), 'completed', total, 'median_seconds', median, 'p90_seconds', p90
    ) order by total desc, key), '[]')
    from (
        select
            key, total, min(seconds) filter (where until >= 0.5 * total) as median,
            min(seconds) filter (where until >= 0.9 * total) as p90
        from ranked group by key, total
    ) as shown
$$;

-- The open manual tasks by cause and age.
create function backlog_by_cause(p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'cause', cause, 'open', open, 'overdue', overdue, 'under_4_hours', a, 'under_1_day', b, 'under_3_days', c,
        'under_1_week', d, 'under_4_weeks', e, 'older', f, 'oldest', oldest
    ) order by open desc, cause), '[]')
    from (
        select
            cause, count(*) as open, count(*) filter (where due_at < p_now) as overdue, min(created_at) as oldest,
            count(*) filter (where p_now - created_at < '4 hours') as a,
            count(*) filter (where p_now - created_at >= '4 hours' and p_now - created_at < '24 hours') as b,
            count(*) filter (where p_now - created_at >= '24 hours' and p_now - created_at < '72 hours') as c,
            count(*) filter (where p_now - created_at >= '72 hours' and p_now - created_at < '168 hours') as d,
            count(*) filter (where p_now - created_at >= '168 hours' and p_now - created_at < '672 hours') as e,
            count(*) filter (where p_now - created_at >= '672 hours') as f
        from manual_tasks where state in ('initialized', 'processing') group by cause
    ) as ages
$$;

-- One series of insight from `p_first` to `p_last` (UTC days); `backlog` is of this moment. Returns {series, first, last, rows}.
create function insight(
    p_series text, p_first date, p_last date, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
begin
    return jsonb_build_object('series', p_series, 'first', p_first, 'last', p_last, 'rows', case p_series
        when 'manufacturers' then success_by('manufacturer', p_first, p_last, p_now)
        when 'categories' then success_by('category', p_first, p_last, p_now)
        when 'rules' then success_by('rule', p_first, p_last, p_now)
        when 'weeks' then success_by_time('week', p_first, p_last, p_now)
        when 'throughput' then success_by_time('day', p_first, p_last, p_now)
        when 'decisions' then decisions_by_day(p_first, p_last, p_now)
        when 'work' then work_by_cause(p_first, p_last, p_now)
        when 'backlog' then backlog_by_cause(p_now)
    end);
end
$$;

-- Automation's records of this moment, by what they wait for, and the one that waits longest for a worker.
create function queue_now(p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_object(
        'in_flight', open.tasks + letters.tasks, 'working', open.working, 'waiting_for_vendor', open.waiting,
        'queued', open.queued, 'not_enqueued', open.tasks - open.working - open.waiting - open.queued,
        'dead_letters', letters.tasks, 'oldest', (
            select jsonb_build_object(
                'pn', t.pn, 'manufacturer', t.manufacturer, 'batch_id', t.batch_id, 'task_id', t.id,
                'since', greatest(t.created_at, t.not_before)
            )
            from automation_tasks as t
            where t.state not in ('completed', 'failed') and coalesce(t.not_before, p_now) <= p_now
            order by greatest(t.created_at, t.not_before), t.id limit 1
        )
    )
    from (
        select
            count(*) as tasks, count(*) filter (where lease_until > p_now) as working,
            count(*) filter (where not_before > p_now and (lease_until > p_now) is not true) as waiting,
            count(*) filter (
                where enqueued_at is not null and (not_before > p_now or lease_until > p_now) is not true
            ) as queued
        from automation_tasks where state not in ('completed', 'failed')
    ) as open
    cross join (select count(*) as tasks from automation_tasks where hand_over = 'due') as letters
$$;

-- The open manual tasks of this moment.
create function manual_now(p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_object(
        'open', count(*), 'held', count(*) filter (where claimed_until > p_now),
        'free', count(*) filter (where (claimed_until > p_now) is not true),
        'overdue', count(*) filter (where due_at < p_now),
        'high', count(*) filter (where priority = 'high'), 'medium', count(*) filter (where priority = 'medium'),
        'low', count(*) filter (where priority = 'low'), 'oldest', (
            select jsonb_build_object(
                'pn', m.pn, 'manufacturer', m.manufacturer, 'batch_id', m.batch_id, 'task_id', m.id, 'since', m.created_at
            )
            from manual_tasks as m where m.state in ('initialized', 'processing') order by m.created_at, m.id limit 1
        )
    )
    from manual_tasks where state in ('initialized', 'processing')
$$;

-- Is all well with the records? The account of the present day (UTC), what waits, the day's quota and the vendors' breakers. It
-- changes only when one of them does, and holds no age.
create function enrichment_now(p_daily_limit integer, p_now timestamptz default clock_timestamp()) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_object(
        'day', today.day,
        'account', judge_account(sides_of(null, today.day), audit_of_day(today.day), (
            select count(*) from batches where parent_batch_id is null and created_at >= today.day::timestamp at time zone 'UTC'
                and created_at < (today.day + 1)::timestamp at time zone 'UTC'
        )),
        'queue', queue_now(p_now), 'manual_tasks', manual_now(p_now),
        'quota', (
            select jsonb_build_object(
                'used', coalesce(max(used), 0), 'limit', greatest(p_daily_limit, coalesce(max(used), 0)),
                'left', greatest(p_daily_limit - coalesce(max(used), 0), 0),
                'renewed_at', (today.day + 1)::timestamp at time zone 'UTC'
            )
            from daily_usage where day = today.day
        ),
        'vendors', (
            select coalesce(jsonb_agg(vendor_view(vendor, p_now) order by vendor), '[]') from vendor_breakers
        )
    )
    from (select (p_now at time zone 'UTC')::date as day) as today
$$;

select restrict_access();
