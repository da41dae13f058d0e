create or replace function tandem._switch(
    p_mapping text, p_relation text, p_direction text, p_enabled boolean
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_switch$
declare
    v_statement text := tandem._switch_statement(p_mapping, p_relation, p_direction, p_enabled);
begin
    if v_statement is not null then
        execute v_statement;
    end if;
end
$_switch$;

comment on function tandem._switch(text, text, text, boolean) is
'Enables or disables the triggers of one direction (or the log) on one table of a mapping.';
