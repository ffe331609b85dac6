-- The sequence guard: one call says whether a stage may begin.

-- `p_before` is the stage that comes before in the cycle, due at `p_before_due`; null for the first, and `p_before_due` is null
-- for a cycle that no schedule fired. `outcome` is
--   run    it has begun: `tries` counts its beginnings in this cycle
--   ran    it finished in this cycle before; `result` is what it answered
--   busy   it runs under a live lease until `until`, in this cycle or another
--   wait   the stage before it runs, or has not begun within its grace; look again after `retry_after` seconds
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
    own stage_runs;
    live stage_runs;
    before stage_runs;
begin
    perform pg_advisory_xact_lock(hashtextextended('stage ' || p_stage, 0));
    select * into own from stage_runs where cycle = p_cycle and stage = p_stage;
    if own.state = 'finished' then
        return jsonb_build_object('outcome', 'ran', 'result', own.result, 'ended_at', own.ended_at);
    end if;
    select * into live from stage_runs where stage = p_stage and state = 'running' and lease_until > p_now;
    if found then
        if live.owner = p_owner then -- the same call again, because its answer was lost
            return jsonb_build_object('outcome', 'run', 'tries', live.tries, 'out_of_order', live.out_of_order);
        end if;
        return jsonb_build_object('outcome', 'busy', 'cycle', live.cycle, 'until', live.lease_until);
    end if;
    if p_before is not null then
        select * into before from stage_runs where cycle = p_cycle and stage = p_before;
        if before.state = 'running' and before.lease_until > p_now then
            return jsonb_build_object('outcome', 'wait', 'before', p_before, 'retry_after', 10);
        end if;
        if before.id is null and p_before_due + make_interval(secs => p_grace_seconds) > p_now then
            return jsonb_build_object('outcome', 'wait', 'before', p_before, 'retry_after', greatest(1, least(
                60, extract(epoch from p_before_due + make_interval(secs => p_grace_seconds) - p_now)
            )));
        end if;
    end if;
    update stage_runs
    set state = 'failed', lease_until = null, ended_at = p_now, result = '{"error": "its lease ran out"}'
    where stage = p_stage and state = 'running';
    insert into stage_runs as r (cycle, stage, trigger, owner, lease_until, out_of_order, begun_at)
    values (
        p_cycle, p_stage, p_trigger, p_owner, p_now + make_interval(secs => p_lease_seconds),
        p_before is not null and before.state is distinct from 'finished', p_now
    )
    on conflict (cycle, stage) do update
    set state = 'running', trigger = excluded.trigger, owner = excluded.owner, lease_until = excluded.lease_until,
        out_of_order = excluded.out_of_order, tries = r.tries + 1, result = null, begun_at = excluded.begun_at, ended_at = null
    returning * into own;
    return jsonb_build_object('outcome', 'run', 'tries', own.tries, 'out_of_order', own.out_of_order);
end
$$;

-- False: the lease ran out and the stage may have begun elsewhere; what still runs must stop.
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
    return found;
end
$$;

-- The last runs of every stage, the latest first.
create function recent_stage_runs(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(r) - 'owner' order by r.begun_at desc, r.stage), '[]')
    from (select * from stage_runs order by begun_at desc limit p_limit) as r
);
