-- History by month: partitions of decisions and events are made ahead, and old ones leave, once their rows are elsewhere.

-- The two functions that make and drop tables run with their owner's rights, because the service role owns no table; they take no
-- text but the name of a table that they know.

-- Makes the partition of a month (its first day, UTC) and moves the rows there that the default partition took meanwhile.
-- False: it is there already. Locks the default partition for as long as this takes.
create function make_partition(p_table text, p_month date) returns boolean
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '1s' as $$
declare
    part constant text := format('%s_%s', p_table, to_char(p_month, 'YYYY_MM'));
    spare constant text := p_table || '_default';
    clock constant text := case p_table when 'decisions' then 'decided_at' when 'task_events' then 'at' end;
    first constant timestamptz := date_trunc('month', p_month::timestamp) at time zone 'UTC';
    last constant timestamptz := (date_trunc('month', p_month::timestamp) + interval '1 month') at time zone 'UTC';
begin
    if clock is null then
        raise exception '% is not kept by month', p_table using errcode = 'PT400';
    end if;
    perform pg_advisory_xact_lock(hashtext('make_partition'));
    if to_regclass(format('public.%I', part)) is not null then
        return false;
    end if;
    execute format('lock table %I in access exclusive mode', spare);
    execute format('create table %I (like %I including defaults including constraints)', part, p_table);
    execute format('alter table %I disable trigger user', spare); -- moving a row rewrites no history
    execute format(
        'with moved as (delete from %I where %I >= %L and %I < %L returning *) insert into %I select * from moved',
        spare, clock, first, clock, last, part
    );
    execute format('alter table %I enable trigger user', spare);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', p_table, part, first, last);
    if p_table = 'task_events' then
        execute format(
            'create trigger task_events_are_kept before truncate on %I for each statement execute function refuse_rewriting()',
            part
        );
    end if;
    perform restrict_table(part);
    return true;
end
$$;

-- Keeps a partition ready for this month and the next two. A busy table is left for the next call. Returns how many were made.
create function keep_partitions(p_now timestamptz default clock_timestamp()) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    made integer := 0;
    item record;
begin
    for item in
        select kind, (date_trunc('month', p_now at time zone 'UTC') + make_interval(months => ahead))::date as month
        from unnest(array['decisions', 'task_events']) as kind cross join generate_series(0, 2) as ahead
        order by ahead, kind
    loop
        if to_regclass(format('public.%I', format('%s_%s', item.kind, to_char(item.month, 'YYYY_MM')))) is null then
            made := made + make_partition(item.kind, item.month)::integer;
        end if;
    end loop;
    return made;
exception
    when lock_not_available or deadlock_detected then
        return 0;
end
$$;

-- The oldest month that is still here, by the partitions and what the default ones hold; null when there is none.
create function oldest_month() returns date
language sql stable set search_path = public, pg_temp as $$
    select min(month)::date from (
        select to_date(right(c.relname, 7), 'YYYY_MM') as month
        from pg_inherits as i inner join pg_class as c on c.oid = i.inhrelid
        where i.inhparent in ('decisions'::regclass, 'task_events'::regclass) and c.relname ~ '[0-9]{4}_[0-9]{2}$'
        union all
        select date_trunc('month', min(decided_at) at time zone 'UTC') from decisions_default
        union all
        select date_trunc('month', min(at) at time zone 'UTC') from task_events_default
    ) as months
$$;

-- Why this month may not leave the database; null when it may.
create function reason_to_keep(p_month date, p_keep_months integer, p_now timestamptz) returns text
language sql stable set search_path = public, pg_temp as $$
    with ends as (select (p_month + interval '1 month') at time zone 'UTC' as at)

    select case
        when p_month <> date_trunc('month', p_month::timestamp)::date then format('%s is not the first day of a month', p_month)
        when ends.at > (
            date_trunc('month', p_now at time zone 'UTC') - make_interval(months => greatest(p_keep_months, 1) - 1)
        ) at time zone 'UTC' then format('it is younger than %s months', greatest(p_keep_months, 1))
        when oldest_month() < p_month then format('%s is older, and goes first', to_char(oldest_month(), 'YYYY-MM'))
        when exists (
            select from automation_tasks as t
            where (t.state not in ('completed', 'failed') or (t.sweep_after is not null and t.state = 'failed'))
                and t.created_at < ends.at
        ) then 'automation has not finished all that was begun in it'
        when exists (
            select from manual_tasks as m
            where m.state in ('initialized', 'processing') and (m.created_at < ends.at or exists (
                select from decisions as d where d.id = m.decision_id and d.decided_at < ends.at
            ))
        ) then 'people have not finished all that was decided in it'
    end
    from ends
$$;

-- How much of a month is here. Returns {decisions, task_events, archived_at, reason}; `reason` says why it must stay.
create function history_of(
    p_month date, p_keep_months integer, p_now timestamptz default clock_timestamp()
) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_object(
        'decisions', coalesce(a.decisions, (
            select count(*) from decisions where decided_at >= span.first and decided_at < span.last
        )),
        'task_events', coalesce(a.task_events, (select count(*) from task_events where at >= span.first and at < span.last)),
        'archived_at', a.archived_at,
        'reason', case when a.month is null then reason_to_keep(p_month, p_keep_months, p_now) end
    )
    from (
        select p_month::timestamp at time zone 'UTC' as first, (p_month + interval '1 month') at time zone 'UTC' as last
    ) as span
    left join archived_months as a on a.month = p_month
$$;

-- One page of a month's rows by id, for the export: at most `p_limit` after `p_after`.
create function history_page(p_table text, p_month date, p_after text, p_limit integer) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    first constant timestamptz := p_month::timestamp at time zone 'UTC';
    last constant timestamptz := (p_month + interval '1 month') at time zone 'UTC';
begin
    return case p_table
        when 'decisions' then (
            select coalesce(jsonb_agg(to_jsonb(page) order by id), '[]') from (
                select * from decisions
                where decided_at >= first and decided_at < last and (p_after is null or id > p_after::uuid)
                order by id limit p_limit
            ) as page
        )
        when 'task_events' then (
            select coalesce(jsonb_agg(to_jsonb(page) order by id), '[]') from (
                select * from task_events
                where at >= first and at < last and (p_after is null or id > p_after::bigint)
                order by id limit p_limit
            ) as page
        )
    end;
end
$$;

-- Drops a month of decisions and events whose rows were exported, `p_decisions` and `p_task_events` of them. Refuses another
-- number, and a month that must stay. The account stays whole: batches and counts are kept. A repeated call returns the same.
create function drop_archived_month(
    p_month date, p_decisions bigint, p_task_events bigint, p_keep_months integer, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '5s' as $$
declare
    found jsonb := history_of(p_month, p_keep_months, p_now);
begin
    if found -> 'archived_at' <> 'null' then
        return found;
    end if;
    perform make_partition('decisions', p_month), make_partition('task_events', p_month);
    perform roll_up_month(p_month); -- the figures of its days stay
    execute format('lock table %I in access exclusive mode', 'decisions_' || to_char(p_month, 'YYYY_MM'));
    execute format('lock table %I in access exclusive mode', 'task_events_' || to_char(p_month, 'YYYY_MM'));
    found := history_of(p_month, p_keep_months, p_now);
    if found -> 'reason' <> 'null' then
        raise exception '% stays: %', to_char(p_month, 'YYYY-MM'), found ->> 'reason' using errcode = 'PT409';
    end if;
    if (found -> 'decisions')::bigint <> p_decisions or (found -> 'task_events')::bigint <> p_task_events then
        raise exception '% stays: % decisions and % events are here, % and % were exported', to_char(p_month, 'YYYY-MM'),
            found -> 'decisions', found -> 'task_events', p_decisions, p_task_events using errcode = 'PT409';
    end if;
    execute format('drop table %I', 'decisions_' || to_char(p_month, 'YYYY_MM'));
    execute format('drop table %I', 'task_events_' || to_char(p_month, 'YYYY_MM'));
    insert into archived_months (month, decisions, task_events, archived_at)
    values (p_month, p_decisions, p_task_events, p_now);
    return history_of(p_month, p_keep_months, p_now);
end
$$;

select restrict_access();

select keep_partitions();
