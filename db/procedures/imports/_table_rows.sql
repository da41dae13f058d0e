create or replace function tandem._table_rows(p_mapping text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_table_rows$
declare
    v_relation text;
    v_rows bigint;
    v_counts jsonb := '{}';
begin
    for v_relation in
        select p.part ->> 'relation'
        from pg_catalog.jsonb_array_elements(
            (tandem._mapping_of(p_mapping)).definition -> 'parts'
        ) as p (part)
    loop
        execute pg_catalog.format('select pg_catalog.count(*) from %s', v_relation) into v_rows;
        v_counts := v_counts || pg_catalog.jsonb_build_object(v_relation, v_rows);
    end loop;
    return v_counts;
end
$_table_rows$;

comment on function tandem._table_rows(text) is
'How many rows each table of an import has, the deleted ones included.';
