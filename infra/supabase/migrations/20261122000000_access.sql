-- Access, for enrichment and fulfillment: the service role alone may write, and nobody rewrites history.

-- Gives only the service role rights on every table, sequence and function. Row level security is on without a policy, so no
-- other role sees a row. Each migration that adds a table or a function ends with a call.
create function restrict_access() returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    item record;
begin
    for item in select tablename as name from pg_tables where schemaname = 'public' loop
        execute format('alter table public.%I enable row level security', item.name);
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', item.name);
        execute format('grant select, insert, update, delete on public.%I to service_role', item.name);
    end loop;
    for item in
        select p.oid::regprocedure as signature from pg_proc as p
        where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
            and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
    loop
        execute format('revoke execute on function %s from public, anon, authenticated', item.signature);
        execute format('grant execute on function %s to service_role', item.signature);
    end loop;
    revoke all on all sequences in schema public from public, anon, authenticated, service_role;
    grant usage on all sequences in schema public to service_role;
    grant usage on schema public to service_role;
end
$$;

-- The trigger of append-only tables.
create function refuse_rewriting() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
