create or replace function tandem._try(
    p_table regclass, p_statement text, p_where text, p_path text
) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
set array_nulls = on
set xmloption = 'content'
as $_try$
begin
    -- the application's own triggers inherit it
    perform pg_catalog.set_config('search_path', p_path, true);
    execute p_statement;
    perform tandem._require_references(p_table, p_where);
    return null;
exception when integrity_constraint_violation or data_exception
    or raise_exception or sqlstate 'TD019' then
    return sqlerrm;
end
$_try$;

comment on function tandem._try(regclass, text, text, text) is
'Executes a statement that writes a row of a table; returns why a constraint, a type or an own '
'trigger refused it, or NULL. p_where: tells that row (alias one); p_path: the search path '
'meanwhile, the mapping''s.';
