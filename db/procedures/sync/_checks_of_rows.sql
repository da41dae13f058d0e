create or replace function tandem._checks_of_rows(p_mapping text)
returns table (
    ordinal integer, check_name text, expected bigint, actual bigint, detail text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_checks_of_rows$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_leaf text := (select l.sync from tandem._levels(p_mapping) as l where l.is_leaf);
    v_no_id text := (
        select pg_catalog.string_agg(pg_catalog.format('flat.%I is null', l.sync), ' or ')
        from tandem._levels(p_mapping) as l
    );
    v_rejected bigint;
    v_linked bigint;
    v_distinct bigint;
    v_without_ids bigint;
    v_unmigrated bigint;
begin
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    execute pg_catalog.format(
        $query$select
    pg_catalog.count(*) filter (where flat.%1$I = 'rejected'),
    pg_catalog.count(flat.%2$I),
    pg_catalog.count(distinct flat.%2$I),
    pg_catalog.count(*) filter (where flat.%1$I is distinct from 'rejected' and (%3$s)),
    pg_catalog.count(*) filter (where flat.%1$I is distinct from 'rejected' and flat.%2$I is null)
from %4$s as flat$query$,
        v_definition ->> 'status', v_leaf, v_no_id, v_definition ->> 'flat'
    ) into v_rejected, v_linked, v_distinct, v_without_ids, v_unmigrated;
    return query
    with drift_rows as (
        select
            pg_catalog.count(*) filter (where d.kind = 'link') as links,
            pg_catalog.count(*) filter (where d.kind = 'value') as in_values,
            pg_catalog.count(*) filter (where d.kind = 'flat_only') as flat_only,
            pg_catalog.count(*) filter (where d.kind = 'hierarchy_only') as hierarchy_only
        from tandem.drift(p_mapping, null) as d
    )

    select v.ordinal, v.check_name, v.expected, v.actual, v.detail
    from drift_rows as d
    cross join lateral (
        values
        (10, 'every row migrated', 0::bigint, v_unmigrated,
            'flat rows without a leaf id that are not rejected'),
        (20, 'sync columns populated', 0, v_without_ids, 'active flat rows with an empty id'),
        (30, 'leaf ids unique', v_linked, v_distinct,
            'flat rows, and different leaf ids in them'),
        (40, 'a leaf per flat row', 0, d.flat_only, 'flat rows whose leaf is not there'),
        (50, 'a flat row per leaf', 0, d.hierarchy_only,
            'leaves without a flat row; CALL tandem.repair(mapping, ''hierarchy'', p_dry_run => '
            'false) creates the rows, (mapping, ''flat'', ''delete'', false) deletes the leaves'),
        (60, 'links', 0, d.links,
            'flat rows whose ids are not those of the chain above the leaf'),
        (70, 'values', 0, d.in_values,
            'columns that differ; SELECT * FROM tandem.drift(mapping)'),
        (120, 'rejected rows are kept', v_rejected, (
            select pg_catalog.count(*) from tandem.rejected_row as r
            where r.mapping = p_mapping and r.side = 'flat' and r.resolved_at is null
        ), 'flat rows marked as rejected, and open rows of tandem.rejected_row')
    ) as v (ordinal, check_name, expected, actual, detail);
end
$_checks_of_rows$;

comment on function tandem._checks_of_rows(text) is
'The checks of tandem.validate that count flat rows and drift.';
