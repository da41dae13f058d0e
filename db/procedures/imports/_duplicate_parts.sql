-- Names and types are quoted: live, key and label are SQL over a row t.
create or replace function tandem._duplicate_parts(p_mapping text)
returns table (
    ordinal integer, part text, relation regclass, id_column text, id_type text,
    deleted_column text, key_columns text[], is_variant boolean, is_exact boolean, live text,
    key text, label text, is_enforced boolean
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_duplicate_parts$
    with parts as (
        select
            p.position::integer as position, p.item,
            tandem._own_table(p.item ->> 'relation') as relation,
            array(select pg_catalog.jsonb_array_elements_text(p.item -> 'key')) as key_columns,
            m.definition
        from tandem._mapping_of(p_mapping) as m
        cross join lateral pg_catalog.jsonb_array_elements(m.definition -> 'parts') with ordinality
            as p (item, position)
    ),

    columns as (
        select
            p.*, i.atttypid as id_type, d.attname::text as deleted,
            p.item ? 'references' as is_variant, p.item ->> 'match' = 'exact' as is_exact
        from parts as p
        join pg_catalog.pg_attribute as i on i.attrelid = p.relation
            and i.attname = p.item ->> 'id' and not i.attisdropped and i.attnum > 0
        left join pg_catalog.pg_attribute as d on d.attrelid = p.relation
            and d.attname = p.item ->> 'deleted' and not d.attisdropped and d.attnum > 0
        where not exists (
            select from pg_catalog.unnest(p.key_columns) as k (name)
            where not exists (
                select from pg_catalog.pg_attribute as a
                where a.attrelid = p.relation and a.attname = k.name and not a.attisdropped
            )
        )
    )

    select
        c.position, c.item ->> 'name', c.relation, c.item ->> 'id',
        pg_catalog.format_type(c.id_type, -1), c.deleted, c.key_columns, c.is_variant,
        coalesce(c.is_exact, false),
        pg_catalog.concat_ws(' and ',
            case when c.deleted is null then 'true'
                else pg_catalog.format('t.%I is null', c.deleted) end,
            case when not c.is_variant
                then pg_catalog.format('t.%I is not null', c.key_columns[1]) end),
        k.key,
        case when c.is_variant then pg_catalog.format('(%s)::text', k.key)
            else pg_catalog.format('t.%I::text', c.key_columns[1]) end,
        exists (
            select
            from pg_catalog.pg_index as i
            join pg_catalog.jsonb_array_elements(c.definition -> 'made' -> 'indexes') as x (item)
                on x.item ->> 'relation' = c.item ->> 'relation'
                and (x.item ->> 'unique')::boolean
            where i.indrelid = c.relation and i.indisvalid and i.indisready and i.indisunique
                and i.indimmediate and tandem._index_form(i.indexrelid) = x.item ->> 'form'
        )
    from columns as c
    cross join lateral (
        select case
            when c.is_variant then (
                select pg_catalog.format('pg_catalog.jsonb_build_object(%s)',
                    pg_catalog.string_agg(pg_catalog.format('%L, t.%I', n.name, n.name), ', '))
                from pg_catalog.unnest(c.key_columns) as n (name)
            )
            when c.is_exact then pg_catalog.format('t.%I', c.key_columns[1])
            else pg_catalog.format('tandem.import_key(t.%I)', c.key_columns[1])
        end as key
    ) as k
    order by c.position
$_duplicate_parts$;

comment on function tandem._duplicate_parts(text) is
'The tables of an import that are there, and how their duplicates are told: live (a condition), '
'key (what its unique index is over) and label (that as a person reads it) are SQL over a row t. '
'is_enforced: the unique index is there, so there are no duplicates.';
