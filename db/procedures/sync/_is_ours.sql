-- By what it calls: a trigger of somebody else's may be called like one of ours.
create or replace function tandem._is_ours(p_function oid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $_is_ours$
    select exists (
        select
        from pg_catalog.pg_proc as p
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        where p.oid = p_function and (n.nspname = 'tandem' or exists (
            select from tandem.mapping as m where n.nspname = 'tandem_' || m.name
        ))
    )
$_is_ours$;

comment on function tandem._is_ours(oid) is 'True for the trigger functions of pgtandem.';
