-- A foreign key of a partitioned table is there once more for each partition, and one that points
-- at a partitioned table once more for each partition of that.
create or replace function tandem._references_to(p_relation regclass)
returns table (
    constraint_id oid, label text, relation regclass, columns text[], referenced text[],
    types text[], key_columns text[], fault text, is_readable boolean
)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_references_to$
    select
        c.oid, pg_catalog.format('%s (%I)', c.conrelid::regclass, c.conname), c.conrelid::regclass,
        k.columns, k.referenced, k.types, p.columns,
        coalesce(tandem._write_fault(c.conrelid),
            case when p.columns is null
                then 'has no primary key, so what is moved could not be found again' end),
        not pg_catalog.row_security_active(c.conrelid)
        and pg_catalog.has_schema_privilege(r.relnamespace, 'usage')
        and pg_catalog.has_table_privilege(c.conrelid, 'select')
    from pg_catalog.pg_constraint as c
    join pg_catalog.pg_class as r on r.oid = c.conrelid
    cross join lateral (
        select
            pg_catalog.array_agg(a.attname::text order by n.position) as columns,
            pg_catalog.array_agg(f.attname::text order by n.position) as referenced,
            pg_catalog.array_agg(pg_catalog.format_type(f.atttypid, -1) order by n.position)
                as types
        from rows from (pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey)) with ordinality
            as n (own, other, position)
        join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = n.own
        join pg_catalog.pg_attribute as f on f.attrelid = c.confrelid and f.attnum = n.other
    ) as k
    cross join lateral (
        select pg_catalog.array_agg(a.attname::text order by n.position) as columns
        from pg_catalog.pg_index as i
        cross join lateral pg_catalog.unnest(i.indkey::smallint[]) with ordinality
            as n (number, position)
        join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = n.number
        where i.indrelid = c.conrelid and i.indisprimary and n.position <= i.indnkeyatts
    ) as p
    where c.contype = 'f' and c.confrelid = p_relation and not exists (
        select from pg_catalog.pg_constraint as o
        where o.oid = c.conparentid and o.confrelid = c.confrelid
    )
    order by c.conrelid::regclass::text, c.conname
$_references_to$;

comment on function tandem._references_to(regclass) is
'Every foreign key that points at a table: its columns, the columns that they refer to and their '
'types, the primary key of the table that has it, and why its rows cannot be moved.';
