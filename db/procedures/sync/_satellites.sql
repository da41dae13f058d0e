create or replace function tandem._satellites(p_mapping text)
returns table (
    ordinal integer, name text, relation text, table_name text, id text, parent text,
    effective text, lead_column text, lead_flat text, condition text, in_force text, differs text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $_satellites$
    select
        s.position::integer, s.satellite ->> 'name', s.satellite ->> 'relation',
        s.satellite ->> 'table', s.satellite ->> 'id', s.satellite ->> 'parent',
        s.satellite ->> 'effective', s.satellite ->> 'lead', s.satellite ->> 'lead_flat',
        s.satellite ->> 'filter', s.satellite ->> 'in_force', s.satellite ->> 'differs'
    from tandem._mapping_of(p_mapping) as m
    cross join lateral pg_catalog.jsonb_array_elements(m.definition -> 'satellites')
    with ordinality as s (satellite, position)
    order by s.position
$_satellites$;

comment on function tandem._satellites(text) is
'The tables of dated rows of a mapping, a row each. SQL: relation, condition (of alias s), '
'in_force (a join of the row in force at $1) and differs; the rest are names.';
