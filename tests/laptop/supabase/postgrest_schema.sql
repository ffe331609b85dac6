-- The schema for the tests of the REST server: one of each kind of function, relation and right.
create type colour as enum ('red', 'green');

create table parts (
    id integer primary key,
    name text not null unique,
    price numeric,
    tags text[] not null default '{}',
    active boolean,
    made_at timestamptz
);

create table prices (part_id integer not null references parts (id) deferrable initially deferred, price numeric check (price > 0));

create view cheap_parts as select id, name from parts where price < 10;

create table secrets (owner text, content text);

alter table secrets enable row level security;

create policy own_secrets on secrets for select to authenticated
using (owner = current_setting('request.jwt.claims')::jsonb ->> 'sub');

insert into secrets values ('ann', 'of ann'), ('bob', 'of bob');

insert into parts values
    (1, 'bolt', 0.10, '{steel,m4}', true, '2026-01-02T03:04:05Z'),
    (2, 'nut, "hex"', 12.5, '{}', false, null),
    (3, 'washer', null, '{}', null, null);

create function add(a integer, b integer default 10) returns integer language sql immutable return a + b;

create function echo(
    a_text text, a_number numeric, a_uuid uuid, a_time timestamptz, a_flag boolean, a_json jsonb, a_list integer[], a_colour colour
) returns jsonb language sql immutable
return jsonb_build_object(
    'text', a_text, 'number', a_number, 'uuid', a_uuid, 'time', a_time, 'flag', a_flag, 'json', a_json, 'list', a_list,
    'colour', a_colour
);

create function total(variadic numbers integer[]) returns bigint language sql immutable
return (select sum(n) from unnest(numbers) as n);

create function nothing() returns void language sql as 'select 1';

create function no_value() returns text language sql immutable return null;

create function numbers(upto integer) returns setof integer language sql stable as 'select generate_series(1, upto)';

create function part(wanted integer) returns parts language sql stable as 'select * from parts where id = wanted';

create function all_parts() returns setof parts language sql stable as 'select * from parts order by id';

create function names() returns table (id integer, name text) language sql stable as 'select id, name from parts order by id';

create function bounds(out low integer, out high integer) language sql immutable as 'select 1, 9';

create function one_out(out low integer) language sql immutable as 'select 1';

create function one_inout(inout low integer) language sql immutable as 'select low + 1';

create function one_column() returns table (low integer) language sql immutable as 'select generate_series(1, 2)';

create function unnamed(json) returns json language sql immutable as 'select $1';

create function twice(value integer) returns integer language sql immutable return value * 2;

create function twice(value text) returns text language sql immutable return value || value;

create function "Quoted Name"("The Value" text) returns text language sql immutable return "The Value";

create function store(p_id integer, p_name text) returns integer language sql as
'insert into parts (id, name) values (p_id, p_name) returning id';

create function price_part(p_part integer, p_price numeric) returns void language sql as
'insert into prices values (p_part, p_price)';

create function writes_though_stable() returns integer language sql stable as
'insert into parts (id, name) values (99, ''x'') returning id';

create function refuse(state text, message text) returns void language plpgsql as $$
begin
    raise exception using errcode = state, message = message, detail = 'the detail', hint = 'the hint';
end
$$;

create function answer(message text, detail text) returns void language plpgsql as $$
begin
    raise sqlstate 'PGRST' using message = message, detail = detail;
end
$$;

create function set_status() returns text language sql as
'insert into parts (id, name) values (100, ''kept''); select set_config(''response.status'', ''418'', true)';

create function set_headers() returns text language sql as
'insert into parts (id, name) values (100, ''kept''); select set_config(''response.headers'', ''[{"X-Test": "1"}]'', true)';

create function facts() returns jsonb language sql stable return jsonb_build_object(
    'user', current_user,
    'claims', current_setting('request.jwt.claims')::jsonb,
    'method', current_setting('request.method'),
    'path', current_setting('request.path'),
    'agent', current_setting('request.headers')::jsonb ->> 'x-client-info',
    'search_path', current_setting('search_path'),
    'statement_timeout', current_setting('statement_timeout')
);

create function patient_facts() returns text language plpgsql stable set statement_timeout = '77s' as $$
begin
    return current_setting('statement_timeout');
end
$$;

create function wait(seconds double precision) returns void language sql as 'select pg_sleep(seconds)';

create function hurried_wait(seconds double precision) returns void language sql set statement_timeout = '50ms' as
'select pg_sleep(seconds)';

create function end_own_connection() returns boolean language sql security definer as
'select pg_terminate_backend(pg_backend_pid())';

-- In PL/pgSQL: Postgres checks the right to an SQL function that it inlines only when it plans, not at each call.
create function for_service_only() returns integer language plpgsql stable as 'begin return 1; end';

revoke execute on function for_service_only from public, anon, authenticated;
