create or replace function tandem._check_argument(p_name text, p_value text, p_choices text[])
returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $_check_argument$
begin
    if p_value = any (p_choices) then
        return;
    end if;
    raise exception '% is %', p_name, pg_catalog.quote_nullable(p_value)
    using errcode = 'invalid_parameter_value',
        detail = pg_catalog.format('It may be %s.', pg_catalog.array_to_string(p_choices, ', ')),
        hint = 'Nothing was done.';
end
$_check_argument$;

comment on function tandem._check_argument(text, text, text[]) is
'Raises 22023 for an argument that is not one of the choices.';
