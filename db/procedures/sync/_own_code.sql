create or replace function tandem._own_code(p_table regclass, p_function regprocedure)
returns table (function_name text, is_trigger boolean, path text)
language sql stable
set search_path = pg_catalog, pg_temp
as $_own_code$
    select
        p.oid::regprocedure::text, p.prorettype = 'trigger'::regtype,
        (
            select pg_catalog.substring(c.setting, '^search_path=(.*)')
            from pg_catalog.unnest(p.proconfig) as c (setting)
            where c.setting like 'search_path=%'
        )
    from tandem._behind(p_table, p_function) as o
    join pg_catalog.pg_proc as p on p.oid = o.object
    join pg_catalog.pg_language as l on l.oid = p.prolang
    where o.class = 'pg_catalog.pg_proc'::regclass
        and l.lanname not in ('c', 'internal') and p.prosqlbody is null
        and p.pronamespace not in ('pg_catalog'::regnamespace, 'tandem'::regnamespace)
$_own_code$;

comment on function tandem._own_code(regclass, regprocedure) is
'The shop''s own functions that a write to a table runs, as its owner where the sync writes. '
'p_function: one that is called, too; path: the search_path of its own (null: none).';
