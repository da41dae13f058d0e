-- What another role's table does when it is read or written, it would do with our rights.
create or replace function tandem._write_fault(p_relation regclass) returns text
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_write_fault$
    select case
        when pg_catalog.row_security_active(c.oid) then 'hides rows by row level security'
        when pg_catalog.pg_has_role(c.relowner, 'usage') then null
        when not pg_catalog.has_schema_privilege(c.relnamespace, 'usage')
            or not pg_catalog.has_table_privilege(c.oid, 'select')
            or not pg_catalog.has_table_privilege(c.oid, 'update')
            then pg_catalog.format('is of %s, and may not be read and updated by %s',
                pg_catalog.pg_get_userbyid(c.relowner), current_user)
        when exists (
            select
            from (
                select c.oid as part
                union
                select t.relid::oid from pg_catalog.pg_partition_tree(c.oid) as t
            ) as p
            where exists (
                select from pg_catalog.pg_trigger as t
                where t.tgrelid = p.part and not t.tgisinternal
            ) or exists (
                select from pg_catalog.pg_rewrite as w where w.ev_class = p.part
            ) or exists (
                select from pg_catalog.pg_constraint as k
                where k.conrelid = p.part and k.contype in ('c', 'x')
            ) or exists (
                select from pg_catalog.pg_index as i
                where i.indrelid = p.part and (i.indexprs is not null or i.indpred is not null)
            ) or exists (
                select
                from pg_catalog.pg_attribute as a
                join pg_catalog.pg_type as t on t.oid = a.atttypid
                where a.attrelid = p.part and a.attnum > 0
                    and (a.attgenerated <> '' or t.typtype = 'd')
            )
        ) then pg_catalog.format('is of %s and has code, which would run as %s',
            pg_catalog.pg_get_userbyid(c.relowner), current_user)
    end
    from pg_catalog.pg_class as c
    where c.oid = p_relation
$_write_fault$;

comment on function tandem._write_fault(regclass) is
'Why rows of a table that refers to ours cannot be updated; NULL where they can.';
