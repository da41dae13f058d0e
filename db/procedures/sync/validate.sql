create or replace function tandem.validate(p_mapping text)
returns table (check_name text, passed boolean, expected text, actual text, detail text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $validate$
begin
    perform tandem._require_phase(p_mapping, 'validate', array['prepared', 'syncing', 'migrated']);
    return query execute pg_catalog.format(
        'select v.* from %I.validate() as v', 'tandem_' || p_mapping
    );
end
$validate$;

comment on function tandem.validate(text) is
'The checks of a mapping, a row each: passed, expected, actual. passed NULL: not measurable here, '
'and detail says why. Operators may call it. '
'Example: select * from tandem.validate(''products'');';
