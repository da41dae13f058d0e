-- In the order in which prepare makes it. Indexes come with run_by = size: prepare builds them
-- itself on a small table, else they are left to CREATE INDEX CONCURRENTLY.
create or replace function tandem._requirements(p_mapping text) returns setof tandem.requirement
language sql stable
set search_path = pg_catalog, pg_temp
as $_requirements$
    with mapping as (
        select m.definition, m.definition -> 'made' as made
        from tandem._mapping_of(p_mapping) as m
    ),

    indexes as (
        select
            i.item ->> 'relation' as relation, i.item ->> 'schema' as schema_name,
            i.item ->> 'name' as name, (i.item ->> 'unique')::boolean as is_unique,
            array(select pg_catalog.jsonb_array_elements_text(i.item -> 'columns')) as columns,
            i.item ->> 'list' as list, i.item ->> 'only' as only_rows, i.item ->> 'form' as form,
            i.position
        from mapping as m
        cross join lateral pg_catalog.jsonb_array_elements(m.made -> 'indexes') with ordinality
            as i (item, position)
    ),

    made (
        part, position, kind, relation, object, columns, expected, is_unique, statement, undo,
        lock_mode, blocks, run_by
    ) as (
        select
            1, t.position, 'table', t.item ->> 'relation', t.item ->> 'relation', '{}'::text[],
            null, false, (t.item ->> 'statement') || coalesce((
                select pg_catalog.string_agg('; ' || c.cure, '' order by c.column_name)
                from tandem._collations(p_mapping) as c
                where c.relation = t.item ->> 'relation' and c.hier_collation is null
            ), ''), 'drop table ' || (t.item ->> 'relation'),
            case when (t.item ->> 'refers')::boolean
                then 'SHARE ROW EXCLUSIVE on the parent table' else 'ACCESS EXCLUSIVE' end,
            'nobody: the table is new', 'procedure'
        from mapping as m
        cross join lateral pg_catalog.jsonb_array_elements(m.made -> 'tables') with ordinality
            as t (item, position)
        union all
        select
            2, c.position, 'column', c.item ->> 'relation', c.item ->> 'name', '{}',
            c.item ->> 'type', false, c.item ->> 'statement',
            pg_catalog.format('alter table %s drop column %I', c.item ->> 'relation',
                c.item ->> 'name'),
            'ACCESS EXCLUSIVE', 'everyone, for an instant: no row is rewritten', 'procedure'
        from mapping as m
        cross join lateral pg_catalog.jsonb_array_elements(m.made -> 'columns') with ordinality
            as c (item, position)
        union all
        select
            3, i.position, 'index', i.relation, i.name, i.columns, i.form, i.is_unique,
            pg_catalog.format('create %sindex %I on %s (%s)%s',
                case when i.is_unique then 'unique ' end, i.name, i.relation, i.list,
                ' ' || i.only_rows),
            pg_catalog.format('drop index %I.%I', i.schema_name, i.name),
            'SHARE', 'writers, while it is built', 'size'
        from indexes as i
        union all
        select
            4, t.position, 'trigger', t.item ->> 'relation', t.item ->> 'name', '{}', null, false,
            pg_catalog.format('%s; alter table %s disable trigger %I', t.item ->> 'statement',
                t.item ->> 'relation', t.item ->> 'name'),
            pg_catalog.format('drop trigger %I on %s', t.item ->> 'name', t.item ->> 'relation'),
            'SHARE ROW EXCLUSIVE', 'writers, for an instant: it is created disabled', 'procedure'
        from mapping as m
        cross join lateral pg_catalog.jsonb_array_elements(m.made -> 'triggers') with ordinality
            as t (item, position)
        union all
        select
            5, v.position, 'view', v.item ->> 'relation', v.item ->> 'name', '{}', null, false,
            v.item ->> 'statement', 'drop view ' || (v.item ->> 'relation'),
            'ACCESS SHARE', 'nobody', 'procedure'
        from mapping as m
        cross join lateral pg_catalog.jsonb_array_elements(m.made -> 'views') with ordinality
            as v (item, position)
    )

    select
        (pg_catalog.row_number() over (order by r.part, r.position))::integer, r.kind, r.relation,
        r.object, r.columns, r.expected, r.is_unique, r.statement, r.undo, r.lock_mode, r.blocks,
        r.run_by
    from made as r
    order by r.part, r.position
$_requirements$;

comment on function tandem._requirements(text) is
'What a mapping needs in the user''s schema: tables, columns, indexes, triggers, views.';
