-- In the order of their lines, else in the one in which they were written.
create or replace function tandem._staging_query(p_staging regclass) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $_staging_query$
    select pg_catalog.format(
        'select coalesce(pg_catalog.array_agg(row(%s, %s, %s, %s)::tandem.import_input '
        'order by %s s.ctid), ''{}'') from only %s as s',
        case when c.names ? 'line_no' then 's.line_no' else 'null' end,
        case when c.names ? 'last_line' then 's.last_line' else 'null' end,
        case when c.names ? 'fault' then 's.fault' else 'null' end,
        case when c.has_content then 's.content'
            else pg_catalog.format('array[%s]::text[]', c.list) end,
        case when c.has_content and c.names ? 'line_no' then 's.line_no,' end, p_staging
    )
    from (
        select
            pg_catalog.bool_or(a.attname = 'content' and a.atttypid = 'text[]'::regtype)
            as has_content,
            case when pg_catalog.bool_or(
                a.attname = 'content' and a.atttypid = 'text[]'::regtype
            ) then pg_catalog.jsonb_agg(a.attname) else '[]' end as names,
            pg_catalog.string_agg(
                pg_catalog.format('s.%I::text', a.attname), ', ' order by a.attnum
            ) as list
        from pg_catalog.pg_attribute as a
        where a.attrelid = p_staging and a.attnum > 0 and not a.attisdropped
    ) as c
$_staging_query$;

comment on function tandem._staging_query(regclass) is
'The query that reads a staging table as records of an input.';
