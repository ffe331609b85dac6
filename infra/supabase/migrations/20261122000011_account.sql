-- The account's counters: where the records of each batch are, kept by triggers at every write.

create type record_place as enum ('in_flight', 'with_a_person', 'completed', 'failed', 'rejected');

-- The sum over the shards is the batch's; one shard's numbers may be negative. `day` is the UTC day on which the batch began.
create table batch_counts (
    batch_id text not null references batches (id),
    shard smallint not null,
    day date not null,
    in_flight integer not null default 0,
    with_a_person integer not null default 0,
    completed integer not null default 0,
    failed integer not null default 0,
    rejected integer not null default 0,
    primary key (batch_id, shard)
) with (fillfactor = 60); -- room for the next version of a row beside it: no count is in an index
create index batch_counts_by_day on batch_counts (day);

-- Where an automation task puts its record; null when a person has it.
create function automation_place(p_state automation_state, p_hand_over hand_over) returns record_place
language sql immutable set search_path = public, pg_temp
return case
    when p_state = 'completed' then 'completed'
    when p_state <> 'failed' or p_hand_over = 'due' then 'in_flight'
    when p_hand_over = 'off' then 'failed'
end::record_place;

-- Where a manual task puts its record.
create function manual_place(p_state manual_state) returns record_place
language sql immutable set search_path = public, pg_temp
return case p_state when 'completed' then 'completed' when 'failed' then 'failed' else 'with_a_person' end::record_place;

-- Moves records of a batch from one place to another; null is no place. A transaction counts in one shard, and the next one in
-- another, so calls that end tasks of one batch at the same time do not wait for each other, and no two wait crosswise.
create function count_places(p_batch_id text, p_from record_place, p_to record_place, p_records integer) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    own smallint := (pg_current_xact_id()::text::bigint % 8)::smallint;
    moved integer[] := array(
        select p_records * (coalesce(p_to = place, false)::integer - coalesce(p_from = place, false)::integer)
        from unnest(enum_range(null::record_place)) with ordinality as place (place, number) order by number
    );
begin
    update batch_counts
    set in_flight = in_flight + moved[1], with_a_person = with_a_person + moved[2], completed = completed + moved[3],
        failed = failed + moved[4], rejected = rejected + moved[5]
    where batch_id = p_batch_id and shard = own;
    if not found then
        insert into batch_counts as c (batch_id, shard, day, in_flight, with_a_person, completed, failed, rejected)
        select id, own, (created_at at time zone 'UTC')::date, moved[1], moved[2], moved[3], moved[4], moved[5]
        from batches where id = p_batch_id
        on conflict (batch_id, shard) do update
        set in_flight = c.in_flight + moved[1], with_a_person = c.with_a_person + moved[2],
            completed = c.completed + moved[3], failed = c.failed + moved[4], rejected = c.rejected + moved[5];
    end if;
end
$$;

-- Counts opened automation tasks.
create function count_opened_automation() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform count_places(batch_id, null, place, records)
    from (
        select batch_id, automation_place(state, hand_over) as place, count(*)::integer as records
        from added group by 1, 2 order by 1
    ) as opened;
    return null;
end
$$;

create trigger automation_tasks_are_counted after insert on automation_tasks
referencing new table as added for each statement execute function count_opened_automation();

-- Counts an automation task that moves its record. Per row, because most updates move none, and the condition costs them nothing.
create function count_moved_automation() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform count_places(
        new.batch_id, automation_place(old.state, old.hand_over), automation_place(new.state, new.hand_over), 1
    );
    return null;
end
$$;

create trigger automation_task_is_counted after update on automation_tasks
for each row when (
    automation_place(old.state, old.hand_over) is distinct from automation_place(new.state, new.hand_over)
)
execute function count_moved_automation();

-- Counts opened manual tasks, those of dead letters in the batch whose automation failed.
create function count_opened_manual() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform count_places(batch_id, null, place, records)
    from (
        select coalesce(origin_batch_id, batch_id) as batch_id, manual_place(state) as place, count(*)::integer as records
        from added group by 1, 2 order by 1
    ) as opened;
    return null;
end
$$;

create trigger manual_tasks_are_counted after insert on manual_tasks
referencing new table as added for each statement execute function count_opened_manual();

-- Counts manual tasks that move their records; a redrive ends many in one statement.
create function count_moved_manual() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform count_places(batch_id, was, place, records)
    from (
        select
            coalesce(n.origin_batch_id, n.batch_id) as batch_id, manual_place(o.state) as was, manual_place(n.state) as place,
            count(*)::integer as records
        from before as o inner join after as n using (id)
        where manual_place(o.state) <> manual_place(n.state)
        group by 1, 2, 3 order by 1
    ) as moved;
    return null;
end
$$;

create trigger manual_tasks_are_moved after update on manual_tasks
referencing old table as before new table as after for each statement execute function count_moved_manual();

-- Counts rejected rows, which have a decision and no task.
create function count_rejected() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform count_places(batch_id, null, 'rejected', records)
    from (
        select batch_id, count(*)::integer as records from added where route = 'rejected' group by 1 order by 1
    ) as refused;
    return null;
end
$$;

create trigger rejected_rows_are_counted after insert on decisions
referencing new table as added for each statement execute function count_rejected();

-- The two sides of the equation of a batch or a day: `taken`, counted when records are opened, and the places,
-- counted as the tasks move.
create function sides_of(p_batch_id text, p_day date) returns jsonb
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_object(
        'taken', taken.records, 'completed', coalesce(sum(completed), 0),
        'with_a_person', coalesce(sum(with_a_person), 0), 'in_flight', coalesce(sum(in_flight), 0),
        'failed', coalesce(sum(failed), 0), 'rejected', coalesce(sum(rejected), 0)
    )
    from (
        select coalesce(sum(taken), 0) as records from batches
        where id = p_batch_id or (
            created_at >= p_day::timestamp at time zone 'UTC' and created_at < (p_day + 1)::timestamp at time zone 'UTC'
        )
    ) as taken
    left join batch_counts as c on c.batch_id = p_batch_id or c.day = p_day
    group by taken.records
$$;
