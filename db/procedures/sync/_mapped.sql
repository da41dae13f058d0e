create or replace function tandem._mapped(p_mapping text)
returns table (
    ordinal bigint, part text, level integer, flat text, hier text, flat_type text, is_key boolean,
    missing text, initial text, put text, same text, differs text, compared text, lead_column text,
    lead_flat text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $_mapped$
    with parts as (
        select l.position, l.position::integer as level, l.part
        from tandem._mapping_of(p_mapping) as m
        cross join lateral pg_catalog.jsonb_array_elements(m.definition -> 'levels')
        with ordinality as l (part, position)
        union all
        select 1000 + s.position, 90, s.part
        from tandem._mapping_of(p_mapping) as m
        cross join lateral pg_catalog.jsonb_array_elements(m.definition -> 'satellites')
        with ordinality as s (part, position)
    )

    select
        pg_catalog.row_number() over (order by p.position, c.position), p.part ->> 'name', p.level,
        c.pair ->> 'flat', c.pair ->> 'hier', c.pair ->> 'flat_type',
        (c.pair ->> 'is_key')::boolean, c.pair ->> 'missing', c.pair ->> 'default',
        c.pair ->> 'put', c.pair ->> 'same', c.pair ->> 'differs', c.pair ->> 'compared',
        nullif(p.part ->> 'lead', c.pair ->> 'hier'), p.part ->> 'lead_flat'
    from parts as p
    cross join lateral pg_catalog.jsonb_array_elements(p.part -> 'columns') with ordinality
        as c (pair, position)
    order by p.position, c.position
$_mapped$;

comment on function tandem._mapped(text) is
'The mapped columns, a row each: levels from the top down (level 1 and on), then dated rows (90). '
'SQL: put, same, differs, compared, with aliases flat and the part''s name; the rest are names. '
'lead_column is NULL for the lead itself.';
