-- The statements of tandem.analyze that look at the data, each with the columns of a finding.
create or replace function tandem._finding_queries(p_mapping text)
returns table (ordinal integer, statement text)
language sql stable
set search_path = pg_catalog, pg_temp
as $_finding_queries$
    with mapping as (
        select m.definition ->> 'flat' as flat, m.definition ->> 'flat_name' as flat_name,
            m.definition ->> 'fault' as fault, m.definition -> 'match' <> '[]' as has_match
        from tandem._mapping_of(p_mapping) as m
    ),

    queries (part, position, statement) as (
        select
            1, l.ordinal, pg_catalog.format(
                $query$select 'note', %1$L, %2$L, pg_catalog.count(*), null::text, null::text
from (select distinct %3$s from %4$s as flat where %5$s is null) as k$query$,
                pg_catalog.format('rows of %s that the flat rows stand for', l.table_name),
                l.table_name, (
                    select pg_catalog.string_agg(c.put, ', ' order by c.ordinal)
                    from tandem._mapped(p_mapping) as c
                    where c.is_key and c.level <= l.ordinal
                ), m.flat, m.fault
            )
        from mapping as m
        cross join tandem._levels(p_mapping) as l
        where not l.is_leaf
        union all
        select
            2, c.ordinal, pg_catalog.format(
                $query$select 'note', %1$L, %2$L, pg_catalog.count(*), null::text,
    'The flat rows keep them as they are.'
from %3$s as flat
where tandem.is_blank(flat.%2$I)
having pg_catalog.count(*) > 0$query$,
                'missing values that stand for ' || c.initial, c.flat, m.flat
            )
        from mapping as m
        cross join tandem._mapped(p_mapping) as c
        where c.missing = 'default'
        union all
        select
            3, c.ordinal, pg_catalog.format(
                $query$select 'warning',
    'near-duplicates: they differ only in case, blanks or Unicode form', %1$L,
    pg_catalog.count(*), pg_catalog.left(pg_catalog.min(n.sample), 80),
    'Keys compare exactly, so these stay apart. Unite them in the flat table first, '
    'if they are one.'
from (
    select pg_catalog.min(k.value) || ' | ' || pg_catalog.max(k.value) as sample
    from (select distinct %2$s as value from %3$s as flat) as k
    group by pg_catalog.lower(pg_catalog.regexp_replace(pg_catalog.btrim(
        case when pg_catalog.getdatabaseencoding() = 'UTF8'
            then pg_catalog.normalize(k.value, 'NFKC') else k.value end
    ), e'\\s+', ' ', 'g'))
    having pg_catalog.count(*) > 1
) as n
having pg_catalog.count(*) > 0$query$,
                c.flat, c.put, m.flat
            )
        from mapping as m
        cross join tandem._mapped(p_mapping) as c
        where c.is_key and (c.flat_type = 'text' or c.flat_type like 'varchar%')
        union all
        select
            4, s.ordinal, pg_catalog.format(
                $query$select 'note', %1$L, %2$L, pg_catalog.count(*), null::text, null::text
from %3$s as flat
where flat.%2$I is null
having pg_catalog.count(*) > 0$query$,
                pg_catalog.format('without %s: no row of %s', s.lead_flat, s.table_name),
                s.lead_flat, m.flat
            )
        from mapping as m
        cross join tandem._satellites(p_mapping) as s
        union all
        select
            5, 1, pg_catalog.format(
                $query$select 'note', 'rows that differ in nothing but their key columns', %1$L,
    coalesce(pg_catalog.sum(n.times), 0)::bigint, null::text, 'Each keeps a leaf of its own.'
from (
    select pg_catalog.count(*) as times from %2$s as flat
    group by %3$s
    having pg_catalog.count(*) > 1
) as n
having pg_catalog.sum(n.times) > 0$query$,
                m.flat_name, m.flat, (
                    select pg_catalog.string_agg(c.compared, ', ' order by c.ordinal)
                    from tandem._mapped(p_mapping) as c
                    where c.level < 90
                )
            )
        from mapping as m
        where m.has_match
        union all
        select
            6, l.ordinal, pg_catalog.format(
                $query$select 'note', 'rows without anything below them', %1$L,
    pg_catalog.count(*), null::text, 'They stay; the first leaf uses them.'
from %2$s as one
where not exists (select from %3$s as other where other.%4$I = one.%5$I)
having pg_catalog.count(*) > 0$query$,
                l.above_table, l.above_relation, l.relation, l.parent, l.above_id
            )
        from tandem._levels(p_mapping) as l
        where tandem._own_table(l.above_relation) is not null
            and tandem._own_table(l.relation) is not null
    )

    select (pg_catalog.row_number() over (order by q.part, q.position))::integer, q.statement
    from queries as q
    order by q.part, q.position
$_finding_queries$;

comment on function tandem._finding_queries(text) is
'SQL: what tandem.analyze asks of the data of a mapping, a statement each.';
