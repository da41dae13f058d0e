-- A key of its own that a table gives itself refers to nothing. Types of others are left alone:
-- comparing them could run code of theirs.
create or replace function tandem._look_alikes(
    p_relation regclass, p_column text, p_type text
)
returns table (label text, relation regclass, column_name text, compared text, is_readable boolean)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $_look_alikes$
    select
        pg_catalog.format('%s.%I', c.oid::regclass, a.attname), c.oid::regclass, a.attname::text,
        case when a.atttypid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
            then 'text' else p_type end,
        not pg_catalog.row_security_active(c.oid)
        and pg_catalog.has_schema_privilege(c.relnamespace, 'usage')
        and pg_catalog.has_column_privilege(c.oid, a.attnum, 'select')
    from pg_catalog.pg_attribute as a
    join pg_catalog.pg_class as c on c.oid = a.attrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where a.attname = p_column and a.attnum > 0 and not a.attisdropped
        and c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
        and c.oid <> p_relation
        and n.nspname !~ '^(pg_|information_schema$|tandem$|tandem_)'
        and (
            a.atttypid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
            or p_type = 'uuid' and a.atttypid = 'uuid'::regtype
            or p_type <> 'uuid' and a.atttypid
            in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype)
        )
        and not exists (
            select from pg_catalog.pg_constraint as f
            where f.conrelid = c.oid and f.contype = 'f' and a.attnum = any (f.conkey)
        )
        and not ((a.atthasdef or a.attidentity <> '') and exists (
            select from pg_catalog.pg_index as i
            where i.indrelid = c.oid and i.indisprimary and i.indnkeyatts = 1
                and i.indkey[0] = a.attnum
        ))
    order by 1
$_look_alikes$;

comment on function tandem._look_alikes(regclass, text, text) is
'Columns of other tables that are called as a table''s id and have no foreign key: they may hold '
'ids of it. compared: the type in which they are compared with one.';
