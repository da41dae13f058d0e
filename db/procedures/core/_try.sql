create or replace function tandem._try(p_statement text, p_path text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
set array_nulls = on
set xmloption = 'content'
as $_try$
begin
    -- the application's own triggers inherit it
    perform pg_catalog.set_config('search_path', p_path, true);
    execute p_statement;
    return null;
exception when integrity_constraint_violation or data_exception
    or raise_exception then
    return sqlerrm;
end
$_try$;

comment on function tandem._try(text, text) is
'Executes a statement; returns why a constraint, a type or an own trigger refused it, or NULL. '
'p_path: the search path meanwhile, the mapping''s.';
