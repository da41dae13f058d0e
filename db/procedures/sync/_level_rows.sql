create or replace function tandem._level_rows(p_mapping text)
returns table (part text, table_name text, row_count bigint)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_level_rows$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    r_part record;
begin
    for r_part in
        select 'flat' as name, v_definition ->> 'flat' as relation, 0 as ordinal
        union all
        select l.name, l.relation, l.ordinal + 1 from tandem._levels(p_mapping) as l
        union all
        select s.name, s.relation, 100 + s.ordinal from tandem._satellites(p_mapping) as s
        order by ordinal
    loop
        continue when tandem._own_table(r_part.relation) is null;
        part := r_part.name;
        table_name := r_part.relation;
        execute pg_catalog.format('select pg_catalog.count(*) from %s as one', r_part.relation)
        into row_count;
        return next;
    end loop;
end
$_level_rows$;

comment on function tandem._level_rows(text) is
'The tables of a mapping that are there and ours (flat, the levels from the top, satellites), and '
'how many rows each has. Counts them.';
