-- Only such a table is read: a view, a policy or a rule of another role's would run as ours.
create or replace function tandem._own_table(p_relation text) returns regclass
language sql stable
set search_path = pg_catalog, pg_temp
as $_own_table$
    select c.oid::regclass
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.nspowner = c.relowner and n.nspname = 'tandem'
    where c.oid = pg_catalog.to_regclass(p_relation) and c.relkind = 'r'
$_own_table$;

comment on function tandem._own_table(text) is
'The relation of a name where it is an ordinary table of the role that deployed, else NULL.';
