-- What is called like ours may be another role's, made after ours was dropped by hand: what is in
-- it would run as the owner of this package.
create or replace function tandem._own_schemas()
returns table (schema_name text, mapping text)
language sql stable
set search_path = pg_catalog, pg_temp
as $_own_schemas$
    select n.nspname::text, m.name
    from pg_catalog.pg_namespace as ours
    join pg_catalog.pg_namespace as n on n.nspowner = ours.nspowner
    left join tandem.mapping as m on 'tandem_' || m.name = n.nspname
    where ours.nspname = 'tandem' and (n.nspname = 'tandem' or m.name is not null)
$_own_schemas$;

comment on function tandem._own_schemas() is
'The schemas of this package that are there and belong to its owner; mapping is NULL for tandem.';
