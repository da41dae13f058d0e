-- A subtransaction a row, which a bulk statement pays for: only where p_careful asks for it.
create or replace function tandem._bring_back(
    p_table regclass, p_row jsonb, p_path text, p_careful boolean
) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $_bring_back$
declare
    v_row tid;
begin
    if p_careful then
        begin
            return tandem._bring_back(p_table, p_row, p_path, false);
        exception when integrity_constraint_violation or data_exception
            or raise_exception or sqlstate 'TD019' then
            return sqlerrm;
        end;
    end if;
    v_row := tandem._insert_row(p_table, p_row, p_path);
    if v_row is null then
        return pg_catalog.format('another row of %s has a unique key of its', p_table);
    end if;
    perform tandem._require_references(p_table, pg_catalog.format('one.ctid = %L', v_row));
    return null;
end
$_bring_back$;

comment on function tandem._bring_back(regclass, jsonb, text, boolean) is
'Inserts a kept row, unpacked; returns why it cannot be, or NULL. p_careful: also where a '
'constraint, a type or an own trigger refuses it, such as a foreign key whose row was deleted '
'meanwhile; else that is raised.';
