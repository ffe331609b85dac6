-- Bulk work on the manual tasks of a filter. A job fixes its members when it is created, works on them in chunks, and follows
-- each one to its real end, which is read from the tasks and never stored.

create type job_kind as enum ('assign', 'reprioritise', 'redrive', 'fail');

-- What the job did with a member.
create type job_outcome as enum (
    'applied',    -- the person or the priority is written, or the task is ended as failed
    'given_back', -- automation has the record again, as task `redriven_as`
    'refused'
);

create table jobs (
    id uuid primary key, -- the caller's; that call may be repeated
    kind job_kind not null,
    wanted jsonb not null, -- the filter
    assign_to text, -- null: to nobody
    priority task_priority,
    asked_by text not null,
    note text not null,
    total integer not null default 0 check (total >= 0), -- members, fixed at `at`
    at timestamptz not null,
    chunks integer not null default 0, -- the number of the last one, in the name of its batch
    worked_at timestamptz, -- the last chunk
    ended_at timestamptz, -- nothing is left to be worked on; the members' ends may still be awaited
    cancelled_at timestamptz,
    cancelled_by text,
    cancelled_note text,
    check ((kind = 'reprioritise') = (priority is not null)),
    check (kind = 'assign' or assign_to is null),
    check (cancelled_at is null or (ended_at is not null and cancelled_by is not null and cancelled_note is not null))
);
create index jobs_by_time on jobs (at desc, id desc);
create index jobs_to_work_on on jobs (worked_at nulls first, at, id) where ended_at is null;

create table job_items (
    job_id uuid not null references jobs (id),
    place integer not null, -- the most urgent first
    task_id uuid not null, -- of `manual_tasks`; a foreign key would lock every member at once
    pn text not null,
    outcome job_outcome, -- null: not worked on
    why text, -- of a refusal
    redriven_as uuid references automation_tasks (id),
    at timestamptz,
    primary key (job_id, place),
    check ((outcome is null) = (at is null)),
    check ((outcome is not distinct from 'refused') = (why is not null)),
    check ((outcome is not distinct from 'given_back') = (redriven_as is not null))
);
create unique index one_item_per_task_and_job on job_items (job_id, task_id);
create index job_items_left on job_items (job_id, place) where outcome is null;
create index job_items_by_redrive on job_items (redriven_as) where redriven_as is not null;

-- The tasks that fit a filter, as `list_manual_tasks` has it.
create function job_members(p_wanted jsonb, p_now timestamptz) returns setof manual_tasks
language plpgsql stable set search_path = public, pg_temp as $$
begin
    return query execute 'select m.* from manual_tasks as m where ' || wanted_condition(p_wanted) using p_wanted, p_now;
end
$$;

-- Why a job may not change this task now; null when it may.
create function job_refusal(
    task manual_tasks, p_kind job_kind, p_assign_to text, p_priority task_priority, p_by text, p_now timestamptz
) returns text
language sql stable set search_path = public, pg_temp
return case
    when task.state in ('completed', 'failed') then case
        when task.result ? 'redriven_by' then 'already given back to automation'
        else format('already %s by %s', task.state, task.assignee)
    end
    when task.claimed_until > p_now and (p_kind = 'redrive' or task.assignee <> p_by) then format('held by %s', task.assignee)
    when p_kind = 'redrive' and task.type <> 'automation_fallback' then 'no dead letter'
    when p_kind = 'assign' and task.assigned_to is not distinct from p_assign_to
        then format('already assigned to %s', coalesce(p_assign_to, 'nobody'))
    when p_kind = 'reprioritise' and task.priority = p_priority then format('already %s', p_priority)
end;

-- How many tasks the day may still open.
create function room_today(p_daily_limit integer, p_now timestamptz) returns integer
language sql stable set search_path = public, pg_temp
return greatest(0, p_daily_limit - coalesce(
    (select used from daily_usage where day = (p_now at time zone 'UTC')::date), 0
));

-- What a job on this filter would do now; changes nothing. Returns {matched, would, today, refused: [{why, count, examples}]},
-- where `today` of `would` fit into the day's quota.
create function preview_job(
    p_kind job_kind, p_wanted jsonb, p_assign_to text, p_priority task_priority, p_by text, p_daily_limit integer,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    answer jsonb;
    members integer;
begin
    with members as (
        select m.pn, job_refusal(m, p_kind, p_assign_to, p_priority, p_by, p_now) as why,
            row_number() over (order by m.priority, m.created_at, m.id) as place
        from job_members(p_wanted, p_now) as m
    ),

    reasons as (
        select why, count(*) as tasks, (array_agg(pn order by place))[1:3] as examples from members group by why
    )

    select sum(tasks), jsonb_build_object(
        'matched', coalesce(sum(tasks), 0), 'would', coalesce(sum(tasks) filter (where why is null), 0),
        'refused', coalesce(jsonb_agg(
            jsonb_build_object('why', why, 'count', tasks, 'examples', examples) order by tasks desc, why
        ) filter (where why is not null), '[]')
    )
    into members, answer from reasons;
    return answer || jsonb_build_object('today', case
        when p_kind = 'redrive' then least((answer ->> 'would')::integer, room_today(p_daily_limit, p_now))
        else (answer ->> 'would')::integer
    end);
end
$$;

-- Fixes the members of a new job: all tasks that the filter matches at this moment. The same call again changes nothing.
-- Returns how many there are.
create function create_job(
    p_job_id uuid, p_kind job_kind, p_wanted jsonb, p_assign_to text, p_priority task_priority, p_by text, p_note text,
    p_now timestamptz default clock_timestamp()
) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    members integer;
begin
    insert into jobs (id, kind, wanted, assign_to, priority, asked_by, note, at)
    values (p_job_id, p_kind, p_wanted, p_assign_to, p_priority, p_by, p_note, p_now)
    on conflict (id) do nothing;
    if not found then
        select total into members from jobs
        where id = p_job_id and kind = p_kind and wanted = p_wanted and assign_to is not distinct from p_assign_to
            and priority is not distinct from p_priority and asked_by = p_by and note = p_note;
        if not found then
            raise exception 'job % is there already, and is another one', p_job_id using errcode = 'PT409';
        end if;
        return members;
    end if;
    insert into job_items (job_id, place, task_id, pn)
    select p_job_id, row_number() over (order by m.priority, m.created_at, m.id), m.id, m.pn
    from job_members(p_wanted, p_now) as m;
    get diagnostics members = row_count;
    update jobs set total = members, ended_at = case when members = 0 then p_now end where id = p_job_id;
    return members;
end
$$;

-- Writes the person or the priority of a job into these tasks, which the caller has locked, each with an event; or ends them as
-- failed with the job's note, as the person would one by one, who may take each back.
create function apply_job(job jobs, p_tasks uuid[], p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    one uuid;
begin
    update job_items set outcome = 'applied', at = p_now where job_id = job.id and task_id = any (p_tasks);
    if job.kind = 'fail' then
        for one in select task.id from unnest(p_tasks) as task (id) order by task.id loop
            perform claim_manual_task(one, job.asked_by, 60, p_now);
            perform fail_manual_task(one, job.asked_by, job.note, 900, p_now);
        end loop;
        return;
    end if;
    insert into task_events (task_kind, task_id, batch_id, from_state, to_state, detail, at)
    select 'manual', m.id, m.batch_id, m.state, m.state, jsonb_build_object('job', job.id, 'by', job.asked_by, 'note', job.note)
        || case job.kind
            when 'assign' then jsonb_build_object('assigned_to', job.assign_to, 'assigned_before', m.assigned_to)
            else jsonb_build_object('priority', job.priority, 'priority_before', m.priority)
        end, p_now
    from manual_tasks as m where m.id = any (p_tasks) order by m.id;
    update manual_tasks
    set assigned_to = case when job.kind = 'assign' then job.assign_to else assigned_to end,
        priority = coalesce(job.priority, priority), updated_at = p_now
    where id = any (p_tasks);
end
$$;

-- Gives these tasks, which the caller has locked, back to automation as one batch, as far as the day's quota goes. Returns how
-- many.
create function redrive_chunk(job jobs, p_tasks uuid[], p_daily_limit integer, p_now timestamptz) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    redrive_id text := format('redrive-%s-%s', job.id, job.chunks);
    letters uuid[];
begin
    if room_today(p_daily_limit, p_now) = 0 then -- so that a job that waits for tomorrow locks nothing
        return 0;
    end if;
    select coalesce(array_agg(id order by priority, created_at, id), '{}') into letters
    from (
        select m.id, m.priority, m.created_at from manual_tasks as m
        inner join automation_tasks as t on t.id = m.automation_task_id
        where m.id = any (p_tasks)
        for update of t skip locked
    ) as free;
    letters := letters[1:room_for_letters(letters, p_daily_limit, p_now)];
    if letters = '{}' then
        return 0;
    end if;
    insert into batches (id, trigger, request, created_at)
    values (redrive_id, 'redrive', jsonb_build_object('job', job.id, 'by', job.asked_by), p_now);
    perform redrive_letters(
        redrive_id, letters, format('given back to automation by %s, batch %s: %s', job.asked_by, redrive_id, job.note),
        p_daily_limit, p_now
    );
    update batches set counts = jsonb_build_object('redriven', cardinality(letters)), closed_at = p_now where id = redrive_id;
    update job_items as i
    set outcome = 'given_back', redriven_as = t.id, at = p_now
    from manual_tasks as m
    inner join automation_tasks as t on t.redrives = m.automation_task_id
    where i.job_id = job.id and i.task_id = any (letters) and m.id = i.task_id;
    return cardinality(letters);
end
$$;

-- Works on the next members of a job, at most `p_limit`, in one transaction. Whoever finds another call at work on it does
-- nothing; a task that is locked now is left for a later call. Returns how many were worked on.
create function work_on_job(
    p_job_id uuid, p_limit integer, p_daily_limit integer, p_now timestamptz default clock_timestamp()
) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    job jobs;
    chosen uuid[];
    done integer;
begin
    select * into job from jobs where id = p_job_id for update skip locked;
    if not found then
        if not exists (select from jobs where id = p_job_id) then
            raise exception 'no job %', p_job_id using errcode = 'PT404';
        end if;
        return 0;
    end if;
    if job.ended_at is not null then
        return 0;
    end if;
    update jobs set chunks = chunks + 1, worked_at = p_now where id = p_job_id returning * into job;

    select coalesce(array_agg(id), '{}') into chosen
    from (
        select m.id from job_items as i
        inner join manual_tasks as m on m.id = i.task_id
        where i.job_id = p_job_id and i.outcome is null
        order by i.place limit p_limit
        for update of m skip locked
    ) as free;
    update job_items as i
    set outcome = 'refused', why = job_refusal(m, job.kind, job.assign_to, job.priority, job.asked_by, p_now), at = p_now
    from manual_tasks as m
    where i.job_id = p_job_id and i.task_id = any (chosen) and m.id = i.task_id
        and job_refusal(m, job.kind, job.assign_to, job.priority, job.asked_by, p_now) is not null;
    get diagnostics done = row_count;
    select coalesce(array_agg(task_id), '{}') into chosen from job_items
    where job_id = p_job_id and task_id = any (chosen) and outcome is null;

    if job.kind = 'redrive' then
        done := done + redrive_chunk(job, chosen, p_daily_limit, p_now);
    else
        perform apply_job(job, chosen, p_now);
        done := done + cardinality(chosen);
    end if;
    update jobs set ended_at = p_now
    where id = p_job_id and not exists (select from job_items where job_id = p_job_id and outcome is null);
    return done;
end
$$;

-- The jobs that have members left which may be worked on today; the one that waited longest first.
create function jobs_to_work_on(
    p_limit integer, p_daily_limit integer, p_now timestamptz default clock_timestamp()
) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(id order by worked_at nulls first, at, id), '[]')
    from (
        select id, worked_at, at from jobs
        where ended_at is null and (kind <> 'redrive' or room_today(p_daily_limit, p_now) > 0)
        order by worked_at nulls first, at, id limit p_limit
    ) as due
);

-- Stops a job: members that were not worked on are refused. What was begun goes on.
create function cancel_job(
    p_job_id uuid, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    job jobs;
begin
    select * into job from jobs where id = p_job_id for update;
    if not found then
        raise exception 'no job %', p_job_id using errcode = 'PT404';
    end if;
    if job.cancelled_by = p_by and job.cancelled_note = p_note then -- this call again, because its answer was lost
        return;
    end if;
    if job.cancelled_at is not null then
        raise exception 'job % was cancelled by %', p_job_id, job.cancelled_by using errcode = 'PT409';
    end if;
    if job.ended_at is not null then
        raise exception 'job % has nothing left to cancel', p_job_id using errcode = 'PT409';
    end if;
    update jobs set ended_at = p_now, cancelled_at = p_now, cancelled_by = p_by, cancelled_note = p_note where id = p_job_id;
end
$$;

-- Where each member of a job stands now. `stands` is
--   applied    the person or the priority was written
--   refused    nothing was done, for the reason in `why`
--   resolved   the record's work is completed: by automation, or by the person in `who`
--   came_back  it is a manual task again, for the new `cause`; `why` says if a person has given it up, or nobody gets it
--   waiting    for what `why` says
-- A record that came back and was redriven again is followed further.
create function job_standing(p_job_id uuid) returns table (
    place integer, task_id uuid, pn text, stands text, why text, cause error_category, who text, automation_task_id uuid,
    manual_task_id uuid, at timestamptz
)
language sql stable rows 1000 set search_path = public, pg_temp
begin atomic
    with recursive paths as (
        select i.place, i.redriven_as as id, 0 as hop from job_items as i
        where i.job_id = p_job_id and i.redriven_as is not null
        union all
        select p.place, again.id, p.hop + 1
        from paths as p
        cross join lateral (select t.id from automation_tasks as t where t.redrives = p.id limit 1) as again
    ),

    ends as (select distinct on (paths.place) paths.place, paths.id from paths order by paths.place, hop desc)

    select
        i.place, i.task_id, i.pn,
        case
            when i.outcome in ('applied', 'refused') then i.outcome::text
            when i.outcome is null then case when j.cancelled_at is null then 'waiting' else 'refused' end
            when t.state = 'completed' or m.state = 'completed' then 'resolved'
            when t.state = 'failed' and (m.id is not null or t.hand_over = 'off') then 'came_back'
            else 'waiting'
        end,
        case
            when i.outcome = 'applied' then null
            when i.outcome = 'refused' then i.why
            when i.outcome is null then case
                when j.cancelled_at is null then 'its turn in the job' else format('cancelled by %s', j.cancelled_by)
            end
            when t.state = 'completed' or m.state in ('initialized', 'processing', 'completed') then null
            when m.state = 'failed' then 'given up'
            when t.state = 'failed' and t.hand_over = 'off' then 'failures are not handed over'
            when t.state = 'failed' then 'its way to a person'
            when t.not_before is not null then 'the vendor'
            else 'automation'
        end,
        case when t.state = 'failed' then t.error_category end,
        case
            when t.state = 'completed' then 'automation'
            when m.state in ('completed', 'failed') then m.assignee
        end,
        e.id, m.id, coalesce(m.finished_at, t.finished_at, i.at)
    from job_items as i
    inner join jobs as j on j.id = i.job_id
    left join ends as e on e.place = i.place
    left join lateral (
        select a.state, a.hand_over, a.error_category, a.not_before, a.finished_at
        from automation_tasks as a where a.id = e.id limit 1
    ) as t on true
    left join lateral (
        select b.id, b.state, b.assignee, b.finished_at from manual_tasks as b
        where b.automation_task_id = e.id and t.state = 'failed' limit 1
    ) as m on true
    where i.job_id = p_job_id;
end;

-- A job with what became of its members. Always total = applied + refused + resolved + all of `came_back` + waiting. `state` is
--   working               members are left to be worked on
--   waiting_for_tomorrow  the same, and the day's quota is used
--   following             all were worked on, and the ends of some are awaited
--   finished              each member has its end
create function job_view(job jobs, p_daily_limit integer, p_now timestamptz) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    counts jsonb;
begin
    with kinds as (
        select stands, why, cause, who = 'automation' as automated, count(*) as tasks
        from job_standing(job.id) group by 1, 2, 3, 4
    )

    select jsonb_build_object(
        'applied', coalesce(sum(tasks) filter (where stands = 'applied'), 0),
        'refused', coalesce(sum(tasks) filter (where stands = 'refused'), 0),
        'resolved', coalesce(sum(tasks) filter (where stands = 'resolved'), 0),
        'resolved_by_people', coalesce(sum(tasks) filter (where stands = 'resolved' and not automated), 0),
        'waiting', coalesce(sum(tasks) filter (where stands = 'waiting'), 0),
        'refusals', (
            select coalesce(jsonb_agg(jsonb_build_object('why', why, 'count', n) order by n desc, why), '[]')
            from (select why, sum(tasks) as n from kinds where stands = 'refused' group by why) as reasons
        ),
        'came_back', (
            select coalesce(jsonb_agg(
                jsonb_build_object('cause', cause, 'count', n, 'given_up', given_up) order by n desc, cause
            ), '[]')
            from (
                select cause, sum(tasks) as n, coalesce(sum(tasks) filter (where why = 'given up'), 0) as given_up
                from kinds where stands = 'came_back' group by cause
            ) as causes
        ),
        'waits_for', (
            select coalesce(jsonb_agg(jsonb_build_object('what', why, 'count', n) order by n desc, why), '[]')
            from (select why, sum(tasks) as n from kinds where stands = 'waiting' group by why) as reasons
        )
    )
    into counts from kinds;
    return counts || jsonb_build_object(
        'id', job.id, 'kind', job.kind, 'wanted', job.wanted, 'assign_to', job.assign_to, 'priority', job.priority,
        'by', job.asked_by, 'note', job.note, 'at', job.at, 'total', job.total, 'cancelled', case
            when job.cancelled_at is not null then
                jsonb_build_object('by', job.cancelled_by, 'note', job.cancelled_note, 'at', job.cancelled_at)
        end, 'state', case
            when job.ended_at is null then case
                when job.kind = 'redrive' and room_today(p_daily_limit, p_now) = 0 then 'waiting_for_tomorrow'
                else 'working'
            end
            when (counts ->> 'waiting')::integer > 0 then 'following'
            else 'finished'
        end
    );
end
$$;

-- One job with its progress. Raises PT404.
create function job_status(
    p_job_id uuid, p_daily_limit integer, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    job jobs;
begin
    select * into job from jobs where id = p_job_id;
    if not found then
        raise exception 'no job %', p_job_id using errcode = 'PT404';
    end if;
    return job_view(job, p_daily_limit, p_now);
end
$$;

-- Jobs, the latest first. `p_after` is {at, id} of the last one of the page before, as in `next`.
create function list_jobs(
    p_limit integer, p_after jsonb, p_daily_limit integer, p_now timestamptz default clock_timestamp()
) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    with page as (
        select j as job, j.at, j.id, row_number() over (order by j.at desc, j.id desc) as place from jobs as j
        where p_after is null or (j.at, j.id) < ((p_after ->> 'at')::timestamptz, (p_after ->> 'id')::uuid)
        order by j.at desc, j.id desc limit p_limit + 1
    )

    select jsonb_build_object(
        'total', (select count(*) from jobs),
        'jobs', coalesce(jsonb_agg(job_view(job, p_daily_limit, p_now) order by place) filter (where place <= p_limit), '[]'),
        'next', (
            select jsonb_build_object('at', last.at, 'id', last.id) from page as last
            where last.place = p_limit and exists (select from page as more where more.place > p_limit)
        )
    )
    from page
);

-- Members of a job in their order, all or those that stand so. `p_after` is the place of the last one of the page before.
create function list_job_items(p_job_id uuid, p_stands text, p_limit integer, p_after integer) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    answer jsonb;
begin
    if not exists (select from jobs where id = p_job_id) then
        raise exception 'no job %', p_job_id using errcode = 'PT404';
    end if;
    with chosen as (
        select s as item, s.place, count(*) over () as total, s.place > p_after as ahead
        from job_standing(p_job_id) as s where p_stands is null or s.stands = p_stands
    ),

    page as (select item, place, total from chosen where ahead order by place limit p_limit + 1)

    select jsonb_build_object(
        'total', coalesce((select total from chosen limit 1), 0),
        'items', coalesce((
            select jsonb_agg(to_jsonb(item) order by place)
            from (select item, place from page order by place limit p_limit) as shown
        ), '[]'),
        'next', case when (select count(*) from page) > p_limit then (
            select max(place) from (select place from page order by place limit p_limit) as shown
        ) end
    )
    into answer;
    return answer;
end
$$;

select restrict_access();
