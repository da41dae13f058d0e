create or replace function tandem._unpinned(p_table regclass) returns table (function_name text)
language sql stable
set search_path = pg_catalog, pg_temp
as $_unpinned$
    with places (class, object) as (
        select 'pg_catalog.pg_attrdef'::regclass, d.oid
        from pg_catalog.pg_attrdef as d where d.adrelid = p_table
        union all
        select 'pg_catalog.pg_class'::regclass, i.indexrelid
        from pg_catalog.pg_index as i where i.indrelid = p_table
        union all
        select 'pg_catalog.pg_constraint'::regclass, c.oid
        from pg_catalog.pg_constraint as c
        where c.conrelid = p_table or c.contypid in (
            select a.atttypid from pg_catalog.pg_attribute as a where a.attrelid = p_table
        )
        union all
        select 'pg_catalog.pg_type'::regclass, a.atttypid
        from pg_catalog.pg_attribute as a
        where a.attrelid = p_table and not a.attisdropped
    )

    select distinct p.oid::regprocedure::text
    from places as o
    join pg_catalog.pg_depend as d on d.classid = o.class and d.objid = o.object
    left join pg_catalog.pg_operator as x
        on d.refclassid = 'pg_catalog.pg_operator'::regclass and x.oid = d.refobjid
    join pg_catalog.pg_proc as p on p.oid = case d.refclassid
        when 'pg_catalog.pg_proc'::regclass then d.refobjid else x.oprcode end
    join pg_catalog.pg_language as l on l.oid = p.prolang
    where l.lanname not in ('c', 'internal') and p.prosqlbody is null
        and p.pronamespace not in ('pg_catalog'::regnamespace, 'tandem'::regnamespace)
        and not exists (
            select from pg_catalog.unnest(p.proconfig) as c (setting)
            where c.setting like 'search_path=%'
        )
$_unpinned$;

comment on function tandem._unpinned(regclass) is
'The functions behind defaults, generated columns, CHECKs, indexes and domains of a table that '
'have no search_path of their own.';
