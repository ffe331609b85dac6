-- The inbox of people: manual tasks by filter, sort and place, their groups, one task with all that helps to decide it, the list
-- of batches, and the history of a part.

-- What a person types of a part number is found anywhere in it. The extension may have been created elsewhere before.
create extension if not exists pg_trgm with schema extensions;

-- The part number in a record's key: without case, width and white space.
create function part_number(p_record_key text) returns text
language sql immutable strict parallel safe
return split_part(p_record_key, '|', 1) collate "C";

create index manual_tasks_by_part on manual_tasks (part_number(record_key), id);
create index manual_tasks_open_by_part on manual_tasks (part_number(record_key), id)
where state in ('initialized', 'processing');
create index manual_tasks_open_by_due on manual_tasks (due_at, id) where state in ('initialized', 'processing');
create index manual_tasks_claimed_by on manual_tasks (assignee)
where state in ('initialized', 'processing') and assignee is not null;
create index manual_tasks_assigned_to on manual_tasks (assigned_to)
where state in ('initialized', 'processing') and assigned_to is not null;
create index manual_tasks_ended_by on manual_tasks (assignee, coalesce(finished_at, created_at), id) include (
    state, priority, type, cause, rule, due_at, created_at, finished_at
) where state in ('completed', 'failed');
-- newest first; what it includes answers every filter and count of the finished tasks without reading their rows
create index manual_tasks_newest on manual_tasks (coalesce(finished_at, created_at), id) include (
    state, priority, type, cause, rule, manufacturer_key, batch_id, origin_batch_id, due_at, created_at, finished_at
);
do $$
begin
    execute format(
        'create index manual_tasks_part_within on manual_tasks using gin (part_number(record_key) %I.gin_trgm_ops)',
        (select n.nspname from pg_extension as e inner join pg_namespace as n on n.oid = e.extnamespace where extname = 'pg_trgm')
    );
end
$$;

-- The condition of a filter on `manual_tasks as m`, for `execute ... using p_wanted, p_now`: $1 and $2. No value of the filter
-- becomes part of the text. Each key is optional: state (free, held, open, completed, failed, finished), priority, type, rule,
-- cause, manufacturer (its key), batch, assignee (who holds it, has ended it or is to do it), overdue, search (part of a number
-- as `part_number` has it) and named ({part, from, to}: this part number, or an id from `from` to `to`). Another key is refused.
create function wanted_condition(p_wanted jsonb) returns text
language plpgsql immutable set search_path = public, pg_temp as $$
declare
    is_open constant text := 'm.state in (''initialized'', ''processing'')';
    is_ended constant text := 'm.state in (''completed'', ''failed'')';
    is_of constant text := '(m.assignee = $1 ->> ''assignee'' or m.assigned_to = $1 ->> ''assignee'')';
    was_of constant text := 'm.assignee = $1 ->> ''assignee''';
    parts text[] := '{}';
    part text;
    wish record;
begin
    for wish in select key, value from jsonb_each_text(jsonb_strip_nulls(coalesce(p_wanted, '{}'))) order by key loop
        part := case wish.key
            when 'state' then case wish.value
                when 'open' then is_open
                when 'free' then is_open || ' and (m.state = ''initialized'' or m.claimed_until <= $2)'
                when 'held' then 'm.state = ''processing'' and m.claimed_until > $2'
                when 'completed' then 'm.state = ''completed'''
                when 'failed' then 'm.state = ''failed'''
                when 'finished' then is_ended
            end
            when 'priority' then 'm.priority = ($1 ->> ''priority'')::task_priority'
            when 'type' then 'm.type = ($1 ->> ''type'')::manual_type'
            when 'rule' then 'm.rule = $1 ->> ''rule'''
            when 'cause' then 'm.cause = ($1 ->> ''cause'')::error_category'
            when 'manufacturer' then 'm.manufacturer_key = $1 ->> ''manufacturer'''
            when 'batch' then '(m.batch_id = $1 ->> ''batch'' or m.origin_batch_id = $1 ->> ''batch'')'
            when 'assignee' then case
                when p_wanted ->> 'state' in ('open', 'free', 'held') then is_of
                when p_wanted ->> 'state' in ('completed', 'failed', 'finished') then was_of
                else format('((%s and %s) or (%s and %s))', is_open, is_of, is_ended, was_of)
            end
            when 'overdue' then case wish.value
                when 'true' then is_open || ' and m.due_at < $2'
                when 'false' then format('(m.due_at >= $2 or %s)', is_ended)
            end
            when 'search' then format('part_number(m.record_key) like %L || replace(replace(replace(
                $1 ->> ''search'', ''\'', ''\\''), ''%%'', ''\%%''), ''_'', ''\_'') || ''%%''',
                case when length(wish.value) >= 3 then '%' else '' end) -- an index of three letters finds no less within
            when 'named' then '(part_number(m.record_key) = $1 #>> ''{named,part}''
                or m.id between ($1 #>> ''{named,from}'')::uuid and ($1 #>> ''{named,to}'')::uuid)'
        end;
        if part is null then
            raise exception 'a filter of manual tasks cannot have %: %', wish.key, left(wish.value, 100) using errcode = 'PT400';
        end if;
        parts := parts || part;
    end loop;
    return coalesce(nullif(array_to_string(parts, ' and '), ''), 'true');
end
$$;

-- A manual task in a list.
create function manual_task_row(task manual_tasks) returns jsonb
language sql immutable
return jsonb_build_object(
    'id', task.id, 'batch_id', task.batch_id, 'pn', task.pn, 'manufacturer', task.manufacturer, 'type', task.type,
    'rule', task.rule, 'priority', task.priority, 'state', task.state, 'reason', task.reason, 'cause', task.cause,
    'assignee', task.assignee, 'claimed_until', task.claimed_until, 'assigned_to', task.assigned_to, 'due_at', task.due_at,
    'created_at', task.created_at, 'finished_at', task.finished_at, 'note', task.note
);

-- A page of the manual tasks that fit `p_wanted`, and how many fit in all. `p_sort` is
--   urgency  highest priority first, then oldest     due   what is due first
--   newest   latest first; an ended task by its end  part  by part number
-- `next` is the place of the last task where another page follows, for `p_after`; else null.
create function list_manual_tasks(
    p_wanted jsonb default '{}', p_sort text default 'urgency', p_limit integer default 50, p_after jsonb default null,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    wanted text := wanted_condition(p_wanted);
    sorted text := case p_sort
        when 'urgency' then 'm.priority, m.created_at, m.id'
        when 'due' then 'm.due_at, m.id'
        when 'newest' then 'coalesce(m.finished_at, m.created_at) desc, m.id desc'
        when 'part' then 'part_number(m.record_key), m.id'
    end;
    beyond text := case p_sort
        when 'urgency' then '(m.priority, m.created_at, m.id)
            > (($3 ->> ''priority'')::task_priority, ($3 ->> ''at'')::timestamptz, ($3 ->> ''id'')::uuid)'
        when 'due' then '(m.due_at, m.id) > (($3 ->> ''at'')::timestamptz, ($3 ->> ''id'')::uuid)'
        when 'newest' then '(coalesce(m.finished_at, m.created_at), m.id)
            < (($3 ->> ''at'')::timestamptz, ($3 ->> ''id'')::uuid)'
        when 'part' then '(part_number(m.record_key), m.id) > ($3 ->> ''part'', ($3 ->> ''id'')::uuid)'
    end;
    total bigint;
    ids uuid[];
    last manual_tasks;
begin
    if sorted is null then
        raise exception 'manual tasks cannot be sorted by %', left(p_sort, 100) using errcode = 'PT400';
    end if;
    execute 'select count(*) from manual_tasks as m where ' || wanted into total using p_wanted, p_now;
    execute format(
        'select array_agg(id) from (select m.id from manual_tasks as m where %s and %s order by %s limit $4 + 1) as page',
        wanted, case when p_after is null then 'true' else beyond end, sorted
    ) into ids using p_wanted, p_now, p_after, p_limit;
    if cardinality(ids) > p_limit then
        ids := ids[1:p_limit];
        select * into last from manual_tasks where id = ids[p_limit];
    end if;
    return jsonb_build_object(
        'total', total,
        'manual_tasks', (
            select coalesce(jsonb_agg(manual_task_row(m) order by page.place), '[]')
            from unnest(ids) with ordinality as page (id, place) inner join manual_tasks as m on m.id = page.id
        ),
        'next', case when last.id is not null then jsonb_build_object('id', last.id) || case p_sort
            when 'urgency' then jsonb_build_object('priority', last.priority, 'at', last.created_at)
            when 'due' then jsonb_build_object('at', last.due_at)
            when 'newest' then jsonb_build_object('at', coalesce(last.finished_at, last.created_at))
            when 'part' then jsonb_build_object('part', part_number(last.record_key))
        end end
    );
end
$$;

-- How many tasks of the same filter there are, by type, rule and cause together, and by manufacturer: the twenty most frequent.
create function manual_task_groups(p_wanted jsonb default '{}', p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    answer jsonb;
begin
    execute format($groups$
        with counted as materialized (
            select
                grouping(m.manufacturer_key) = 0 as by_maker, m.type, m.rule, m.cause, m.manufacturer_key, count(*) as tasks,
                count(*) filter (where m.due_at < $2 and m.finished_at is null) as overdue, min(m.created_at) as oldest
            from manual_tasks as m where %s
            group by grouping sets ((m.type, m.rule, m.cause), (m.manufacturer_key))
        )

        select jsonb_build_object(
            'total', coalesce(sum(tasks) filter (where not by_maker), 0),
            'groups', coalesce(jsonb_agg(jsonb_build_object(
                'type', type, 'rule', rule, 'cause', cause, 'tasks', tasks, 'overdue', overdue, 'oldest', oldest
            ) order by tasks desc, type, rule, cause) filter (where not by_maker), '[]'),
            'manufacturers', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'key', c.manufacturer_key, 'name', coalesce(k.name, c.manufacturer_key), 'tasks', c.tasks
                ) order by c.tasks desc, c.manufacturer_key), '[]')
                from (
                    select * from counted where by_maker and manufacturer_key <> ''
                    order by tasks desc, manufacturer_key limit 20
                ) as c left join manufacturers as k on k.key = c.manufacturer_key
            )
        ) from counted
    $groups$, wanted_condition(p_wanted)) into answer using p_wanted, p_now;
    return answer;
end
$$;

select restrict_access();
