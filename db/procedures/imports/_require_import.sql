create or replace function tandem._require_import(p_mapping text) returns void
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_require_import$
begin
    if (tandem._mapping_of(p_mapping)).area <> 'imports' then
        raise exception 'mapping % is not of an import', p_mapping
        using errcode = 'TD070',
            detail = 'Duplicates are looked for in the tables of an import.',
            hint = 'SELECT name, area FROM tandem.mapping; says which mappings are.';
    end if;
    perform tandem._require_own(p_mapping);
end
$_require_import$;

comment on function tandem._require_import(text) is
'Raises TD070 where a mapping is not of the area imports, TD003 where a table is not ours.';
