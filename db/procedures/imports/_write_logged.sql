create or replace function tandem._write_logged(p_path text, p_statement text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_write_logged$
declare
    v_rows bigint;
begin
    -- the application's own triggers inherit it
    perform pg_catalog.set_config('search_path', p_path, true);
    execute p_statement into v_rows;
    return v_rows;
end
$_write_logged$;

comment on function tandem._write_logged(text, text) is
'Executes a statement that returns a number, with the search path that triggers of the tables '
'expect.';
