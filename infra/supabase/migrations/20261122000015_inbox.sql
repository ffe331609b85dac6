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

-- A product as one flat object, of [{kind, name, value}] in the order in which they count: of two with one name, the first.
create function flat_fields(p_fields jsonb) returns jsonb
language sql immutable set search_path = public, pg_temp
return (
    select jsonb_build_object(
        'manufacturer', min(f ->> 'value') filter (where f ->> 'kind' = 'manufacturer'),
        'category', min(f ->> 'value') filter (where f ->> 'kind' = 'category'),
        'description', min(f ->> 'value') filter (where f ->> 'kind' = 'description'),
        'attributes', coalesce(
            jsonb_object_agg(f ->> 'name', f ->> 'value' order by place desc) filter (where f ->> 'kind' = 'attribute'), '{}'
        ),
        'docs', coalesce(jsonb_agg(f -> 'name' order by place) filter (where f ->> 'kind' = 'datasheet'), '[]'),
        'images', coalesce(jsonb_agg(f -> 'name' order by place) filter (where f ->> 'kind' = 'photo'), '[]')
    )
    from jsonb_array_elements(coalesce(p_fields, '[]')) with ordinality as fields (f, place)
);

-- What a vendor answered, as `write_product` gets it, with its price and the currency of it.
create function answered_product(p_answer jsonb, p_at timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp
return case when p_answer is not null then
    flat_fields((select jsonb_agg(to_jsonb(f) order by f.place) from answer_fields(p_answer) as f))
    || jsonb_build_object(
        'pn', p_answer -> 'pn', 'vendor', p_answer -> 'vendor', 'vendor_pn', p_answer -> 'vendor_pn', 'url', p_answer -> 'url',
        'price', (p_answer ->> 'unit_price')::numeric, 'currency', p_answer -> 'currency', 'status', p_answer -> 'status',
        'at', p_at
    )
end;

-- A stored product, with its price and the currency of it.
create function stored_product(p_product_id uuid) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select flat_fields((
        select jsonb_agg(to_jsonb(f) order by f.kind, f.name) from (
            select 'manufacturer' as kind, '' as name, m.name as value from manufacturers as m where m.id = p.manufacturer_id
            union all
            select 'category', '', p.category
            union all
            select 'description', '', p.description
            union all
            select 'attribute', a.name, a.value from product_attributes as a where a.product_id = p.id
            union all
            select d.kind, d.url, d.url from document_media as d where d.product_id = p.id
        ) as f
    )) || jsonb_build_object(
        'pn', p.pn, 'vendor', p.vendor, 'vendor_pn', p.vendor_pn, 'url', p.url, 'price', p.unit_price, 'currency', p.currency,
        'status', p.status, 'updated_at', p.updated_at
    )
    from products as p where p.id = p_product_id
);

-- How many letters two texts have in common at their beginning, of the first hundred.
create function common_beginning(p_one text, p_other text) returns integer
language sql immutable set search_path = public, pg_temp
return (
    select count(*) from generate_series(1, least(length(p_one), length(p_other), 100)) as n
    where left(p_one, n) = left(p_other, n)
);

-- Up to three products of the same manufacturer whose numbers begin like this one, the most alike first; three letters are the
-- least. In the order of the numbers they are its neighbours, so six products are looked at.
create function similar_products(p_pn text, p_manufacturer_key text, p_product_id uuid) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    with maker as (
        select m.id, left(upper(p_pn), 100) collate "C" as pn from manufacturers as m where m.key = p_manufacturer_key
    ),

    neighbours as (
        select near.* from maker cross join lateral (
            (
                select p.id, p.pn from products as p
                where p.manufacturer_id = maker.id and left(upper(p.pn), 100) collate "C" >= maker.pn
                    and p.id is distinct from p_product_id
                order by left(upper(p.pn), 100) collate "C", p.id limit 3
            )
            union all
            (
                select p.id, p.pn from products as p
                where p.manufacturer_id = maker.id and left(upper(p.pn), 100) collate "C" < maker.pn
                    and p.id is distinct from p_product_id
                order by left(upper(p.pn), 100) collate "C" desc, p.id desc limit 3
            )
        ) as near
    ),

    alike as (
        select id, pn, common_beginning(upper(pn), upper(p_pn)) as alike from neighbours
    )

    select coalesce(jsonb_agg(stored_product(id) || jsonb_build_object('alike', alike) order by alike desc, pn), '[]')
    from (select * from alike where alike >= 3 order by alike desc, pn limit 3) as most
);

-- What happened to these tasks, oldest first, the latest two hundred: at, what, by, cause, message, and the rest in `detail`. The
-- failure of an automation task carries the vendor's last answer.
create function events_of(p_tasks uuid[], p_since timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(jsonb_build_object(
        'at', e.at, 'kind', e.task_kind, 'task_id', e.task_id, 'batch_id', e.batch_id, 'what', case
            when e.task_kind = 'automation' and e.from_state is null then 'opened'
            when e.task_kind = 'automation' and e.from_state = e.to_state then 'failed try'
            when e.task_kind = 'automation' and e.to_state = 'processing' then 'first try'
            when e.to_state = 'data_finished' then 'answer saved'
            when e.to_state = 'supabase_finished' then 'product stored'
            when e.task_kind = 'automation' then e.to_state
            when e.from_state is null then 'given to people'
            when e.from_state = e.to_state then 'claim taken over'
            when e.from_state in ('completed', 'failed') then 'taken back'
            when e.to_state = 'processing' then 'claimed'
            when e.to_state = 'initialized' then 'released'
            when e.to_state = 'failed' then 'given up'
            else e.to_state
        end,
        'by', case when e.task_kind = 'automation' then 'automation' else e.detail ->> 'assignee' end,
        'cause', coalesce(e.detail ->> 'category', e.detail ->> 'cause'),
        'message', coalesce(e.detail ->> 'message', e.detail ->> 'note'),
        'answer', coalesce(e.detail -> 'answer', (
            select coalesce(t.error_answer, t.vendor_answer) from automation_tasks as t
            where e.task_kind = 'automation' and e.to_state = 'failed' and t.id = e.task_id
        )),
        'detail', e.detail - '{assignee,category,cause,message,note,answer,owner}'::text[]
    ) order by e.at, e.id), '[]')
    from (
        select * from task_events where task_id = any (p_tasks) and at >= p_since order by at desc, id desc limit 200
    ) as e
);

-- The timeline of a manual task: its own, that of the automation task that failed, and those of the dead letters before it.
create function task_timeline(task manual_tasks) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    with recursive tries as (
        select t.id, t.redrives, t.created_at from automation_tasks as t where t.id = task.automation_task_id
        union all
        select t.id, t.redrives, t.created_at from tries inner join automation_tasks as t on t.id = tries.redrives
    )

    select events_of(
        array[task.id] || array_agg(tries.id) || array_agg(letter.id), least(min(tries.created_at), task.created_at)
    )
    from tries left join manual_tasks as letter on letter.automation_task_id = tries.id
);

-- One manual task with all that helps to decide it: `manual_task_view`, and beside it the row as a product (`source`), what the
-- vendor said last of this part (`vendor`), similar products, the timeline, and the draft that `p_assignee` would go on with.
create function manual_task(
    p_task_id uuid, p_assignee text default null, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    task manual_tasks;
    product uuid;
begin
    select * into task from manual_tasks where id = p_task_id;
    if not found then
        raise exception 'no manual task %', p_task_id using errcode = 'PT404';
    end if;
    product := product_of(task.record_key);
    return manual_task_view(task) || jsonb_build_object(
        'rule', task.rule, 'assigned_to', task.assigned_to, 'origin_batch_id', task.origin_batch_id,
        'overdue', task.finished_at is null and task.due_at < p_now,
        'free', task.state = 'initialized' or (task.state = 'processing' and task.claimed_until <= p_now),
        'source', flat_fields((
            select jsonb_agg(to_jsonb(f))
            from row_fields(task.source_record, task.manufacturer, coalesce(task.manufacturer_key, '')) as f
        )),
        'vendor', (
            select answered_product(l.answer, l.answer_at) from record_layers as l
            where l.product_id = product and l.answer is not null order by l.answer_at desc, l.record_key limit 1
        ),
        'similar', similar_products(task.pn, task.manufacturer_key, product),
        'timeline', task_timeline(task),
        'draft', draft_of(task.id, p_assignee)
    );
end
$$;

-- The batches, newest first, each with its state and the places of its records as `reconcile` has them. What automation could not
-- finish is counted in the batch that decided it, so `<batch>_fallback` is not listed. `next` as in `list_manual_tasks`.
create function list_batches(
    p_limit integer default 50, p_after jsonb default null, p_now timestamptz default clock_timestamp()
) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    with page as materialized (
        select b.* from batches as b
        where b.parent_batch_id is null and (
            p_after is null or (b.created_at, b.id) < ((p_after ->> 'at')::timestamptz, p_after ->> 'id')
        )
        order by b.created_at desc, b.id desc limit p_limit + 1
    ),

    placed as (
        select p.*, row_number() over (order by p.created_at desc, p.id desc) as place, sides_of(p.id, null) as sides
        from page as p
    )

    select jsonb_build_object(
        'total', (select count(*) from batches where parent_batch_id is null),
        'batches', coalesce(jsonb_agg(jsonb_build_object(
            'batch_id', id, 'state', overall_state(
                closed_at is null and created_at > p_now - interval '15 minutes',
                (sides ->> 'taken')::bigint - (sides ->> 'rejected')::bigint,
                (sides ->> 'completed')::bigint, (sides ->> 'failed')::bigint
            ), 'trigger', trigger, 'request', request, 'policy', policy, 'policy_version', policy_version, 'counts', counts,
            'created_at', created_at, 'closed_at', closed_at
        ) || sides order by place) filter (where place <= p_limit), '[]'),
        'next', (
            select jsonb_build_object('at', last.created_at, 'id', last.id) from placed as last
            where last.place = p_limit and exists (select from placed as more where more.place > p_limit)
        )
    )
    from placed
);

-- What became of a record each time it was taken, the latest first: the decision, its tasks, and their events.
create function history_of_record(p_record_key text, p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    with taken as materialized (
        select t.decision_id, t.batch_id, t.created_at, t.id as automation, m.id as manual
        from automation_tasks as t left join manual_tasks as m on m.automation_task_id = t.id
        where t.record_key = p_record_key
        union all
        select m.decision_id, m.batch_id, m.created_at, null, m.id
        from manual_tasks as m
        where part_number(m.record_key) = part_number(p_record_key) and m.record_key = p_record_key
            and m.automation_task_id is null
    )

    select coalesce(jsonb_agg(jsonb_build_object(
        'batch_id', t.batch_id, 'at', t.created_at, 'decision', (
            select jsonb_build_object(
                'rule', d.rule, 'route', d.route, 'priority', d.priority, 'reason', d.reason, 'confidence', d.confidence,
                'policy', d.policy, 'decided_at', d.decided_at
            ) from decisions as d
            where d.id = t.decision_id and d.decided_at >= batch_began(t.batch_id)
        ),
        'automation', (
            select jsonb_build_object(
                'id', a.id, 'state', a.state, 'attempts', a.attempts, 'cause', a.error_category, 'message', a.error_message,
                'handed_over', a.hand_over = 'done', 'finished_at', a.finished_at
            ) from automation_tasks as a where a.id = t.automation
        ),
        'manual', (select manual_task_row(m) from manual_tasks as m where m.id = t.manual),
        'events', events_of(array_remove(array[t.automation, t.manual], null), t.created_at)
    ) order by t.created_at desc, t.decision_id), '[]')
    from (select * from taken order by created_at desc, decision_id limit p_limit) as t
);

-- All that happened to a part number: its records (one per manufacturer; `p_record_key` names one of them), each with its
-- product, the verdicts on its contents, and its history.
create function part_history(
    p_part text, p_record_key text default null, p_limit integer default 50, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    found jsonb;
begin
    select jsonb_agg(jsonb_build_object(
        'record_key', r.record_key, 'pn', r.pn, 'manufacturer', r.manufacturer, 'open', r.open, 'openings', r.openings,
        'product', stored_product(product_of(r.record_key)),
        'turns', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'verdict', t.verdict, 'by', t.by, 'note', t.note, 'next_turn', t.next_turn, 'changed_at', t.changed_at,
                'content_hash', t.content_hash, 'due', coalesce(t.next_turn <= p_now, false)
            ) order by t.changed_at desc, t.content_hash), '[]')
            from turns as t where t.record_key = r.record_key
        ),
        'history', history_of_record(r.record_key, p_limit)
    ) order by r.record_key)
    into found
    from (
        select * from records
        where split_part(record_key, '|', 1) collate "C" = p_part and (p_record_key is null or record_key = p_record_key)
        order by record_key limit 20
    ) as r;
    if found is null then
        raise exception 'no record of % was ever taken', left(coalesce(p_record_key, p_part), 400) using errcode = 'PT404';
    end if;
    return jsonb_build_object('part', p_part, 'records', found);
end
$$;

select restrict_access();
