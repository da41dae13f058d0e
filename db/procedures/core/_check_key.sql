create or replace function tandem._check_key(p_name text, p_value text, p_type text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_check_key$
begin
    if tandem.is_castable(p_value, p_type) then
        return;
    end if;
    raise exception '% is %', p_name, pg_catalog.quote_nullable(p_value)
    using errcode = 'invalid_parameter_value',
        detail = pg_catalog.format('The key of the flat table is %s.', p_type),
        hint = 'Nothing was done.';
end
$_check_key$;

comment on function tandem._check_key(text, text, text) is
'Raises 22023 for a key, given as text, that the key''s type cannot hold; NULL passes.';
