-- Makes what a Supabase project holds before the first migration: the API's roles, their rights, the schema `extensions`.
-- Safe to run again, and on any Postgres 15 or newer. A blank line ends a statement here: single-user mode needs it.

do $$
begin
    if not exists (select from pg_roles where rolname = 'anon') then
        create role anon nologin noinherit;
    end if;
    if not exists (select from pg_roles where rolname = 'authenticated') then
        create role authenticated nologin noinherit;
    end if;
    if not exists (select from pg_roles where rolname = 'service_role') then
        create role service_role nologin noinherit bypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'authenticator') then
        create role authenticator login noinherit password 'postgres';
    end if;
end
$$;

grant anon, authenticated, service_role to authenticator;

alter role anon set statement_timeout = '3s';

alter role authenticated set statement_timeout = '8s';

alter role authenticator set statement_timeout = '8s';

alter role authenticator set lock_timeout = '8s';

create schema if not exists extensions;

grant usage on schema public, extensions to anon, authenticated, service_role;

-- Supabase gives the API's roles everything that is created in `public`: row level security and revokes restrict access.
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;

alter default privileges in schema public grant all on functions to anon, authenticated, service_role;

alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
