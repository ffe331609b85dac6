-- People's work beside claim, complete and fail: the next task, drafts, skips, a look at a completion before it is made, and
-- taking an end back.

-- Whom `next_manual_task` does not offer a task for a while.
create table manual_skips (
    task_id uuid not null references manual_tasks (id),
    assignee text not null,
    until timestamptz not null,
    primary key (assignee, task_id)
);

-- The last call of `next_manual_task` of each person, and what it gave: the same call again gives the same.
create table manual_offers (
    assignee text primary key,
    call uuid,
    task_id uuid references manual_tasks (id)
);

-- Saves what a person has typed, whatever became of the task, and renews the claim if the task is theirs or free. Returns
-- {draft, claim: {held, by, until, state}}.
create function save_manual_draft(
    p_task_id uuid, p_assignee text, p_fields jsonb, p_removed jsonb, p_origins jsonb, p_note text,
    p_claim_seconds double precision, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks;
begin
    select * into task from manual_tasks where id = p_task_id for update;
    if not found then
        raise exception 'no manual task %', p_task_id using errcode = 'PT404';
    end if;
    if task.state = 'initialized'
        or (task.state = 'processing' and (task.assignee = p_assignee or task.claimed_until <= p_now)) then
        update manual_tasks
        set state = 'processing', assignee = p_assignee, claimed_until = p_now + make_interval(secs => p_claim_seconds),
            updated_at = p_now
        where id = p_task_id
        returning * into task;
    end if;
    insert into manual_drafts as d (task_id, assignee, fields, removed, origins, note, saved_at)
    values (p_task_id, p_assignee, p_fields, p_removed, p_origins, p_note, p_now)
    on conflict (task_id, assignee) do update
    set fields = excluded.fields, removed = excluded.removed, origins = excluded.origins, note = excluded.note,
        saved_at = excluded.saved_at;
    return jsonb_build_object('draft', draft_of(p_task_id, p_assignee), 'claim', jsonb_build_object(
        'held', task.state = 'processing' and task.assignee = p_assignee, 'by', task.assignee, 'until', task.claimed_until,
        'state', task.state
    ));
end
$$;

-- Gives a task back, if this person holds it, and does not offer it to them for `p_skip_seconds`.
create function skip_manual_task(
    p_task_id uuid, p_assignee text, p_skip_seconds double precision, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks := take_manual_task(p_task_id, p_assignee, p_now);
begin
    if task.assignee = p_assignee then
        update manual_tasks set state = 'initialized', assignee = null, claimed_until = null, updated_at = p_now
        where id = p_task_id
        returning * into task;
    end if;
    delete from manual_skips where assignee = p_assignee and until <= p_now;
    insert into manual_skips (task_id, assignee, until)
    values (p_task_id, p_assignee, p_now + make_interval(secs => p_skip_seconds))
    on conflict (assignee, task_id) do update set until = excluded.until;
    return manual_task_view(task);
end
$$;

-- Claims the first free task of a filter (see `wanted_condition`) for a person: assigned to them before assigned to nobody, then
-- by priority and age. Tasks that others are taking at this moment are passed over. Null: there is none. One call of a person
-- runs at a time, and the same `p_call` again gives the same task.
create function next_manual_task(
    p_assignee text, p_wanted jsonb, p_call uuid, p_claim_seconds double precision,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    wanted text := wanted_condition(p_wanted || '{"state": "free"}');
    of_whom text;
    offer manual_offers;
    chosen uuid;
begin
    insert into manual_offers (assignee) values (p_assignee) on conflict do nothing;
    select * into offer from manual_offers where assignee = p_assignee for update;
    if offer.call = p_call then
        return (select manual_task_view(m) from manual_tasks as m where m.id = offer.task_id);
    end if;
    foreach of_whom in array array['m.assigned_to = $3', 'm.assigned_to is null'] loop
        execute format($next$
            select m.id from manual_tasks as m
            where %s and %s and not exists (
                select from manual_skips as s where s.assignee = $3 and s.task_id = m.id and s.until > $2
            )
            order by m.priority, m.created_at, m.id limit 1
            for update of m skip locked
        $next$, of_whom, wanted) into chosen using p_wanted, p_now, p_assignee;
        exit when chosen is not null;
    end loop;
    update manual_offers set call = p_call, task_id = chosen where assignee = p_assignee;
    if chosen is null then
        return null;
    end if;
    return claim_manual_task(chosen, p_assignee, p_claim_seconds, p_now);
end
$$;

-- A product, one entry per field: {category, attribute:Voltage, datasheet:https://...}.
create function flat_product(p_product jsonb) returns jsonb
language sql immutable set search_path = public, pg_temp
return (
    select coalesce(jsonb_object_agg(field, value), '{}') from (
        select key as field, value from jsonb_each(p_product)
        where key not in ('attributes', 'media') and value <> 'null'
        union all
        select 'attribute:' || key, value from jsonb_each(coalesce(p_product -> 'attributes', '{}'))
        union all
        select concat(link ->> 'kind', ':', link ->> 'url'), link -> 'url'
        from jsonb_array_elements(coalesce(p_product -> 'media', '[]')) as link
    ) as fields
);

-- What a completion would make of the product: {before, after, changes: [{field, before, after}]}. It is made and undone in one
-- transaction, so it is what `complete_manual_task` does and nothing else; the claim is not asked for. SY002 carries it out.
create function preview_manual_task(
    p_task_id uuid, p_assignee text, p_fields jsonb, p_manufacturer_key text,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks;
    before jsonb;
    written uuid;
    after jsonb;
begin
    select * into task from manual_tasks where id = p_task_id;
    if not found then
        raise exception 'no manual task %', p_task_id using errcode = 'PT404';
    elsif task.state in ('completed', 'failed') then
        raise exception 'manual task % is already %', p_task_id, task.state using errcode = 'PT409';
    end if;
    task.assignee := p_assignee;
    if product_of(task.record_key) is not null then
        before := product_view(product_of(task.record_key), null, null, null, null, null, null) -> 'product';
    end if;
    begin
        written := write_person_fields(task, p_fields, p_manufacturer_key, p_now);
        after := product_view(written, null, null, null, null, null, null) -> 'product';
        raise exception 'only a preview' using errcode = 'SY002';
    exception when sqlstate 'SY002' then
        null; -- all of it is undone
    end;
    return jsonb_build_object('before', before, 'after', after, 'changes', (
        select coalesce(jsonb_agg(
            jsonb_build_object('field', field, 'before', b.value, 'after', a.value) order by field
        ), '[]')
        from jsonb_each(flat_product(coalesce(before, '{}'))) as b (field, value)
        full join jsonb_each(flat_product(after)) as a (field, value) using (field)
        where a.value is distinct from b.value
    ));
end
$$;

-- Refuses when the record or its product has moved on since the task ended. The task and the product are locked; the record and
-- its turns are from here on.
create function refuse_late_undo(task manual_tasks, ending manual_endings) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    opened integer;
    current jsonb;
    who text;
begin
    select openings into opened from records where record_key = task.record_key for update;
    if opened <> ending.openings then
        raise exception 'manual task %: its record was opened again since, so the end of the task stands', task.id
            using errcode = 'PT409';
    end if;
    perform from turns where record_key = task.record_key order by content_hash for update;
    current := turns_now(task.record_key, ending.turns_before);
    if current <> ending.turns_after then
        select value ->> 'by' into who from jsonb_each(current) where value ->> 'verdict' = 'asked' limit 1;
        raise exception 'manual task %: % wants its record taken again, so the end of the task stands', task.id,
            coalesce(who, 'somebody') using errcode = 'PT409';
    end if;
    select f.assignee into who from record_layers as own
    inner join record_layers as l on l.product_id = own.product_id
    inner join person_fields as f on f.record_key = l.record_key
    where own.record_key = task.record_key and f.id > ending.last_field and f.taken_back_at is null
    order by f.id desc limit 1;
    if task.state = 'completed' and found then
        raise exception 'manual task %: % has edited the same product since, so the end of the task stands', task.id, who
            using errcode = 'PT409';
    end if;
end
$$;

-- Locks the product of a completed task and the one that its record had before, which is made again if it is gone. A record that
-- goes back to another product locks both, one such move at a time, as `lock_product` does. Returns the earlier one.
create function lock_earlier_product(task manual_tasks, ending manual_endings) returns uuid
language plpgsql set search_path = public, pg_temp as $$
declare
    earlier products := jsonb_populate_record(null::products, ending.product_before);
    held uuid;
begin
    select product_id into held from record_layers where record_key = task.record_key;
    if ending.layers_before is null or ending.product_before is null or earlier.id = held then
        perform from products where id = held for update;
        return held;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('a record moves to another product', 0));
    perform from products where id = held for update;
    loop -- another transaction may make it, or remove it, in between
        insert into products select (earlier).* on conflict do nothing;
        select id into held from products where part_key = earlier.part_key for update;
        exit when found;
    end loop;
    return held;
end
$$;

-- Who wrote a product last, apart from one task: the completed task that ended last of those that its layers and `p_known` name.
create function last_writer(p_product_id uuid, p_apart uuid, p_known uuid[]) returns table (source text, task_id uuid)
language sql stable set search_path = public, pg_temp
begin atomic
    with named as (
        select unnest(p_known) as id
        union
        select unnest(array[l.source_task, l.answer_task]) from record_layers as l where l.product_id = p_product_id
        union
        select f.task_id from record_layers as l inner join person_fields as f on f.record_key = l.record_key
        where l.product_id = p_product_id and f.replaced_at is null
    )

    select writer.source, writer.id from (
        select 'automation' as source, t.id, t.finished_at from named inner join automation_tasks as t using (id)
        where t.state = 'completed'
        union all
        select 'manual', m.id, m.finished_at from named inner join manual_tasks as m using (id) where m.state = 'completed'
    ) as writer
    where writer.id <> p_apart
    order by writer.finished_at desc, writer.id limit 1;
end;

-- Takes back what a completion wrote: its fields end, those that it replaced hold again, the record's layers are as they were,
-- and the product is derived anew. A product that only this completion made goes. All that changes is locked.
create function take_fields_back(task manual_tasks, ending manual_endings, p_earlier uuid, p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    layers record_layers := jsonb_populate_record(null::record_layers, ending.layers_before);
    held uuid;
    wrote uuid;
    writer record;
begin
    select l.product_id, p.task_id into held, wrote
    from record_layers as l left join products as p on p.id = l.product_id where l.record_key = task.record_key;
    update person_fields set replaced_at = p_now, taken_back_at = p_now
    where record_key = task.record_key and task_id = task.id and replaced_at is null;
    update person_fields set replaced_at = null, replaced_by = null
    where record_key = task.record_key and replaced_by = task.id;
    delete from record_layers where record_key = task.record_key;
    if ending.layers_before is not null then
        layers.product_id := p_earlier;
        insert into record_layers select (layers).*;
        select * into writer from last_writer(p_earlier, task.id, array[(ending.product_before ->> 'task_id')::uuid, wrote]);
        perform derive_product(p_earlier, writer.source, writer.task_id, p_now);
    end if;
    if ending.layers_before is null or held <> p_earlier then
        select * into writer from last_writer(held, task.id, array[wrote]);
        perform leave_product(held, writer.source, writer.task_id, p_now);
    end if;
end
$$;

-- Gives the record's claim back to the task, and its turns what they were. Both are locked.
create function open_record_again(task manual_tasks, ending manual_endings, p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    update records set open = true where record_key = task.record_key;
    update turns as t
    set verdict = was.verdict, by = was.by, note = was.note, next_turn = was.next_turn at time zone 'UTC', ledger_due = true,
        changed_at = greatest(p_now, t.changed_at + interval '1 microsecond')
    from jsonb_each(ending.turns_before) as turn (content_hash, fields)
    cross join lateral jsonb_to_record(turn.fields) as was (verdict turn_verdict, by text, note text, next_turn timestamp)
    where t.record_key = task.record_key and t.content_hash = turn.content_hash;
end
$$;

-- The task if this person may take its end back now, else an error that says why not. The task is locked.
create function task_to_take_back(p_task_id uuid, p_assignee text, p_now timestamptz) returns manual_tasks
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks;
begin
    select * into task from manual_tasks where id = p_task_id for update;
    if not found then
        raise exception 'no manual task %', p_task_id using errcode = 'PT404';
    elsif task.state not in ('completed', 'failed') then
        raise exception 'manual task % has not ended: nothing is to be taken back', p_task_id using errcode = 'PT409';
    elsif task.result ? 'redriven_by' then
        raise exception 'manual task % was given back to automation by batch %', p_task_id, task.result ->> 'redriven_by'
            using errcode = 'PT409';
    elsif task.assignee <> p_assignee then
        raise exception 'manual task % was ended by %: only they can take that back', p_task_id, task.assignee
            using errcode = 'PT409';
    elsif coalesce(task.undo_until <= p_now, true) or not exists (select from manual_endings where task_id = p_task_id) then
        raise exception 'manual task % is % since %: the time to take that back is over', p_task_id, task.state,
            to_char(task.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') using errcode = 'PT409';
    end if;
    return task;
end
$$;

-- Takes back that a person has completed or failed a task: it is theirs again, and record, turns, layers, product and counts are
-- as they were. What they had typed becomes their draft. Refused when the time is over or something stands on it. The same call
-- again answers the task.
create function undo_manual_task(
    p_task_id uuid, p_assignee text, p_note text, p_claim_seconds double precision,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task manual_tasks;
    ending manual_endings;
    earlier uuid;
begin
    select * into task from manual_tasks where id = p_task_id for update;
    if task.state = 'processing' and task.assignee = p_assignee and (
        select from_state in ('completed', 'failed') from task_events where task_id = p_task_id order by id desc limit 1
    ) then
        return manual_task_view(task); -- this call again, because its answer was lost
    end if;
    task := task_to_take_back(p_task_id, p_assignee, p_now);
    select * into ending from manual_endings where task_id = p_task_id for update;
    if task.state = 'completed' then
        earlier := lock_earlier_product(task, ending);
    end if;
    perform refuse_late_undo(task, ending);
    if task.state = 'completed' then
        perform take_fields_back(task, ending, earlier, p_now);
        insert into manual_drafts as d (task_id, assignee, fields, removed, origins, note, saved_at)
        values (
            p_task_id, p_assignee, task.edited_fields - 'removed' - 'origins',
            coalesce(task.edited_fields -> 'removed', '{}'), coalesce(task.edited_fields -> 'origins', '{}'), task.note, p_now
        )
        on conflict do nothing; -- one that was saved after the end is the later word
    end if;
    perform open_record_again(task, ending, p_now);
    update manual_tasks
    set state = 'processing', claimed_until = p_now + make_interval(secs => p_claim_seconds), undo_until = null,
        edited_fields = null, result = null, product = null, finished_at = null, note = coalesce(p_note, ending.note),
        updated_at = p_now
    where id = p_task_id
    returning * into task;
    delete from manual_endings where task_id = p_task_id;
    return manual_task_view(task);
end
$$;

select restrict_access();
