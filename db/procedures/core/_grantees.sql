create or replace function tandem._grantees() returns table (role_name text, level text)
language sql stable
set search_path = pg_catalog, pg_temp
as $_grantees$
    select r.rolname::text, pg_catalog.substr(r.rolname, 8)
    from pg_catalog.pg_roles as r
    where r.rolname in ('tandem_reader', 'tandem_writer', 'tandem_operator', 'tandem_admin')
    union
    select g.role_name, g.level
    from tandem.granted_role as g
    join pg_catalog.pg_roles as r on r.rolname = g.role_name
$_grantees$;

comment on function tandem._grantees() is 'The roles that exist and serve a level.';
