-- An error of an import in general, not of a row: those are kept with the row.
create or replace function tandem._is_passing(p_sqlstate text, p_message text) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $_is_passing$
    select p_sqlstate in ('40001', '40P01', '55P03', '23505')
        or pg_catalog.left(p_sqlstate, 2) in ('08', '53')
        or p_sqlstate like '57P0_' or p_sqlstate = '57014' and p_message ~ 'timeout'
$_is_passing$;

comment on function tandem._is_passing(text, text) is
'True for an error that may be gone when the same is tried again: conflicts, time-outs, lost '
'connections, a lack of resources.';
