create or replace function tandem._check_range(
    p_name text, p_value integer, p_least integer, p_most integer
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $_check_range$
begin
    if p_value is null or p_value between p_least and p_most then
        return;
    end if;
    raise exception '% is %', p_name, p_value
    using errcode = 'invalid_parameter_value',
        detail = pg_catalog.format('It may be %s to %s.', p_least, p_most),
        hint = 'Nothing was done.';
end
$_check_range$;

comment on function tandem._check_range(text, integer, integer, integer) is
'Raises 22023 for an argument outside its range; NULL passes.';
