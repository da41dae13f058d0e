-- PUBLIC (whose rights on a new routine are in no list yet) and all roles that are granted anything
-- on the schema or on what is in it, but its owner.
create or replace function tandem._holders(p_schema text) returns table (grantee text)
language sql stable
set search_path = pg_catalog, pg_temp
as $_holders$
    with granted (owner, acl) as (
        select n.nspowner, n.nspacl from pg_catalog.pg_namespace as n where n.nspname = p_schema
        union all
        select c.relowner, c.relacl
        from pg_catalog.pg_class as c
        where c.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(p_schema))
        union all
        select c.relowner, a.attacl
        from pg_catalog.pg_class as c
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(p_schema))
        union all
        select p.proowner, p.proacl
        from pg_catalog.pg_proc as p
        where p.pronamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(p_schema))
    )

    select 'public'
    union
    select pg_catalog.quote_ident(r.rolname)
    from granted as g
    cross join lateral pg_catalog.aclexplode(g.acl) as e
    join pg_catalog.pg_roles as r on r.oid = e.grantee
    where e.grantee <> g.owner
$_holders$;

comment on function tandem._holders(text) is
'PUBLIC, and the roles beside the owner that hold any right on a schema of this package.';
