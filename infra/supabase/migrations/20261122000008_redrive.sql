-- Gives dead letters back to automation, once the cause of their failure is repaired.

-- The dead letters of a batch (or of its `_fallback`) that no person has claimed, of one cause or of any.
create function letters_to_redrive(p_batch_id text, p_cause error_category) returns setof manual_tasks
language sql stable set search_path = public, pg_temp
begin atomic
    select * from manual_tasks
    where batch_id in (p_batch_id, p_batch_id || '_fallback') and state = 'initialized' and type = 'automation_fallback'
        and (p_cause is null or cause = p_cause);
end;

-- Gives such dead letters to automation again, as batch `p_redrive_id`: at most `p_limit`, the most urgent first, until
-- the day's quota is used. Their manual tasks end as failed, with a note. The new tasks are `initialized` and due for the sweep
-- at once, which puts them into the queue. A repeated call redrives nothing more and returns the same.
-- Returns {batch_id, redriven, left, daily_limit_reached}.
create function redrive_dead_letters(
    p_batch_id text,
    p_cause error_category,
    p_redrive_id text,
    p_limit integer,
    p_daily_limit integer,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    asked jsonb := jsonb_build_object('redrive_of', p_batch_id, 'cause', p_cause, 'limit', p_limit);
    today date := (p_now at time zone 'UTC')::date;
    room integer;
    letters uuid[];
    opened integer;
    still integer;
    answer jsonb;
begin
    if not exists (select from batches where id = p_batch_id) then
        raise exception 'no batch %', p_batch_id using errcode = 'PT404';
    end if;

    -- This row's lock makes openings, and so two redrives, wait for each other, as in `open_tasks`.
    insert into daily_usage (day, used, quota) values (today, 0, p_daily_limit) on conflict (day) do nothing;
    select greatest(p_daily_limit - used, 0) into room from daily_usage where day = today for update;

    if exists (select from batches where id = p_redrive_id) then
        select counts into answer from batches where id = p_redrive_id and trigger = 'redrive' and request = asked;
        if not found then
            raise exception 'batch % is there already, and is no repetition of this redrive', p_redrive_id
                using errcode = 'PT409';
        end if;
        return answer;
    end if;

    select coalesce(array_agg(id), '{}') into letters
    from (
        select id from manual_tasks
        where id in (select id from letters_to_redrive(p_batch_id, p_cause)) and state = 'initialized'
        order by priority, created_at, id limit least(p_limit, room)
        for update skip locked -- a person who holds one is claiming it
    ) as chosen;
    select count(*) into still from letters_to_redrive(p_batch_id, p_cause) where id <> all (letters);
    answer := jsonb_build_object(
        'batch_id', p_redrive_id, 'redriven', cardinality(letters), 'left', still,
        'daily_limit_reached', still > 0 and room <= cardinality(letters)
    );
    if letters = '{}' then
        return answer; -- and the name stays free
    end if;

    -- Ending the tasks touches their records, and rows are locked in one order everywhere.
    perform from records
    where record_key in (select record_key from manual_tasks where id = any (letters)) order by record_key for update;
    update manual_tasks set state = 'processing', assignee = 'redrive', claimed_until = p_now, updated_at = p_now
    where id = any (letters);
    update manual_tasks
    set state = 'failed', claimed_until = null, note = format('given back to automation by batch %s', p_redrive_id),
        result = jsonb_build_object('redriven_by', p_redrive_id), finished_at = p_now, updated_at = p_now
    where id = any (letters);

    insert into batches (id, trigger, request, created_at) values (p_redrive_id, 'redrive', asked, p_now);
    opened := jsonb_array_length(open_tasks(
        p_redrive_id,
        (
            select jsonb_agg(jsonb_build_object(
                'record_key', m.record_key, 'pn', m.pn, 'manufacturer', m.manufacturer, 'manufacturer_key', m.manufacturer_key,
                'content_hash', m.content_hash, 'source_record', m.source_record, 'route', 'automation', 'priority', m.priority,
                'rule', 'redrive', 'reason', format('Redriven: a dead letter of batch %s (%s).', p_batch_id, m.cause),
                'confidence', 1, 'features', d.features, 'comparisons', '[]'::jsonb
            ) order by m.priority, m.created_at, m.id)
            from manual_tasks as m
            inner join batches as b on b.id = m.origin_batch_id
            inner join decisions as d on d.id = m.decision_id and d.decided_at >= b.created_at
            where m.id = any (letters)
        ),
        '[]', p_daily_limit, 1, '{}', 0, 'infinity', p_now -- an earlier completion does not prevent a redrive
    ) -> 'automation');
    if opened <> cardinality(letters) then
        raise exception 'batch %: % of % dead letters could be opened', p_redrive_id, opened, cardinality(letters);
    end if;
    update batches set counts = answer, closed_at = p_now where id = p_redrive_id;
    return answer;
end
$$;

select restrict_access();
