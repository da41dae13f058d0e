-- What others have built on what rollback with p_drop_columns takes away. A view of SELECT * on the
-- flat table, made after prepare, is enough. DROP would stop at it late (deptype n), or take it
-- along without a word (deptype a: indexes, constraints, statistics). What is built on a dependent
-- in turn needs no look: to drop that one asks for it.
create or replace function tandem._dependents(p_mapping text) returns setof text
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_dependents$
    with recursive required as (
        select r.kind, pg_catalog.to_regclass(r.relation) as relation, r.object
        from tandem._requirements(p_mapping) as r
        where r.kind in ('column', 'index', 'view')
    ),

    columns (relation, number, name) as (
        select a.attrelid, a.attnum, a.attname
        from required as r
        join pg_catalog.pg_attribute as a on a.attrelid = r.relation and a.attname = r.object
        where r.kind = 'column' and not a.attisdropped
        union
        -- DROP COLUMN goes on to tables that inherit the column
        select a.attrelid, a.attnum, a.attname
        from columns as c
        join pg_catalog.pg_inherits as i on i.inhparent = c.relation
        join pg_catalog.pg_attribute as a on a.attrelid = i.inhrelid and a.attname = c.name
        where not a.attislocal and not a.attisdropped
    ),

    views as (
        select v.oid, v.reltype, t.typarray
        from required as r
        join pg_catalog.pg_class as v on v.oid = r.relation
        join pg_catalog.pg_type as t on t.oid = v.reltype
        where r.kind = 'view'
    ),

    dropped (class, object, number) as (
        select 'pg_catalog.pg_class'::regclass, c.relation, c.number::integer from columns as c
        union all
        -- a view's columns, or the view as a whole
        select 'pg_catalog.pg_class'::regclass, v.oid, null from views as v
        union all
        select 'pg_catalog.pg_type'::regclass, t.oid, null
        from views as v
        cross join lateral (values (v.reltype), (v.typarray)) as t (oid)
    ),

    -- what goes with it and is pgtandem's, or is a property of a column that goes
    ours (class, object) as (
        select 'pg_catalog.pg_rewrite'::regclass, w.oid
        from views as v
        join pg_catalog.pg_rewrite as w on w.ev_class = v.oid and w.rulename = '_RETURN'
        union all
        -- by what it calls: a trigger of yours may have such a name, too
        select 'pg_catalog.pg_trigger'::regclass, t.oid
        from columns as c
        join pg_catalog.pg_trigger as t
            on t.tgrelid = c.relation and t.tgname like e'tandem\\_%'
        join pg_catalog.pg_proc as p on p.oid = t.tgfoid
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        where n.nspname in ('tandem', 'tandem_' || p_mapping)
        union all
        select 'pg_catalog.pg_attrdef'::regclass, f.oid
        from columns as c
        join pg_catalog.pg_attrdef as f on f.adrelid = c.relation and f.adnum = c.number
        union all
        -- before PostgreSQL 18 this is no object
        select 'pg_catalog.pg_constraint'::regclass, n.oid
        from columns as c
        join pg_catalog.pg_constraint as n on n.conrelid = c.relation and n.contype = 'n'
        union all
        select 'pg_catalog.pg_class'::regclass, x.oid
        from required as r
        join pg_catalog.pg_index as i on i.indrelid = r.relation
        join pg_catalog.pg_class as x on x.oid = i.indexrelid and x.relname = r.object
        where r.kind = 'index'
    )

    select distinct
        pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
        -- which is all that it says of a domain's CHECK
        || coalesce(' of domain ' || nullif(k.contypid, 0)::regtype::text, '') as object
    from dropped as t
    join pg_catalog.pg_depend as d
        on d.refclassid = t.class and d.refobjid = t.object
        and (t.number is null or d.refobjsubid = t.number)
    left join pg_catalog.pg_constraint as k
        on d.classid = 'pg_catalog.pg_constraint'::regclass and k.oid = d.objid
    where d.deptype in ('n', 'a') and not exists (
        select from ours as o where o.class = d.classid and o.object = d.objid
    )
    order by object
$_dependents$;

comment on function tandem._dependents(text) is
'Objects that are not pgtandem''s and use the sync columns or the views of a mapping.';
