create or replace function tandem._own_code(p_table regclass)
returns table (function_name text, is_trigger boolean, path text)
language sql stable
set search_path = pg_catalog, pg_temp
as $_own_code$
    with recursive steps (class, object, to_class, to_object) as (
        select d.classid, d.objid, d.refclassid, d.refobjid
        from pg_catalog.pg_depend as d
        where d.refclassid in (
            'pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass,
            'pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_type'::regclass
        )
        union all
        select 'pg_catalog.pg_operator'::regclass, o.oid, 'pg_catalog.pg_proc'::regclass, o.oprcode
        from pg_catalog.pg_operator as o
        union all
        select 'pg_catalog.pg_opclass'::regclass, c.oid, 'pg_catalog.pg_proc'::regclass, a.amproc
        from pg_catalog.pg_opclass as c
        join pg_catalog.pg_amproc as a on a.amprocfamily = c.opcfamily
        union all
        select
            'pg_catalog.pg_type'::regclass, c.contypid, 'pg_catalog.pg_constraint'::regclass, c.oid
        from pg_catalog.pg_constraint as c where c.contypid <> 0
        union all
        select 'pg_catalog.pg_type'::regclass, t.oid, 'pg_catalog.pg_type'::regclass, t.typbasetype
        from pg_catalog.pg_type as t where t.typbasetype <> 0
    ),

    places (class, object) as (
        select b.class::oid, b.object
        from (
            select 'pg_catalog.pg_attrdef'::regclass, d.oid
            from pg_catalog.pg_attrdef as d where d.adrelid = p_table
            union all
            select 'pg_catalog.pg_class'::regclass, i.indexrelid
            from pg_catalog.pg_index as i where i.indrelid = p_table
            union all
            select 'pg_catalog.pg_constraint'::regclass, c.oid
            from pg_catalog.pg_constraint as c where c.conrelid = p_table
            union all
            select 'pg_catalog.pg_trigger'::regclass, t.oid
            from pg_catalog.pg_trigger as t
            where t.tgrelid = p_table and not t.tgisinternal and t.tgenabled <> 'D'
                and t.tgname not like e'tandem\\_%'
            union all
            select 'pg_catalog.pg_rewrite'::regclass, r.oid
            from pg_catalog.pg_rewrite as r where r.ev_class = p_table
            union all
            select 'pg_catalog.pg_policy'::regclass, o.oid
            from pg_catalog.pg_policy as o
            join pg_catalog.pg_class as c on c.oid = o.polrelid and c.relforcerowsecurity
            where o.polrelid = p_table
            union all
            select 'pg_catalog.pg_type'::regclass, a.atttypid
            from pg_catalog.pg_attribute as a
            where a.attrelid = p_table and not a.attisdropped
        ) as b (class, object)
        union
        select s.to_class, s.to_object
        from places as o
        join steps as s on s.class = o.class and s.object = o.object
        left join pg_catalog.pg_proc as p
            on o.class = 'pg_catalog.pg_proc'::regclass and p.oid = o.object
        -- a function's text tells nothing to pg_depend, a body in BEGIN ATOMIC does
        where p.oid is null or p.prosqlbody is not null
    )

    select
        p.oid::regprocedure::text, p.prorettype = 'trigger'::regtype,
        (
            select pg_catalog.substring(c.setting, '^search_path=(.*)')
            from pg_catalog.unnest(p.proconfig) as c (setting)
            where c.setting like 'search_path=%'
        )
    from places as o
    join pg_catalog.pg_proc as p on p.oid = o.object
    join pg_catalog.pg_language as l on l.oid = p.prolang
    where o.class = 'pg_catalog.pg_proc'::regclass
        and l.lanname not in ('c', 'internal') and p.prosqlbody is null
        and p.pronamespace not in ('pg_catalog'::regnamespace, 'tandem'::regnamespace)
$_own_code$;

comment on function tandem._own_code(regclass) is
'The shop''s own functions that a write to a table runs, as its owner where the sync writes: '
'those of triggers, and behind their WHEN clauses, defaults, generated columns, CHECKs, indexes, '
'domains, rules and forced policies; path: the search_path of its own (null: none).';
