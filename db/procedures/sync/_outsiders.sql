-- Triggers run as whoever writes: for a write of the sync that is the owner of the table. Before
-- PostgreSQL 18 that goes for triggers on a table that a foreign key's action writes, too.
create or replace function tandem._outsiders(p_table regclass, p_function regprocedure)
returns table (role_name text, through text)
language sql stable
set search_path = pg_catalog, pg_temp
as $_outsiders$
    with owner as (
        select c.relowner, c.relacl from pg_catalog.pg_class as c where c.oid = p_table
    ),

    found (role_id, through) as (
        select distinct a.grantee, 'grant'
        from owner as o
        cross join lateral pg_catalog.aclexplode(o.relacl) as a
        where a.privilege_type in ('TRIGGER', 'REFERENCES')
        union
        select a.grantee, 'grant'
        from pg_catalog.pg_attribute as c
        cross join lateral pg_catalog.aclexplode(c.attacl) as a
        where c.attrelid = p_table and a.privilege_type = 'REFERENCES'
        union all
        select p.proowner, 'trigger ' || pg_catalog.quote_ident(t.tgname)
        from pg_catalog.pg_trigger as t
        join pg_catalog.pg_proc as p on p.oid = t.tgfoid
        where t.tgrelid = p_table and not t.tgisinternal and not p.prosecdef
        union all
        select c.relowner, 'foreign key of ' || c.oid::regclass::text
        from pg_catalog.pg_constraint as f
        join pg_catalog.pg_class as c on c.oid = f.conrelid
        where f.contype = 'f' and f.confrelid = p_table
            and (f.confdeltype in ('c', 'n', 'd') or f.confupdtype in ('c', 'n', 'd'))
        union all
        select p.proowner, 'function ' || p.oid::regprocedure::text
        from tandem._behind(p_table, p_function) as b
        join pg_catalog.pg_proc as p on p.oid = b.object
        where b.class = 'pg_catalog.pg_proc'::regclass
            and p.prorettype <> 'trigger'::regtype and not p.prosecdef
        union all
        select t.typowner, 'type ' || t.oid::regtype::text
        from tandem._behind(p_table, p_function) as b
        join pg_catalog.pg_type as t on t.oid = b.object
        where b.class = 'pg_catalog.pg_type'::regclass
    )

    select coalesce(pg_catalog.quote_ident(r.rolname), 'public'), f.through
    from found as f
    cross join owner as o
    left join pg_catalog.pg_roles as r on r.oid = f.role_id
    where f.role_id <> o.relowner and not coalesce(r.rolsuper, false)
    order by 1, 2
$_outsiders$;

comment on function tandem._outsiders(regclass, regprocedure) is
'Roles beside the owner, and no superusers, whose code would run as the owner when the sync writes '
'this table: through a grant (TRIGGER, REFERENCES), a trigger, a foreign key with an action, a '
'function or a type. p_function: one that is called, too.';
