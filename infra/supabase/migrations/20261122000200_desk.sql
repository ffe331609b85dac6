-- Who may do what at the desk, and what people did there.

create type desk_role as enum ('viewer', 'reviewer', 'operator');

create table desk_people (
    person text primary key check (person = lower(person) and btrim(person) <> ''),
    role desk_role not null,
    by text not null,
    at timestamptz not null
);

-- Append-only. What an action changed stands in the trail of the task or order.
create table desk_actions (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    person text not null,
    role desk_role not null,
    action text not null,
    subject text not null,
    note text
);
create index desk_actions_by_person on desk_actions (person, id);

create trigger desk_actions_append_only before update or delete on desk_actions
for each row execute function refuse_rewriting();
create trigger desk_actions_are_kept before truncate on desk_actions
for each statement execute function refuse_rewriting();

-- `role` is null for a person who has none.
create function desk_role_of(p_person text) returns jsonb
language sql stable set search_path = public, pg_temp
return jsonb_build_object('role', (select role from desk_people where person = p_person));

-- Adds an action to the log.
create function note_desk_action(
    p_person text, p_role text, p_action text, p_subject text, p_note text, p_now timestamptz default clock_timestamp()
) returns void
language sql set search_path = public, pg_temp
begin atomic
    insert into desk_actions (at, person, role, action, subject, note)
    values (p_now, p_person, p_role::desk_role, p_action, p_subject, p_note);
end;

-- All people, and the latest actions.
create function desk_people_and_actions(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return jsonb_build_object(
    'people', (
        select coalesce(jsonb_agg(jsonb_build_object('person', person, 'role', role, 'by', by, 'at', at) order by person), '[]')
        from desk_people
    ),
    'actions', (
        select coalesce(jsonb_agg(to_jsonb(latest) - 'id' order by latest.id desc), '[]')
        from (select * from desk_actions order by id desc limit p_limit) as latest
    )
);

-- Gives a role; null takes it away.
create function set_desk_role(
    p_person text, p_role text, p_by text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
begin
    if p_role is null then
        delete from desk_people where person = p_person;
    else
        insert into desk_people (person, role, by, at) values (p_person, p_role::desk_role, p_by, p_now)
        on conflict (person) do update set role = excluded.role, by = excluded.by, at = excluded.at
        where desk_people.role <> excluded.role;
    end if;
    return desk_people_and_actions(0);
end
$$;

-- Codes tried for an address since a moment, so that nobody can try them all.
create table desk_code_tries (
    person text primary key,
    tries integer not null,
    since timestamptz not null
);

-- Counts one try; false when there were more than p_most within p_within. A repeated call counts twice, which only ends sooner.
create function count_desk_code_try(
    p_person text, p_most integer, p_within interval, p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql set search_path = public, pg_temp as $$
declare
    v_tries integer;
begin
    insert into desk_code_tries as tried (person, tries, since) values (p_person, 1, p_now)
    on conflict (person) do update set
        tries = case when tried.since + p_within <= p_now then 1 else tried.tries + 1 end,
        since = case when tried.since + p_within <= p_now then p_now else tried.since end
    returning tries into v_tries;
    delete from desk_code_tries where person in (
        select person from desk_code_tries where since + p_within <= p_now limit 100 for update skip locked
    );
    return v_tries <= p_most;
end
$$;

select restrict_access();
