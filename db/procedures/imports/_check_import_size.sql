create or replace function tandem._check_import_size(p_rows bigint) returns void
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_check_import_size$
declare
    v_limit bigint := tandem._setting_of('import_max_rows')::bigint;
begin
    if p_rows > v_limit then
        raise exception 'the input has % rows; an import may have %', p_rows, v_limit
        using errcode = 'TD065',
            detail = 'Nothing was submitted.',
            hint = 'Import it in parts, or have an admin raise import_max_rows in tandem.setting.';
    end if;
end
$_check_import_size$;

comment on function tandem._check_import_size(bigint) is
'Raises TD065 for more rows than tandem.setting import_max_rows allows.';
