-- Lists the functions that a call can name: parameters as JSON, shape of the result, settings for the transaction.
select
    p.proname as name,
    p.provolatile <> 'v' as read_only,
    p.proretset as is_set,
    p.prorettype = 'void'::regtype as is_void,
    t.typtype = 'c' or coalesce(p.proargmodes && '{o,b,t}', false) as is_composite,
    coalesce((
        select jsonb_agg(jsonb_build_object(
            'name', arguments.name,
            'type', format_type(arguments.type, null),
            'optional', arguments.place > p.pronargs - p.pronargdefaults,
            'variadic', arguments.mode = 'v'
        ) order by arguments.place)
        from (
            select
                a.name, a.type, a.mode,
                row_number() over (order by a.place) as place
            from unnest(
                coalesce(p.proargnames, array_fill(''::text, array[p.pronargs])),
                coalesce(p.proallargtypes, p.proargtypes::oid[]),
                coalesce(p.proargmodes, array_fill('i'::"char", array[p.pronargs]))
            ) with ordinality as a (name, type, mode, place)
            where a.mode in ('i', 'b', 'v')
        ) as arguments
    ), '[]') as parameters,
    (
        select split_part(setting, '=', 2) from unnest(p.proconfig) as setting
        where setting like 'statement\_timeout=%'
    ) as statement_timeout
from pg_proc as p
join pg_type as t on t.oid = p.prorettype
where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
    and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype);
