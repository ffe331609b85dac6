-- The sequence guard: one call decides whether a stage may begin.

-- The stage's open breaker, or null.
create function breaker_of(p_stage text) returns jsonb
language sql stable set search_path = public, pg_temp
return (select to_jsonb(b) from breakers as b where b.stage = p_stage);

-- `p_before` is the stage before in the cycle, due at `p_before_due`; null for the first. `p_before_due` is null for a cycle that
-- no schedule fired. `p_owner` is unique to this call. `outcome` is
--   run    the stage has begun: `tries` counts its beginnings in this cycle
--   ran    it has finished in this cycle; `result` was its answer
--   busy   it runs under a live lease until `until`, in this cycle or another
--   wait   the stage before it runs, or has not begun within its grace; look again after `retry_after` seconds
-- Raises PT409 for a repeated call whose run has ended.
create function begin_stage(
    p_cycle text,
    p_stage text,
    p_owner uuid,
    p_trigger text,
    p_lease_seconds double precision,
    p_before text,
    p_before_due timestamptz,
    p_grace_seconds double precision,
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    lease_end constant timestamptz := p_now + make_interval(secs => p_lease_seconds);
    grace_end constant timestamptz := p_before_due + make_interval(secs => p_grace_seconds);
    own stage_runs;
    live stage_runs;
    before stage_runs;
begin
    perform pg_advisory_xact_lock(hashtextextended('stage ' || p_stage, 0));
    -- locked, so that a run that renews or ends right now is judged after that
    select * into live from stage_runs where stage = p_stage and state = 'running' for no key update;
    select * into own from stage_runs where cycle = p_cycle and stage = p_stage;
    if own.owner = p_owner then -- the same call again, because its answer was lost
        if own.state <> 'running' then
            raise exception 'this run of % in cycle % has ended', p_stage, p_cycle using errcode = 'PT409';
        end if;
        update stage_runs set lease_until = lease_end where id = own.id;
        return jsonb_build_object(
            'outcome', 'run', 'tries', own.tries, 'out_of_order', own.out_of_order, 'breaker', breaker_of(p_stage)
        );
    end if;
    if own.state = 'finished' then
        return jsonb_build_object('outcome', 'ran', 'result', own.result, 'ended_at', own.ended_at);
    end if;
    if live.lease_until > p_now then
        return jsonb_build_object('outcome', 'busy', 'cycle', live.cycle, 'until', live.lease_until);
    end if;
    if p_before is not null then
        select * into before from stage_runs where cycle = p_cycle and stage = p_before;
        if before.state = 'running' and before.lease_until > p_now then
            return jsonb_build_object('outcome', 'wait', 'before', p_before, 'retry_after', 10);
        end if;
        if before.id is null and grace_end > p_now then
            return jsonb_build_object(
                'outcome', 'wait', 'before', p_before,
                'retry_after', greatest(1, least(60, extract(epoch from grace_end - p_now)))
            );
        end if;
    end if;
    update stage_runs
    set state = 'failed', lease_until = null, ended_at = p_now, result = '{"error": "its lease ran out"}'
    where id = live.id;
    insert into stage_runs as r (cycle, stage, trigger, owner, lease_until, out_of_order, begun_at)
    values (
        p_cycle, p_stage, p_trigger, p_owner, lease_end,
        p_before is not null and before.state is distinct from 'finished', p_now
    )
    on conflict (cycle, stage) do update
    set state = 'running', trigger = excluded.trigger, owner = excluded.owner, lease_until = excluded.lease_until,
        out_of_order = excluded.out_of_order, tries = r.tries + 1, result = null, begun_at = excluded.begun_at, ended_at = null
    returning * into own;
    return jsonb_build_object(
        'outcome', 'run', 'tries', own.tries, 'out_of_order', own.out_of_order, 'breaker', breaker_of(p_stage)
    );
end
$$;

-- Renews the lease. False: it ran out and another run has begun, so this one must stop.
create function renew_stage(
    p_cycle text, p_stage text, p_owner uuid, p_lease_seconds double precision, p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
begin
    update stage_runs set lease_until = p_now + make_interval(secs => p_lease_seconds)
    where cycle = p_cycle and stage = p_stage and owner = p_owner and state = 'running';
    return found;
end
$$;

-- Ends the run with the function's answer. `p_fault` is {cause, reason, hold_seconds} when a vendor or our account stopped it: it
-- opens the stage's breaker, or notes a further try that failed; a run that finished without one closes the breaker. False:
-- another run has the stage.
create function end_stage(
    p_cycle text, p_stage text, p_owner uuid, p_finished boolean, p_result jsonb, p_fault jsonb default null,
    p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
begin
    update stage_runs
    set state = case when p_finished then 'finished' else 'failed' end::stage_state, lease_until = null, ended_at = p_now,
        result = p_result
    where cycle = p_cycle and stage = p_stage and owner = p_owner and state = 'running';
    if not found then
        return exists (
            select from stage_runs
            where cycle = p_cycle and stage = p_stage and owner = p_owner and state <> 'running' and result = p_result
        );
    end if;
    if jsonb_typeof(p_fault) = 'object' then
        insert into breakers as b (stage, cause, reason, opened_at, tried_at, retry_at)
        select p_stage, f.cause, f.reason, p_now, p_now, p_now + make_interval(secs => f.hold_seconds)
        from jsonb_to_record(p_fault) as f (cause text, reason text, hold_seconds double precision)
        on conflict (stage) do update
        set cause = excluded.cause, reason = excluded.reason, tried_at = p_now, tries = b.tries + 1, retry_at = excluded.retry_at;
    elsif p_finished then
        delete from breakers where stage = p_stage;
    end if;
    return true;
end
$$;
