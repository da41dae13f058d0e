create or replace function tandem._levels(p_mapping text)
returns table (
    ordinal integer, name text, relation text, table_name text, id text, parent text, sync text,
    key_columns text[], unmapped text[], above text, above_relation text, above_table text,
    above_id text, is_leaf boolean
)
language sql stable
set search_path = pg_catalog, pg_temp
as $_levels$
    select
        l.position::integer, l.level ->> 'name', l.level ->> 'relation', l.level ->> 'table',
        l.level ->> 'id', l.level ->> 'parent', l.level ->> 'sync',
        array(select pg_catalog.jsonb_array_elements_text(l.level -> 'key')),
        array(select pg_catalog.jsonb_array_elements_text(l.level -> 'unmapped')),
        pg_catalog.lag(l.level ->> 'name') over (order by l.position),
        pg_catalog.lag(l.level ->> 'relation') over (order by l.position),
        pg_catalog.lag(l.level ->> 'table') over (order by l.position),
        pg_catalog.lag(l.level ->> 'id') over (order by l.position),
        pg_catalog.lead(l.position) over (order by l.position) is null
    from tandem._mapping_of(p_mapping) as m
    cross join lateral pg_catalog.jsonb_array_elements(m.definition -> 'levels') with ordinality
        as l (level, position)
    order by l.position
$_levels$;

comment on function tandem._levels(text) is
'The levels of a mapping, a row each, from the top down, the leaf last; names are not quoted, '
'relation is.';
