-- `reconcile`: the account's counters and the audit, side by side, with a verdict.

-- All lines with their faults, those without a fault too.
create function shown_lines(p_lines jsonb) returns jsonb
language sql immutable set search_path = public, pg_temp
return (
    select jsonb_object_agg(line, coalesce(p_lines -> line, '{"count": 0, "examples": []}'))
    from unnest(audit_lines()) as line
);

-- What the audit says of a batch: a look of this moment.
create function audit_of_batch(p_batch_id text) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select case when is_archived(b.created_at) then '{"state": "archived"}'::jsonb else jsonb_build_object(
        'state', 'whole', 'batches', 1, 'pending', 0, 'records', look -> 'records', 'lines', shown_lines(look -> 'lines')
    ) end
    from batches as b left join lateral audit_batch(b.id) as look on not is_archived(b.created_at)
    where b.id = p_batch_id
$$;

-- What the audit knows of a day: the last looks at its batches, and at what belongs to none, which counts on each day.
create function audit_of_day(p_day date) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    with looks as (
        select * from batches_to_audit(p_day::timestamp at time zone 'UTC', (p_day + 1)::timestamp at time zone 'UTC')
    ),

    batches as (
        select
            count(*) as batches, count(at) as looked_at, coalesce(sum(records), 0) as records, min(at) as as_of,
            join_lines(array_agg(lines) filter (where lines <> '{}')) as lines
        from looks
    ),

    walks as (
        select count(as_of) = count(*) as whole, min(as_of) as as_of, join_lines(array_agg(done_lines)) as lines
        from audit_walks
    ),

    lines as (
        -- a batch's open record is met by the walk, too
        select jsonb_object_agg(line, case
            when coalesce((w.lines #> array[line, 'count'])::bigint, 0) > coalesce((b.lines #> array[line, 'count'])::bigint, 0)
                then w.lines -> line
            else b.lines -> line
        end) as lines
        from batches as b cross join walks as w cross join unnest(audit_lines()) as line
        where w.lines ? line or b.lines ? line
    )

    select case when is_archived(p_day::timestamp at time zone 'UTC') then '{"state": "archived"}'::jsonb else jsonb_build_object(
        'state', case when b.batches = b.looked_at and w.whole then 'whole' else 'partial' end,
        'batches', b.looked_at, 'pending', b.batches - b.looked_at, 'records', b.records, 'as_of', least(b.as_of, w.as_of),
        'lines', shown_lines(coalesce(l.lines, '{}'))
    ) end
    from batches as b cross join walks as w cross join lines as l
$$;

-- Puts the sides of an account beside what the audit says. `p_batches` is the number of batches that began. `verdict` is
--   balanced     the sides are equal (`adds_up`), and the audit has looked at everything and found nothing
--   unbalanced   they are not, or it has
--   nothing_ran  no batch was begun on this day
--   unverified   nothing is wrong so far, but the audit has not looked at every batch yet
create function judge_account(p_sides jsonb, p_audit jsonb, p_batches bigint) returns jsonb
language sql immutable set search_path = public, pg_temp as $$
    select p_sides || jsonb_build_object(
        'lost', coalesce(p_audit #> '{lines,decisions_without_task,count}', '0'), 'batches', p_batches, 'adds_up', adds_up,
        'balanced', verdict = 'balanced', 'verdict', verdict, 'audit', p_audit
    )
    from (
        select (p_sides -> 'taken')::bigint = (
            select sum(value::bigint) from jsonb_each_text(p_sides) where key <> 'taken'
        ) as adds_up
    ) as sides
    cross join lateral (
        select case
            when not adds_up or faults_in(coalesce(p_audit -> 'lines', '{}')) > 0 then 'unbalanced'
            when p_batches = 0 then 'nothing_ran'
            when p_audit ->> 'state' = 'partial' then 'unverified'
            else 'balanced'
        end as verdict
    ) as judged
$$;

-- Accounts for every record of a batch or of a day (UTC, by the batches' beginning); exactly one of them is given. `taken` is
-- counted when records are opened, the places as their tasks move, and the audit looks at the rows; a day's within `p_seconds`.
create function reconcile(
    p_batch_id text default null, p_day date default null, p_seconds double precision default 0.4,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    audit jsonb;
    run bigint;
begin
    if (p_batch_id is null) = (p_day is null) then
        raise exception 'give either a batch or a day' using errcode = 'PT400';
    end if;
    if p_batch_id is not null and not exists (select from batches where id = p_batch_id) then
        raise exception 'no batch %', p_batch_id using errcode = 'PT404';
    end if;
    if p_day is null then
        audit := audit_of_batch(p_batch_id);
    else
        perform audit_some(p_seconds, p_day, p_now);
        audit := audit_of_day(p_day);
    end if;
    select count(*) into run from batches
    where id = p_batch_id or (
        parent_batch_id is null
        and created_at >= p_day::timestamp at time zone 'UTC' and created_at < (p_day + 1)::timestamp at time zone 'UTC'
    );
    return judge_account(sides_of(p_batch_id, p_day), audit, run) || jsonb_build_object('batch_id', p_batch_id, 'day', p_day);
end
$$;
