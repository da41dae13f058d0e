-- What the flat rows look like: what a migration would make of them.
create or replace function {{ S | ident }}.analyze_data()
returns table (
    severity text, finding text, subject text, occurrences bigint, sample text, cure text
)
language plpgsql stable
security definer
set search_path = {{ m.search_path | path }}
as $analyze_data$
begin
    if pg_catalog.to_regclass({{ m.flat.table | relation(m.schema) | literal }}) is null then
        return;
    end if;
    return query
    select 'note', 'rows', {{ m.flat.table | relation(m.schema) | literal }}, pg_catalog.count(*), null::text, null::text
    from {{ m.flat.table | relation(m.schema) }} as flat
    union all
    select 'warning', 'rows will be rejected: ' || b.fault, {{ m.flat.table | relation(m.schema) | literal }}, pg_catalog.count(*),
        pg_catalog.left(pg_catalog.string_agg(b.row_key, ', ' order by b.row_key), 60),
        'Correct them first, or later: a correct write is synced.'
    from (
        select {{ m.flat.key | column('flat') }}::text as row_key, {{ S | ident }}._fault(
            {% for pair in m.pairs %}{{ pair.flat | column('flat') }}{{ ', ' if not loop.last }}{% endfor %}

        ) as fault
        from {{ m.flat.table | relation(m.schema) }} as flat
    ) as b
    where b.fault is not null
    group by b.fault
{% for level in m.levels %}
    union all
    select 'note', {{ ('rows of ' ~ level.table ~ ' that the flat rows stand for') | literal }}, {{ level.table | literal }}, pg_catalog.count(*), null, null
    from (
        select distinct {% for other in m.levels[:loop.index] %}{% set outer = loop %}{% for pair in other.key_pairs %}{{ pair | put('flat') }}{{ ', ' if not (loop.last and outer.last) }}{% endfor %}{% endfor %}

        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ S | ident }}._fault(
            {% for pair in m.pairs %}{{ pair.flat | column('flat') }}{{ ', ' if not loop.last }}{% endfor %}

        ) is null
    ) as k
{% endfor %}
{% for pair in m.pairs if pair.missing == 'default' %}
    union all
    select 'note', {{ ('missing values that stand for ' ~ pair.default) | literal }}, {{ pair.flat | literal }}, pg_catalog.count(*), null,
        'The flat rows keep them as they are.'
    from {{ m.flat.table | relation(m.schema) }} as flat
    where tandem.is_blank({{ pair.flat | column('flat') }})
    having pg_catalog.count(*) > 0
{% endfor %}
{% for level in m.levels %}
{% for pair in level.key_pairs if pair.flat_type in ('text',) or pair.flat_type.startswith('varchar') %}
    union all
    select 'warning', 'near-duplicates: they differ only in case, blanks or Unicode form', {{ pair.flat | literal }}, pg_catalog.count(*),
        pg_catalog.left(pg_catalog.min(n.sample), 80),
        'Keys compare exactly, so these stay apart. Unite them in the flat table first, if they are one.'
    from (
        select pg_catalog.min(k.value) || ' | ' || pg_catalog.max(k.value) as sample
        from (
            select distinct {{ pair | put('flat') }} as value from {{ m.flat.table | relation(m.schema) }} as flat
        ) as k
        group by pg_catalog.lower(pg_catalog.regexp_replace(pg_catalog.btrim(
            case when pg_catalog.getdatabaseencoding() = 'UTF8' then pg_catalog.normalize(k.value, 'NFKC') else k.value end
        ), '\s+', ' ', 'g'))
        having pg_catalog.count(*) > 1
    ) as n
    having pg_catalog.count(*) > 0
{% endfor %}
{% endfor %}
{% for satellite in m.satellites %}
    union all
    select 'note', {{ ('without ' ~ satellite.lead_pair.flat ~ ': no row of ' ~ satellite.table) | literal }}, {{ satellite.lead_pair.flat | literal }}, pg_catalog.count(*), null, null
    from {{ m.flat.table | relation(m.schema) }} as flat
    where {{ satellite.lead_pair.flat | column('flat') }} is null
    having pg_catalog.count(*) > 0
{% endfor %}
{% if m.leaf.match %}
    union all
    select 'note', 'rows that differ in nothing but their key columns', {{ m.flat.table | literal }}, coalesce(pg_catalog.sum(n.times), 0)::bigint, null,
        'Each keeps a leaf of its own.'
    from (
        select pg_catalog.count(*) as times
        from {{ m.flat.table | relation(m.schema) }} as flat
        group by {% for level in m.chain %}{% set outer = loop %}{% for pair in level.pairs %}{{ pair.flat | column('flat') }}{{ '::text' if pair.flat_type == 'json' }}{{ ', ' if not (loop.last and outer.last) }}{% endfor %}{% endfor %}

        having pg_catalog.count(*) > 1
    ) as n
    having pg_catalog.sum(n.times) > 0
{% endif %}
    ;
{% for level in m.levels %}
{% set below = m.chain[loop.index] %}
    if pg_catalog.to_regclass({{ level.table | relation(m.schema) | literal }}) is not null then
        return query
        select 'note', 'rows without anything below them', {{ level.table | literal }}, pg_catalog.count(*), null::text, 'They stay; the first leaf uses them.'
        from {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
        where not exists (
            select from {{ below.table | relation(m.schema) }} as {{ below.name | ident }}
            where {{ below.parent | column(below.name) }} = {{ level.id | column(level.name) }}
        )
        having pg_catalog.count(*) > 0;
    end if;
{% endfor %}
end
$analyze_data$;

comment on function {{ S | ident }}.analyze_data() is
'Findings of the flat rows; tandem.analyze(mapping) reads it.';
