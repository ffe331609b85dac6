-- Access, for enrichment and fulfillment: the service role alone may write, and nobody rewrites history.

-- Gives only the service role rights on a table or a view. Row level security is on without a policy, so no other role sees
-- a row.
create function restrict_table(p_name text, p_is_table boolean default true) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    if p_is_table then
        execute format('alter table public.%I enable row level security', p_name);
    end if;
    execute format('revoke all on public.%I from public, anon, authenticated, service_role', p_name);
    execute format('grant select, insert, update, delete on public.%I to service_role', p_name);
end
$$;

-- The same for every table, view, sequence and function. Each migration that adds one of them ends with a call.
create function restrict_access() returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    item record;
begin
    perform restrict_table(tablename) from pg_tables where schemaname = 'public';
    perform restrict_table(viewname, false) from pg_views where schemaname = 'public';
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
