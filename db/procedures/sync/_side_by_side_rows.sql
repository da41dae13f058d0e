create or replace function tandem._side_by_side_rows(p_mapping text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $_side_by_side_rows$
    with shown (part, position, ordinal, line) as (
        select
            0, n.position, n.position, pg_catalog.format(
                case n.position
                    when 1 then '(0, ''flat'', %L, flat.%I::text, null::text, null::boolean)'
                    else '(0, ''flat'', %L, flat.%I::text, null, null)'
                end, n.name, n.name
            )
        from tandem._mapping_of(p_mapping) as m
        cross join lateral pg_catalog.unnest(
            array[m.definition ->> 'key', m.definition ->> 'status']
        ) with ordinality as n (name, position)
        union all
        select
            l.ordinal, 1, 1, pg_catalog.format(
                '(%1$s, %2$L, %3$L, flat.%4$I::text, %2$I.%3$I::text, '
                'flat.%4$I is not distinct from %2$I.%3$I)', l.ordinal, l.name, l.id, l.sync
            )
        from tandem._levels(p_mapping) as l
        union all
        select
            l.ordinal, 3, u.position, pg_catalog.format(
                '(%1$s, %2$L, %3$L, null, %2$I.%3$I::text, null)', l.ordinal, l.name, u.name
            )
        from tandem._levels(p_mapping) as l
        cross join lateral pg_catalog.unnest(l.unmapped) with ordinality as u (name, position)
        union all
        select
            90 + s.ordinal, 1, 1, pg_catalog.format(
                '(90, %1$L, %2$L, null, %1$I.%2$I::text, null)', s.name, s.effective
            )
        from tandem._satellites(p_mapping) as s
        union all
        select
            c.level + coalesce(s.ordinal, 0), 2, c.ordinal, pg_catalog.format(
                '(%1$s, %2$L, %3$L, flat.%4$I::text, %2$I.%3$I::text, %5$s)',
                c.level, c.part, c.hier, c.flat, c.same
            )
        from tandem._mapped(p_mapping) as c
        left join tandem._satellites(p_mapping) as s on s.name = c.part
    )

    select pg_catalog.string_agg(n.line, E',\n' order by n.part, n.position, n.ordinal)
    from shown as n
$_side_by_side_rows$;

comment on function tandem._side_by_side_rows(text) is
'SQL: what tandem.show tells of a flat row and its leaf, a row of VALUES per column.';
