-- The audit: it looks at the rows, shares nothing with the account's counters, and can contradict them. A line of the audit is a
-- rule and the rows that break it: {line: {count, examples}}.

-- What the audit knows of products: whose record each stands for, and the task that wrote it last.
create view product_of_record with (security_invoker = true) as
select l.record_key, p.id as product_id, p.task_id
from record_layers as l inner join products as p on p.id = l.product_id;

-- The last look at each batch. `lines` holds only the lines that found something.
create table batch_audits (
    batch_id text primary key references batches (id),
    at timestamptz not null,
    records integer not null,
    lines jsonb not null
);

-- The looks at what belongs to no batch, page by page: `after` is the last key seen, null at the beginning.
create table audit_walks (
    walk text primary key check (walk in ('open_records', 'open_automation', 'open_manual', 'products')),
    after text,
    lines jsonb not null default '{}', -- of the walk that is under way
    done_lines jsonb not null default '{}', -- of the last whole one
    begun_at timestamptz, -- of the walk that is under way
    as_of timestamptz -- when the last whole one began
);
insert into audit_walks (walk) values ('open_records'), ('open_automation'), ('open_manual'), ('products');

-- The months whose decisions and events have left the database.
create table archived_months (
    month date primary key,
    decisions bigint not null,
    task_events bigint not null,
    archived_at timestamptz not null
);

-- All lines of the audit, in the order in which they are shown.
create function audit_lines() returns text[]
language sql immutable set search_path = public, pg_temp
return array[
    'distinct_records', 'open_without_work', 'work_without_open_record', 'two_open_tasks', 'completed_without_product',
    'product_without_task', 'decisions_without_task', 'decisions_without_record', 'tasks_without_decision',
    'answers_without_calls'
];

-- How many tasks work on a record now; a dead letter that is on its way counts as one.
create function open_work_of(p_record_key text) returns bigint
language sql stable
begin atomic
    select
        (
            select count(*) from automation_tasks
            where record_key = p_record_key and state not in ('completed', 'failed')
        )
        + (
            select count(*) from automation_tasks
            where record_key = p_record_key and state = 'failed' and hand_over = 'due'
        )
        + (select count(*) from manual_tasks where record_key = p_record_key and state in ('initialized', 'processing'));
end;

-- Makes lines of single faults: counts them, and keeps five examples.
create function lines_of(p_lines text[], p_examples text[]) returns jsonb
language sql immutable set search_path = public, pg_temp
begin atomic
    select coalesce(jsonb_object_agg(line, jsonb_build_object('count', faults, 'examples', to_jsonb(examples[1:5]))), '{}')
    from (
        select line, count(*) as faults, array_agg(example order by example) as examples
        from unnest(p_lines, p_examples) as fault (line, example) group by line
    ) as found;
end;

-- One look at the rows of a batch, always of this moment. Returns {records, lines}.
create function audit_batch(p_batch_id text) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    with batch as (select id, taken, created_at from batches where id = p_batch_id),

    decided as materialized (
        select d.id, d.record_key, d.route, d.content_hash
        from batch cross join lateral (
            select * from decisions where batch_id = batch.id and decided_at >= batch.created_at offset 0
        ) as d
    ),

    work as materialized (
        select
            id, decision_id, record_key, state = 'completed' as completed,
            state not in ('completed', 'failed') or hand_over = 'due' as open,
            state = 'failed' and hand_over = 'done' as handed_over,
            vendor_answer is not null and attempts = 0 and redrives is null as unpaid
        from automation_tasks where batch_id = p_batch_id
        union all
        select id, decision_id, record_key, state = 'completed', state in ('initialized', 'processing'), false, false
        from manual_tasks where batch_id = p_batch_id and automation_task_id is null
        union all
        select id, decision_id, record_key, state = 'completed', state in ('initialized', 'processing'), false, false
        from manual_tasks where origin_batch_id = p_batch_id
    ),

    known as materialized (
        select d.record_key, r.open from (select distinct record_key from decided where record_key is not null) as d
        left join records as r using (record_key)
    ),

    counted as (
        select taken - (select count(*) from known) - (
            select count(distinct content_hash) from decided where route = 'rejected'
        ) as missing from batch
    ),

    -- most products were written by this batch; only the others are looked up one by one
    foreign_products as materialized (
        select p.record_key, p.task_id from known as k inner join product_of_record as p using (record_key)
        where not exists (select from work as w where w.id = p.task_id and w.completed)
    ),

    fault (line, example) as (
        select 'distinct_records', coalesce(twice.record_key, 'of ' || p_batch_id)
        from counted cross join lateral generate_series(1, abs(missing)) as nth
        left join (
            select record_key, row_number() over (order by record_key) as place
            from decided where record_key is not null group by record_key having count(*) > 1
        ) as twice on twice.place = nth
        union all
        select 'open_without_work', record_key from known where open and open_work_of(record_key) = 0
        union all
        select 'work_without_open_record', w.record_key from work as w left join records as r using (record_key)
        where w.open and r.open is not true
        union all
        select 'two_open_tasks', record_key from (select distinct record_key from work where open) as working
        where open_work_of(record_key) > 1
        union all
        select 'completed_without_product', w.record_key from work as w
        where w.completed and not exists (select from product_of_record as p where p.record_key = w.record_key)
        union all
        select 'product_without_task', p.record_key from foreign_products as p
        where not exists (select from automation_tasks as t where t.id = p.task_id and t.state = 'completed')
            and not exists (select from manual_tasks as m where m.id = p.task_id and m.state = 'completed')
        union all
        select 'decisions_without_task', d.record_key from decided as d left join work as w on w.decision_id = d.id
        where d.route <> 'rejected' group by d.id, d.record_key having count(w.id) filter (where not w.handed_over) = 0
        union all
        select 'decisions_without_record', record_key from known where open is null
        union all
        select 'tasks_without_decision', w.id::text from work as w
        where not exists (select from decided where decided.id = w.decision_id)
        union all
        -- an attempt may be taken back after the answer is saved, so the history is asked, too
        select 'answers_without_calls', w.id::text from work as w
        where w.unpaid and not exists (
            select from task_events as e where e.task_id = w.id and (e.detail ->> 'attempts')::integer > 0
        )
    )

    select jsonb_build_object(
        'records', (select count(*) from decided),
        'lines', (select lines_of(array_agg(line), array_agg(example)) from fault)
    )
$$;

-- Adds up several sets of lines.
create function join_lines(p_lines jsonb[]) returns jsonb
language sql immutable set search_path = public, pg_temp
begin atomic
    select coalesce(jsonb_object_agg(line, jsonb_build_object(
        'count', faults, 'examples', jsonb_path_query_array(examples, '$[0 to 4]')
    )), '{}')
    from (
        select
            found.key as line, sum((found.value -> 'count')::bigint) as faults,
            jsonb_path_query_array(jsonb_agg(found.value -> 'examples'), '$[*][*]') as examples
        from unnest(p_lines) as given (lines) cross join lateral jsonb_each(given.lines) as found
        group by found.key
    ) as joined;
end;

-- Adds up the faults of all lines.
create function faults_in(p_lines jsonb) returns bigint
language sql immutable set search_path = public, pg_temp
return (select coalesce(sum((value -> 'count')::bigint), 0)::bigint from jsonb_each(p_lines));

-- One page of what belongs to no batch: at most `p_limit` keys after `p_after`. Returns {seen, last, lines}.
create function audit_page(p_walk text, p_after text, p_limit integer) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    keys text[];
    examples text[]; -- null: the keys
    lines text[];
begin
    case p_walk
        when 'open_records' then
            keys := array(
                select record_key from records
                where open and record_key > coalesce(p_after, '') order by record_key limit p_limit
            );
            lines := array(
                select case open_work_of(key) when 0 then 'open_without_work' when 1 then null else 'two_open_tasks' end
                from unnest(keys) with ordinality as page (key, place) order by place
            );
        when 'open_automation' then
            keys := array(
                select record_key from automation_tasks
                where state not in ('completed', 'failed') and record_key > coalesce(p_after, '')
                order by record_key limit p_limit
            );
        when 'open_manual' then
            keys := array(
                select record_key from manual_tasks
                where state in ('initialized', 'processing') and record_key > coalesce(p_after, '')
                order by record_key limit p_limit
            );
        when 'products' then
            select
                array_agg(product_id order by product_id, record_key),
                array_agg(case when gone then record_key else product_id::text end order by product_id, record_key),
                array_agg(
                    case when gone then 'completed_without_product' when finished is null then 'product_without_task' end
                    order by product_id, record_key
                )
            into keys, examples, lines
            from (
                select l.product_id, l.record_key, p.id is null as gone, coalesce(
                    (select t.id from automation_tasks as t where t.id = p.task_id and t.state = 'completed'),
                    (select m.id from manual_tasks as m where m.id = p.task_id and m.state = 'completed')
                ) as finished
                from record_layers as l left join products as p on p.id = l.product_id
                where p_after is null or l.product_id > p_after::uuid order by l.product_id limit p_limit
            ) as page;
    end case;
    if p_walk in ('open_automation', 'open_manual') then
        lines := array(
            select case when not exists (select from records as r where r.record_key = key and r.open)
                then 'work_without_open_record' end
            from unnest(keys) with ordinality as page (key, place) order by place
        );
    end if;
    return jsonb_build_object(
        'seen', coalesce(cardinality(keys), 0), 'last', keys[cardinality(keys)],
        'lines', (
            select lines_of(array_agg(line), array_agg(key)) from unnest(lines, coalesce(examples, keys)) as fault (line, key)
            where line is not null
        )
    );
end
$$;

-- Goes on with a walk until `p_until` on the database's clock. True: it has come to its end.
create function audit_walk(p_walk text, p_until timestamptz, p_now timestamptz) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    size constant integer := 1000;
    page jsonb;
begin
    while clock_timestamp() < p_until loop
        select audit_page(walk, after, size) into page from audit_walks where walk = p_walk;
        update audit_walks
        set after = page ->> 'last', lines = join_lines(array[lines, page -> 'lines']), begun_at = coalesce(begun_at, p_now)
        where walk = p_walk;
        if (page -> 'seen')::integer < size then
            update audit_walks set done_lines = lines, as_of = begun_at, after = null, lines = '{}', begun_at = null
            where walk = p_walk;
            return true;
        end if;
    end loop;
    return false;
end
$$;

-- Whether the decisions and events of this moment's month (UTC) have left the database.
create function is_archived(p_at timestamptz) returns boolean
language sql stable set search_path = public, pg_temp
return exists (select from archived_months where month = date_trunc('month', p_at at time zone 'UTC')::date);

-- The batches that the audit looks at, begun from `p_from` to before `p_to`, with their last look. A `_fallback` has no records
-- of its own: its tasks are looked at with the batch that they come from.
create function batches_to_audit(p_from timestamptz, p_to timestamptz) returns table (
    batch_id text, created_at timestamptz, at timestamptz, records integer, lines jsonb
)
language sql stable set search_path = public, pg_temp as $$
    select b.id, b.created_at, a.at, a.records, a.lines
    from batches as b left join batch_audits as a on a.batch_id = b.id
    where b.created_at >= p_from and b.created_at < p_to and b.parent_batch_id is null and not is_archived(b.created_at)
$$;

-- Goes on with the audit for `p_seconds`: first what belongs to no batch, in half of the time at most, then the batches of
-- `p_day`, without one those of the last 7 days; never looked at before looked at long ago. One call at a time audits; another
-- one waits within its time. Returns {audited, audit_pending, audit_faults}.
create function audit_some(
    p_seconds double precision, p_day date default null, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    half constant interval := make_interval(secs => p_seconds / 2);
    begun constant timestamptz := clock_timestamp();
    first constant timestamptz := coalesce(p_day::timestamp at time zone 'UTC', p_now - interval '7 days');
    last constant timestamptz := coalesce((p_day + 1)::timestamp at time zone 'UTC', 'infinity');
    audited integer := 0;
    item record;
begin
    while not pg_try_advisory_xact_lock(hashtext('audit_some')) loop
        if clock_timestamp() > begun + half then
            return audit_state(first, last) || jsonb_build_object('audited', 0);
        end if;
        perform pg_sleep(0.01);
    end loop;
    for item in select walk, after is not null as resumed from audit_walks order by as_of nulls first, walk loop
        if audit_walk(item.walk, begun + half, p_now) and item.resumed then
            perform audit_walk(item.walk, begun + half, p_now); -- again from its beginning, so that all of it is of now
        end if;
    end loop;
    for item in select batch_id from batches_to_audit(first, last) order by at nulls first, created_at, batch_id loop
        exit when clock_timestamp() > begun + 2 * half;
        insert into batch_audits as a (batch_id, at, records, lines)
        select item.batch_id, p_now, (look -> 'records')::integer, look -> 'lines' from audit_batch(item.batch_id) as look
        on conflict (batch_id) do update set at = excluded.at, records = excluded.records, lines = excluded.lines;
        audited := audited + 1;
    end loop;
    return audit_state(first, last) || jsonb_build_object('audited', audited);
end
$$;

-- The figures of the audit for the batches of a time: those that were never looked at, and the faults that are known.
create function audit_state(p_from timestamptz, p_to timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_object(
        'audit_pending', count(*) filter (where at is null),
        'audit_faults', coalesce(sum(faults_in(lines)) filter (where lines <> '{}'), 0) + (
            select coalesce(sum(faults_in(done_lines)), 0) from audit_walks
        )
    )
    from batches_to_audit(p_from, p_to)
$$;
