create or replace function tandem._raise(p_failure jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_raise$
begin
    raise exception '%', p_failure ->> 'message'
    using errcode = p_failure ->> 'sqlstate',
        detail = coalesce(p_failure ->> 'detail', ''),
        hint = coalesce(p_failure ->> 'hint', '');
end
$_raise$;

comment on function tandem._raise(jsonb) is 'Raises an error that the loop caught, with its SQLSTATE.';
