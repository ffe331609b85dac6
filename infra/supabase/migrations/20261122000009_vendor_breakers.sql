-- One breaker per vendor, shared by all workers: a fault of the vendor's, or of our account with it, spends nobody's attempts.
-- While the breaker is open, one probe after another finds out whether the vendor answers, and all others wait. The table is in
-- 20261122000001.

-- Spreads what waits over the first tenth of the pause, so that it does not come back in one moment. `id` is random.
create function place_in_line(p_task_id uuid, p_backoff_seconds double precision) returns interval
language sql immutable set search_path = public, pg_temp
return make_interval(secs => p_backoff_seconds / 10 * ('x' || left(p_task_id::text, 4))::bit(16)::integer / 65536);

-- Whether a claim may call the vendor: null, or until when its task has to wait. While the breaker is open, the claim that
-- comes first after `until` is the probe; the others wait for what it finds out.
create function admit_call(
    p_vendor text, p_task_id uuid, p_owner uuid, p_lease_seconds double precision, p_now timestamptz
) returns timestamptz
language plpgsql set search_path = public, pg_temp as $$
declare
    breaker vendor_breakers;
begin
    select * into breaker from vendor_breakers where vendor = p_vendor;
    if breaker.cause is null then
        return null;
    end if;
    if breaker.until <= p_now then
        select * into breaker from vendor_breakers where vendor = p_vendor for update;
        if breaker.cause is null then
            return null;
        end if;
        if breaker.until <= p_now and coalesce(breaker.probe_until <= p_now, true) then
            update vendor_breakers set probe_owner = p_owner, probe_until = p_now + make_interval(secs => p_lease_seconds)
            where vendor = p_vendor;
            return null;
        end if;
    end if;
    -- a probe takes some seconds
    return greatest(breaker.until, p_now + least(make_interval(secs => breaker.backoff_seconds), interval '10 seconds'))
        + place_in_line(p_task_id, breaker.backoff_seconds);
end
$$;

-- The vendor has answered something about a part: the failures before it were not its outage. Of the calls made while the
-- breaker is open only the probe's answer closes it, because the others began before.
create function vendor_answered(p_vendor text, p_owner uuid, p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    breaker vendor_breakers;
begin
    select * into breaker from vendor_breakers where vendor = p_vendor;
    if breaker.cause is null and breaker.failing <> '{}' then
        update vendor_breakers set failing = '{}' where vendor = p_vendor and cause is null;
    elsif breaker.probe_owner = p_owner then
        update vendor_breakers
        set cause = null, until = null, backoff_seconds = 0, probe_owner = null, probe_until = null, failing = '{}',
            closed_at = p_now, closed_by = 'probe', note = null
        where vendor = p_vendor and probe_owner = p_owner;
    end if;
end
$$;

-- Lets the next claim be the probe, if this owner was it.
create function free_probe(p_owner uuid) returns void
language sql set search_path = public, pg_temp
begin atomic
    update vendor_breakers set probe_owner = null, probe_until = null where probe_owner = p_owner;
end;

-- Gives a task back the attempts that it spent before it was clear that the vendor fails everybody.
create function give_back_owed(p_vendor text, p_task_id uuid) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    breaker vendor_breakers;
begin
    if not exists (select from vendor_breakers where vendor = p_vendor and owed ? p_task_id::text) then
        return false;
    end if;
    select * into breaker from vendor_breakers where vendor = p_vendor for update;
    update automation_tasks
    set attempts = greatest(attempts - (breaker.owed ->> p_task_id::text)::integer, 0),
        outages = outages + (outage_at is distinct from breaker.opened_at)::integer, outage_at = breaker.opened_at
    where id = p_task_id and breaker.owed ? p_task_id::text;
    update vendor_breakers set owed = owed - p_task_id::text where vendor = p_vendor;
    return true;
end
$$;

-- Opens a breaker, or prolongs its pause: until `p_until`, or doubled when its probe has failed for the same cause. `p_owed` is
-- {task: attempts}.
create function open_breaker(
    breaker vendor_breakers,
    p_cause pause_cause,
    p_reason text,
    p_until timestamptz,
    p_owed jsonb,
    p_first_seconds double precision,
    p_longest_seconds double precision,
    p_now timestamptz
) returns vendor_breakers
language plpgsql set search_path = public, pg_temp as $$
declare
    pause double precision := case
        when breaker.cause = p_cause and p_until is null
            then least(greatest(2 * breaker.backoff_seconds, p_first_seconds), p_longest_seconds)
        else p_first_seconds
    end;
begin
    update vendor_breakers
    set cause = p_cause, reason = p_reason, opened_at = case when cause is null then p_now else opened_at end,
        until = greatest(coalesce(p_until, p_now + make_interval(secs => pause)), p_now), backoff_seconds = pause,
        probe_owner = null, probe_until = null, failing = '{}',
        owed = p_owed || coalesce((
            select jsonb_object_agg(o.key, o.value) from jsonb_each(owed) as o
            inner join automation_tasks as t on t.id = o.key::uuid
            where t.state not in ('completed', 'failed')
        ), '{}')
    where vendor = breaker.vendor
    returning * into breaker;
    return breaker;
end
$$;

-- What a failure that is not the record's does to the breaker, whose row is locked. Returns the open breaker behind which the
-- task waits, or null: the failure stands, and costs the task an attempt.
--   daily_limit, account  open it at once
--   down                  opens it with the third task that fails without an answer in between, and what they spent is owed to
--                         them: so a record that makes the vendor fail never opens it alone
-- A failure stands when the task was given back in three outages already, since the vendor answered others after each of them;
-- and when the vendor is down for more than a day, so that nothing waits for ever.
create function strike_vendor(
    task automation_tasks,
    p_owner uuid,
    p_cause pause_cause,
    p_reason text,
    p_until timestamptz,
    p_first_seconds double precision,
    p_longest_seconds double precision,
    p_now timestamptz
) returns vendor_breakers
language plpgsql set search_path = public, pg_temp as $$
declare
    breaker vendor_breakers;
    struck jsonb; -- the failing tasks with this one
begin
    insert into vendor_breakers (vendor) values (task.asks) on conflict do nothing;
    select * into breaker from vendor_breakers where vendor = task.asks for update;
    if p_cause <> 'daily_limit' and task.outages >= 3 and (breaker.cause is null or task.outage_at <> breaker.opened_at) then
        perform free_probe(p_owner);
        return null;
    end if;
    if p_cause = 'down' and breaker.cause is null then
        struck := breaker.failing || jsonb_build_object(
            task.id, coalesce(breaker.failing -> task.id::text, '[]') - p_owner::text || to_jsonb(p_owner)
        );
        if (select count(*) from jsonb_object_keys(struck)) < 3 then
            update vendor_breakers set failing = struck where vendor = task.asks;
            return null;
        end if;
        return open_breaker(
            breaker, p_cause, p_reason, p_until,
            (
                select jsonb_object_agg(key, owners) filter (where owners > 0)
                from (
                    select key, jsonb_array_length(value - p_owner::text) as owners from jsonb_each(struck)
                ) as counted
            ),
            p_first_seconds, p_longest_seconds, p_now
        );
    end if;
    if breaker.cause is null or breaker.probe_owner = p_owner
        or breaker.cause = 'down' and p_cause <> 'down' or coalesce(p_until > breaker.until, false)
    then
        breaker := open_breaker(
            breaker, p_cause, p_reason, p_until, '{}', p_first_seconds, p_longest_seconds, p_now
        );
    end if; -- else the call began before the breaker opened, and says nothing new
    if p_cause = 'down' and breaker.opened_at < p_now - interval '1 day' then
        return null;
    end if;
    return breaker;
end
$$;

-- Notes a failure that is the vendor's or our own fault. Returns {outcome, generation, not_before}; `outcome` is
--   waits     the attempt is given back, and the task waits as this generation of its queue task until `not_before`
--   stands    the owner still holds the task, and goes on as with any failure
--   moved_on  the task has gone on without this owner
create function note_vendor_failure(
    p_task_id uuid,
    p_owner uuid,
    p_cause pause_cause,
    p_category error_category,
    p_message text,
    p_answer jsonb,
    p_until timestamptz,
    p_first_seconds double precision,
    p_longest_seconds double precision,
    p_grace_seconds double precision,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    task automation_tasks;
    breaker vendor_breakers;
    probing boolean;
begin
    select * into task from automation_tasks where id = p_task_id for update;
    if was_released_by(p_task_id, p_owner) then
        return jsonb_build_object('outcome', 'waits', 'generation', task.generation, 'not_before', task.not_before);
    end if;
    if task.lease_owner is distinct from p_owner or task.state <> 'processing' then
        return jsonb_build_object('outcome', 'moved_on');
    end if;
    probing := exists (select from vendor_breakers where probe_owner = p_owner);
    breaker := strike_vendor(
        task, p_owner, p_cause, p_message, p_until, p_first_seconds, p_longest_seconds, p_now
    );
    if breaker.vendor is null then
        return jsonb_build_object('outcome', 'stands');
    end if;
    if p_cause <> 'daily_limit' then -- no record can be the cause of that
        update automation_tasks
        set outages = outages + (outage_at is distinct from breaker.opened_at)::integer, outage_at = breaker.opened_at
        where id = p_task_id;
    end if;
    update automation_tasks
    set generation = generation + 1, attempts = attempts - attempt_counted::integer, attempt_counted = false,
        released_by = p_owner, enqueued_at = null, lease_owner = null, lease_until = null, error_category = p_category,
        error_message = p_message, error_answer = coalesce(p_answer, error_answer),
        -- a failed probe waits behind all others, so that a record at which the vendor fails is not the next one too
        not_before = breaker.until + case
            when p_cause = 'daily_limit' then interval '0'
            when probing then make_interval(secs => breaker.backoff_seconds / 5)
            else place_in_line(id, breaker.backoff_seconds)
        end,
        sweep_after = p_now + make_interval(secs => p_grace_seconds), updated_at = p_now
    where id = p_task_id
    returning * into task;
    return jsonb_build_object('outcome', 'waits', 'generation', task.generation, 'not_before', task.not_before);
end
$$;

-- A breaker for people; `waiting` counts the records that wait for the vendor. Null for an unknown vendor.
create function vendor_view(p_vendor text, p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select jsonb_build_object(
        'vendor', vendor, 'state', case when cause is null then 'closed' else 'open' end, 'cause', cause, 'reason', reason,
        'opened_at', opened_at, 'until', until, 'closed_at', closed_at, 'closed_by', closed_by, 'note', note,
        'waiting', (
            select count(*) from automation_tasks
            where not_before > p_now and asks = vendor and state not in ('completed', 'failed')
        )
    )
    from vendor_breakers where vendor = p_vendor
);

-- The breakers of all vendors that ever failed.
create function vendors(p_now timestamptz default clock_timestamp()) returns jsonb
language sql stable set search_path = public, pg_temp
return (select coalesce(jsonb_agg(vendor_view(vendor, p_now) order by vendor), '[]') from vendor_breakers);

-- Closes a breaker for a person, and makes what waits for it due: the sweep puts it into the queue. A breaker that is closed
-- stays as it is; what still waits, because a claim met the breaker at that moment, is made due all the same.
create function resume_vendor(
    p_vendor text, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    waiting uuid[];
begin
    if not exists (select from vendor_breakers where vendor = p_vendor) then
        raise exception 'no breaker of a vendor %', p_vendor using errcode = 'PT404';
    end if;
    select array_agg(id) into waiting
    from (
        select id from automation_tasks
        where not_before > p_now and asks = p_vendor and state not in ('completed', 'failed')
        order by id for update
    ) as held;
    update automation_tasks
    set generation = generation + 1, enqueued_at = null, not_before = null, sweep_after = p_now, updated_at = p_now
    where id = any (waiting) and not_before > p_now;
    update vendor_breakers
    set cause = null, until = null, backoff_seconds = 0, probe_owner = null, probe_until = null, failing = '{}',
        closed_at = p_now, closed_by = p_by, note = p_note
    where vendor = p_vendor and cause is not null;
    return vendor_view(p_vendor, p_now);
end
$$;

select restrict_access();
