-- Gives dead letters back to automation, once the cause of their failure is repaired.

-- The dead letters of a batch (or of its `_fallback`) that no person holds, of one cause or of any. An expired claim holds none.
create function letters_to_redrive(p_batch_id text, p_cause error_category, p_now timestamptz) returns setof manual_tasks
language sql stable set search_path = public, pg_temp
begin atomic
    select * from manual_tasks
    where batch_id in (p_batch_id, p_batch_id || '_fallback') and type = 'automation_fallback'
        and (state = 'initialized' or (state = 'processing' and claimed_until <= p_now))
        and (p_cause is null or cause = p_cause);
end;

-- The saved answer with which a redriven task begins, so that nothing is paid twice. Null when the answer itself was the reason
-- for the failure: then only a new one can help.
create function answer_worth_keeping(letter automation_tasks) returns jsonb
language sql immutable set search_path = public, pg_temp
return case
    when letter.error_category not in ('invalid_response', 'not_found', 'ambiguous') then letter.vendor_answer
end;

-- Names the dead letter that each task of a redrive gives back, and lets the task begin with that letter's saved answer.
create function inherit_from_letters(p_redrive_id text, p_letters uuid[], p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    update automation_tasks as t
    set redrives = m.automation_task_id
    from manual_tasks as m
    where m.id = any (p_letters) and t.batch_id = p_redrive_id and t.record_key = m.record_key;
    update automation_tasks as t
    set state = 'processing', updated_at = p_now
    from automation_tasks as letter
    where t.batch_id = p_redrive_id and letter.id = t.redrives and answer_worth_keeping(letter) is not null;
    update automation_tasks as t
    set state = 'data_finished', vendor_answer = answer_worth_keeping(letter), updated_at = p_now
    from automation_tasks as letter
    where t.batch_id = p_redrive_id and letter.id = t.redrives and t.state = 'processing';
end
$$;

-- Ends the manual tasks of dead letters, with a note: automation has their records again.
create function take_letters_back(p_redrive_id text, p_letters uuid[], p_note text, p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    update manual_tasks set state = 'processing', assignee = 'redrive', claimed_until = p_now, updated_at = p_now
    where id = any (p_letters);
    update manual_tasks
    set state = 'failed', claimed_until = null, note = p_note,
        result = jsonb_build_object('redriven_by', p_redrive_id), finished_at = p_now, updated_at = p_now
    where id = any (p_letters);
end
$$;

-- How many of these dead letters, whose tasks the caller has locked, the day's quota has room for. Locks what a redrive of
-- them changes: ending the tasks touches their records, and the quota's row comes after these.
create function room_for_letters(p_letters uuid[], p_daily_limit integer, p_now timestamptz) returns integer
language plpgsql set search_path = public, pg_temp as $$
declare
    today date := (p_now at time zone 'UTC')::date;
    room integer;
begin
    perform from records
    where record_key in (select record_key from manual_tasks where id = any (p_letters)) order by record_key for update;
    perform from turns
    where record_key in (select record_key from manual_tasks where id = any (p_letters))
    order by record_key, content_hash for update;
    insert into daily_usage (day, used, quota) values (today, 0, p_daily_limit) on conflict (day) do nothing;
    select greatest(p_daily_limit - used, 0) into room from daily_usage where day = today for update;
    return room;
end
$$;

-- Gives these dead letters, for which there is room, to automation as the open batch `p_redrive_id`. The new tasks are due for
-- the sweep at once, which puts them into the queue; they are `initialized`, or `data_finished` with the answer that the letter
-- had saved.
create function redrive_letters(
    p_redrive_id text, p_letters uuid[], p_note text, p_daily_limit integer, p_now timestamptz
) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    opened integer;
begin
    perform take_letters_back(p_redrive_id, p_letters, p_note, p_now);
    opened := jsonb_array_length(open_tasks(
        p_redrive_id,
        (
            select jsonb_agg(jsonb_build_object(
                'record_key', m.record_key, 'pn', m.pn, 'manufacturer', m.manufacturer, 'manufacturer_key', m.manufacturer_key,
                'content_hash', m.content_hash, 'source_record', m.source_record, 'route', 'automation', 'priority', m.priority,
                'rule', 'redrive', 'reason', format('Redriven: a dead letter of batch %s (%s).', m.origin_batch_id, m.cause),
                'confidence', 1, 'features', d.features, 'comparisons', '[]'::jsonb
            ) order by m.priority, m.created_at, m.id)
            from manual_tasks as m
            inner join batches as b on b.id = m.origin_batch_id
            inner join decisions as d on d.id = m.decision_id and d.decided_at >= b.created_at
            where m.id = any (p_letters)
        ),
        '[]', p_daily_limit, 1, '{}', 0, (
            select extract(epoch from max(t.reprocess)) from turns as t
            inner join manual_tasks as m using (record_key, content_hash) where m.id = any (p_letters)
        ), true, p_now -- whatever the verdict was: a redrive is a person's word
    ) -> 'automation');
    if opened <> cardinality(p_letters) then
        raise exception 'batch %: % of % dead letters could be opened', p_redrive_id, opened, cardinality(p_letters);
    end if;
    perform inherit_from_letters(p_redrive_id, p_letters, p_now);
end
$$;

-- Gives such dead letters to automation again, as batch `p_redrive_id`: at most `p_limit`, the most urgent first, until
-- the day's quota is used. Their manual tasks end as failed, with a note.
-- A repeated call redrives nothing more and returns the same. Returns {batch_id, redriven, left, daily_limit_reached}.
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
    room integer;
    letters uuid[];
    still integer;
    answer jsonb;
begin
    if not exists (select from batches where id = p_batch_id) then
        raise exception 'no batch %', p_batch_id using errcode = 'PT404';
    end if;

    -- The name is the claim: the same call again waits here for the first one.
    insert into batches (id, trigger, request, created_at) values (p_redrive_id, 'redrive', asked, p_now)
    on conflict (id) do nothing;
    if not found then
        select counts into answer from batches where id = p_redrive_id and trigger = 'redrive' and request = asked;
        if not found then
            raise exception 'batch % is there already, and is no repetition of this redrive', p_redrive_id
                using errcode = 'PT409';
        end if;
        return answer;
    end if;

    -- Both tasks of a letter are locked, and neither is waited for: whoever holds one claims it, hands it over or redrives it.
    select coalesce(array_agg(id order by priority, created_at, id), '{}') into letters
    from (
        select m.id, m.priority, m.created_at
        from manual_tasks as m
        inner join automation_tasks as t on t.id = m.automation_task_id
        where m.id in (select id from letters_to_redrive(p_batch_id, p_cause, p_now))
            and (m.state = 'initialized' or (m.state = 'processing' and m.claimed_until <= p_now))
        order by m.priority, m.created_at, m.id limit p_limit
        for update of t, m skip locked
    ) as chosen;
    room := room_for_letters(letters, p_daily_limit, p_now);

    letters := letters[1:room];
    select count(*) into still from letters_to_redrive(p_batch_id, p_cause, p_now) where id <> all (letters);
    answer := jsonb_build_object(
        'batch_id', p_redrive_id, 'redriven', cardinality(letters), 'left', still,
        'daily_limit_reached', still > 0 and room <= cardinality(letters)
    );
    if letters = '{}' then
        delete from batches where id = p_redrive_id; -- the name stays free
        return answer;
    end if;
    perform redrive_letters(
        p_redrive_id, letters, format('given back to automation by batch %s', p_redrive_id), p_daily_limit, p_now
    );
    update batches set counts = answer, closed_at = p_now where id = p_redrive_id;
    return answer;
end
$$;

select restrict_access();
