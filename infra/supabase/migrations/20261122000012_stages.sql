-- The sequence guard: one call says whether a stage may begin.

-- `p_before` is the stage that comes before in the cycle, due at `p_before_due`; null for the first, and `p_before_due` is null
-- for a cycle that no schedule fired. `p_owner` is made for this one call. `outcome` is
--   run    it has begun: `tries` counts its beginnings in this cycle
--   ran    it finished in this cycle before; `result` is what it answered
--   busy   it runs under a live lease until `until`, in this cycle or another
--   wait   the stage before it runs, or has not begun within its grace; look again after `retry_after` seconds
-- Raises PT409 when a call comes again whose run has ended.
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
    -- locked, so that a run that renews or ends right now has done so before it is judged
    select * into live from stage_runs where stage = p_stage and state = 'running' for no key update;
    select * into own from stage_runs where cycle = p_cycle and stage = p_stage;
    if own.owner = p_owner then -- the same call again, because its answer was lost
        if own.state <> 'running' then
            raise exception 'this run of % in cycle % has ended', p_stage, p_cycle using errcode = 'PT409';
        end if;
        update stage_runs set lease_until = lease_end where id = own.id;
        return jsonb_build_object('outcome', 'run', 'tries', own.tries, 'out_of_order', own.out_of_order);
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
    return jsonb_build_object('outcome', 'run', 'tries', own.tries, 'out_of_order', own.out_of_order);
end
$$;

-- False: the lease ran out and the stage has begun elsewhere; what still runs must stop.
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

-- What became of the run, with the function's answer. False: somebody else has taken the stage over.
create function end_stage(
    p_cycle text, p_stage text, p_owner uuid, p_finished boolean, p_result jsonb,
    p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
begin
    update stage_runs
    set state = case when p_finished then 'finished' else 'failed' end::stage_state, lease_until = null, ended_at = p_now,
        result = p_result
    where cycle = p_cycle and stage = p_stage and owner = p_owner and state = 'running';
    return found or exists (
        select from stage_runs
        where cycle = p_cycle and stage = p_stage and owner = p_owner and state <> 'running' and result = p_result
    );
end
$$;
