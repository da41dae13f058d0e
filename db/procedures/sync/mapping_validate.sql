-- The checks of tandem.validate for this mapping.
create or replace function {{ S | ident }}.validate()
returns table (check_name text, passed boolean, expected text, actual text, detail text)
language plpgsql stable
security definer
set search_path = {{ m.search_path | path }}
as $validate$
begin
    return query
    with flat_rows as (
        select
            pg_catalog.count(*) filter (where {{ m.flat.status | column('flat') }} is distinct from 'rejected') as active,
            pg_catalog.count(*) filter (where {{ m.flat.status | column('flat') }} = 'rejected') as rejected,
            pg_catalog.count({{ m.leaf.sync | column('flat') }}) as linked,
            pg_catalog.count(distinct {{ m.leaf.sync | column('flat') }}) as linked_distinct,
            pg_catalog.count(*) filter (where {{ m.flat.status | column('flat') }} is distinct from 'rejected' and (
                {%- for level in m.chain %}{{ level.sync | column('flat') }} is null{{ ' or ' if not loop.last }}{% endfor -%}
            )) as without_ids,
            pg_catalog.count(*) filter (where {{ m.flat.status | column('flat') }} is distinct from 'rejected' and {{ m.leaf.sync | column('flat') }} is null) as unmigrated
        from {{ m.flat.table | relation(m.schema) }} as flat
    ),

    drift_rows as (
        select
            pg_catalog.count(*) filter (where d.kind = 'link') as links,
            pg_catalog.count(*) filter (where d.kind = 'value') as in_values,
            pg_catalog.count(*) filter (where d.kind = 'flat_only') as flat_only,
            pg_catalog.count(*) filter (where d.kind = 'hierarchy_only') as hierarchy_only,
            pg_catalog.count(*) filter (where d.kind = 'price_due') as due
        from {{ S | ident }}.drift() as d
    )

    select v.check_name, v.expected = v.actual, v.expected::text, v.actual::text, v.detail
    from (
        select 10 as ordinal, 'every row migrated' as check_name, 0::bigint as expected, f.unmigrated as actual,
            'flat rows without a leaf id that are not rejected' as detail from flat_rows as f
        union all
        select 20, 'sync columns populated', 0, f.without_ids, 'active flat rows with an empty id' from flat_rows as f
        union all
        select 30, 'leaf ids unique', f.linked, f.linked_distinct, 'flat rows, and different leaf ids in them' from flat_rows as f
        union all
        select 40, 'a leaf per flat row', 0, d.flat_only, 'flat rows whose leaf is not there' from drift_rows as d
        union all
        select 50, 'a flat row per leaf', 0, d.hierarchy_only,
            'leaves without a flat row; CALL tandem.repair(mapping, ''hierarchy'') creates them' from drift_rows as d
        union all
        select 60, 'links', 0, d.links, 'flat rows whose ids are not those of the chain above the leaf' from drift_rows as d
        union all
        select 70, 'values', 0, d.in_values, 'columns that differ; SELECT * FROM tandem.drift(mapping)' from drift_rows as d
{% for level in m.chain %}
{% if level.parent %}
{% set above = m.chain[loop.index0 - 1] %}
        union all
        select {{ (80 + loop.index) | literal }}, {{ ('every ' ~ level.name ~ ' has its ' ~ above.name) | literal }}, 0, (
            select pg_catalog.count(*) from {{ level.table | relation(m.schema) }} as one
            where not exists (
                select from {{ above.table | relation(m.schema) }} as other
                where {{ above.id | column('other') }} = {{ level.parent | column('one') }}
            )
        ), 'rows without a parent'
{% endif %}
{% endfor %}
{% for level in m.levels %}
        union all
        select {{ (100 + loop.index) | literal }}, {{ (level.name ~ ' keys unique') | literal }}, 0, (
            select pg_catalog.count(*) from (
                select from {{ level.table | relation(m.schema) }} as one
                group by {% if level.parent %}{{ level.parent | column('one') }}, {% endif %}
{% for pair in level.key_pairs %}{{ pair.hier | column('one') }}{{ ', ' if not loop.last }}{% endfor %}

                having pg_catalog.count(*) > 1
            ) as twice
        ), 'natural keys that occur twice'
{% endfor %}
        union all
        select 120, 'rejected rows are kept', f.rejected, (
            select pg_catalog.count(*) from tandem.rejected_row as r
            where r.mapping = {{ m.name | literal }} and r.side = 'flat' and r.resolved_at is null
        ), 'flat rows marked as rejected, and open rows of tandem.rejected_row' from flat_rows as f
        union all
        select 130, 'sync switched on', (
            select pg_catalog.count(*) from {{ S | ident }}.switches() as s, tandem.mapping as t
            where t.name = {{ m.name | literal }} and t.phase in ('syncing', 'migrated')
                and (s.direction = 'flat_to_hierarchy' and t.flat_to_hierarchy
                    or s.direction = 'hierarchy_to_flat' and t.hierarchy_to_flat)
        ), (
            select pg_catalog.count(*) from {{ S | ident }}.switches() as s where s.enabled and s.direction <> 'log'
        ), 'triggers that should be enabled, and that are'
        union all
        select 140, 'nothing missing', 0, (
            select pg_catalog.count(*) from tandem._missing({{ m.name | literal }}) as x where x.kind <> 'index'
        ), 'tables, columns and triggers of the mapping that are absent'
    ) as v
    order by v.ordinal;
end
$validate$;

comment on function {{ S | ident }}.validate() is
'The checks of this mapping; tandem.validate(mapping) reads it.';
