create or replace function tandem._import_next_step(p_mapping text) returns text
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_import_next_step$
declare
    v_index text;
begin
    select i.statement into v_index from tandem._index_statements(p_mapping) as i
    order by i.ordinal
    limit 1;
    if found then
        return pg_catalog.format(
            '%s  -- alone; an index is missing, SELECT * FROM tandem.plan(%L) lists all',
            v_index, p_mapping
        );
    end if;
    return pg_catalog.format(
        'SELECT tandem.submit_import(%L, ...);  -- then CALL tandem.run_import(its id)', p_mapping
    );
end
$_import_next_step$;

comment on function tandem._import_next_step(text) is
'The statement that comes next for a mapping of an import whose tables are prepared.';
