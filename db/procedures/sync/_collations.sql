-- Two collations in one comparison: 42P22, or a comparison that cannot use the index of the key.
create or replace function tandem._collations(p_mapping text)
returns table (
    relation text, column_name text, flat_collation text, hier_collation text, cure text
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_collations$
    select
        p.relation, c.hier, f.attcollation::regcollation::text,
        h.attcollation::regcollation::text,
        pg_catalog.format(
            'alter table %s alter column %I type %s collate %s', p.relation, c.hier,
            m.definition -> 'tables' -> p.relation -> 'columns' ->> c.hier,
            f.attcollation::regcollation
        )
    from tandem._mapping_of(p_mapping) as m
    cross join tandem._mapped(p_mapping) as c
    join (
        select l.name, l.relation from tandem._levels(p_mapping) as l
        union all
        select s.name, s.relation from tandem._satellites(p_mapping) as s
    ) as p on p.name = c.part
    join pg_catalog.pg_attribute as f
        on f.attrelid = pg_catalog.to_regclass(m.definition ->> 'flat') and f.attname = c.flat
        and not f.attisdropped
    left join pg_catalog.pg_attribute as h
        on h.attrelid = pg_catalog.to_regclass(p.relation) and h.attname = c.hier
        and not h.attisdropped
    where f.attcollation <> 0
        and case when h.attrelid is null then f.attcollation <> 'pg_catalog.default'::regcollation
            else h.attcollation not in (0, f.attcollation) and (
                c.is_key or 'pg_catalog.default'::regcollation
                not in (h.attcollation, f.attcollation)
            )
        end
    order by c.ordinal
$_collations$;

comment on function tandem._collations(text) is
'The mapped columns of the hierarchy whose collation does not go with that of the flat column, '
'and those of tables to be made that need another than the default. cure: the ALTER TABLE.';
