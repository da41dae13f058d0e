create or replace function tandem._bring_back(p_table regclass, p_row jsonb, p_path text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $_bring_back$
begin
    if not tandem._insert_row(p_table, p_row, p_path) then
        return pg_catalog.format('another row of %s has a unique key of its', p_table);
    end if;
    return null;
exception when integrity_constraint_violation or data_exception then
    return sqlerrm;
end
$_bring_back$;

comment on function tandem._bring_back(regclass, jsonb, text) is
'Inserts a kept row, unpacked; returns why it cannot be, such as a foreign key whose row was '
'deleted meanwhile, or NULL.';
