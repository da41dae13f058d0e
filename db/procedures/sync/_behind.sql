create or replace function tandem._behind(p_table regclass, p_function regprocedure)
returns table (class oid, object oid)
language sql stable
set search_path = pg_catalog, pg_temp
as $_behind$
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
        union all
        select 'pg_catalog.pg_type'::regclass, t.oid, 'pg_catalog.pg_type'::regclass, t.typelem
        from pg_catalog.pg_type as t where t.typelem <> 0
        union all
        select 'pg_catalog.pg_type'::regclass, t.oid, 'pg_catalog.pg_type'::regclass, a.atttypid
        from pg_catalog.pg_type as t
        join pg_catalog.pg_attribute as a on a.attrelid = t.typrelid and a.attnum > 0
        where t.typtype = 'c' and not a.attisdropped
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
                and not tandem._is_ours(t.tgfoid)
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
            union all
            select 'pg_catalog.pg_proc'::regclass, p_function::oid where p_function is not null
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

    select o.class, o.object from places as o
$_behind$;

comment on function tandem._behind(regclass, regprocedure) is
'What a write to a table uses: triggers, defaults, generated columns, CHECKs, indexes, '
'domains, rules, forced policies and types, with the functions, operators and types behind '
'them. p_function: one that is called, too.';
