-- A column with a default cannot be added to a table whose row type is a column elsewhere, be it
-- within an array, a domain or another row: PostgreSQL's rewriting of tables stops there (0A000).
create or replace function tandem._row_type_columns(p_table regclass) returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $_row_type_columns$
    with recursive holders (type_id) as (
        select c.reltype from pg_catalog.pg_class as c where c.oid = p_table
        union
        select n.type_id
        from holders as h
        cross join lateral (
            select t.typarray from pg_catalog.pg_type as t where t.oid = h.type_id
            union all
            select t.oid from pg_catalog.pg_type as t where t.typbasetype = h.type_id
            union all
            select r.rngtypid from pg_catalog.pg_range as r where r.rngsubtype = h.type_id
            union all
            select c.reltype
            from pg_catalog.pg_attribute as a
            join pg_catalog.pg_class as c on c.oid = a.attrelid
            where a.atttypid = h.type_id and not a.attisdropped
        ) as n (type_id)
        where n.type_id <> 0
    )

    select pg_catalog.format('%s.%I', a.attrelid::regclass, a.attname)
    from holders as h
    join pg_catalog.pg_attribute as a on a.atttypid = h.type_id and not a.attisdropped
    join pg_catalog.pg_class as c on c.oid = a.attrelid
    where c.relkind in ('r', 'm', 'p')
    order by 1
$_row_type_columns$;

comment on function tandem._row_type_columns(regclass) is
'Columns of tables and materialized views whose type contains the row type of a table.';
