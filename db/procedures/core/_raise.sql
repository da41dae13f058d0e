create or replace function tandem._raise(p_failure jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_raise$
begin
    -- an option of RAISE may be neither null nor worth an empty line
    if coalesce(p_failure ->> 'hint', '') <> '' then
        raise exception '%', p_failure ->> 'message'
        using errcode = p_failure ->> 'sqlstate',
            detail = coalesce(nullif(p_failure ->> 'detail', ''), p_failure ->> 'context', '-'),
            hint = p_failure ->> 'hint';
    end if;
    raise exception '%', p_failure ->> 'message'
    using errcode = p_failure ->> 'sqlstate',
        detail = coalesce(nullif(p_failure ->> 'detail', ''), p_failure ->> 'context', '-');
end
$_raise$;

comment on function tandem._raise(jsonb) is
'Raises an error that the loop caught, with its SQLSTATE.';
