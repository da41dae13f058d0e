-- A subtransaction a row, which a bulk statement pays for: only where p_careful asks for it.
create or replace function tandem._bring_back(
    p_table regclass, p_row jsonb, p_path text, p_careful boolean
) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $_bring_back$
begin
    if p_careful then
        begin
            return tandem._bring_back(p_table, p_row, p_path, false);
        exception when integrity_constraint_violation or data_exception
            or raise_exception or sqlstate 'TD019' then
            return sqlerrm;
        end;
    end if;
    if not tandem._insert_row(p_table, p_row, p_path) then
        return pg_catalog.format('another row of %s has a unique key of its', p_table);
    end if;
    -- by its key: a trigger of your own may have written it again
    perform tandem._require_references(p_table, pg_catalog.string_agg(
        pg_catalog.format('one.%I = %s', c.name, c.value), ' and '
    ))
    from tandem._row_columns(p_table, p_row) as c
    join pg_catalog.pg_index as i on i.indrelid = p_table and i.indisprimary
        and c.ordinal = any (i.indkey)
    having pg_catalog.count(*) > 0;
    return null;
end
$_bring_back$;

comment on function tandem._bring_back(regclass, jsonb, text, boolean) is
'Inserts a kept row, unpacked; returns why it cannot be, or NULL. p_careful: also where a '
'constraint, a type or an own trigger refuses it, such as a foreign key whose row was deleted '
'meanwhile; else that is raised.';
