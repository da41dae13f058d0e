create or replace function tandem._require_old_path(p_mapping text) returns void
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_require_old_path$
declare
    r_mapping tandem.mapping := tandem._mapping_of(p_mapping);
begin
    if r_mapping.area <> 'imports' then
        raise exception 'mapping % is no import', p_mapping
        using errcode = 'invalid_parameter_value',
            detail = pg_catalog.format('It is of the area %s.', r_mapping.area),
            hint = 'Nothing was done.';
    elsif r_mapping.phase = 'retired' then
        raise exception 'the old path of % is retired', p_mapping
        using errcode = 'TD080',
            detail = pg_catalog.format('It was taken away at %s; there is nothing to choose.',
                r_mapping.phase_since::timestamptz(0)),
            hint = 'All imports take the new path; rows that one of the old path has are to be '
            'submitted again.';
    end if;
end
$_require_old_path$;

comment on function tandem._require_old_path(text) is
'Raises TD080 where the old path of an import is retired, 22023 for a mapping that is no import.';
