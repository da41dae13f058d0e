-- Only a table, without policies: a view may be code of somebody else's, and would be run with the
-- caller's rights.
create or replace function tandem._import_log_of(p_mapping text, p_log text) returns regclass
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_import_log_of$
declare
    v_parts text[] := pg_catalog.parse_ident(p_log);
    v_log regclass;
begin
    if pg_catalog.cardinality(v_parts) > 2 then
        raise exception 'p_log is %', pg_catalog.quote_nullable(p_log)
        using errcode = 'invalid_parameter_value', detail = 'It may be table or schema.table.',
            hint = 'Nothing was done.';
    end if;
    if pg_catalog.cardinality(v_parts) = 1 then
        v_parts := (tandem._mapping_of(p_mapping)).schema_name || v_parts;
    end if;
    v_log := pg_catalog.to_regclass(pg_catalog.format('%I.%I', v_parts[1], v_parts[2]));
    if v_log is null and v_parts[2] = 'import_logs' then
        v_log := pg_catalog.to_regclass(pg_catalog.format('%I.%I', v_parts[1], 'import_logs_old'));
    end if;
    if exists (
        with recursive parts (relation) as (
            select v_log::oid
            union
            select i.inhrelid from parts as p
            join pg_catalog.pg_inherits as i on i.inhparent = p.relation
        )

        select from parts as p
        join pg_catalog.pg_class as c on c.oid = p.relation and c.relkind not in ('r', 'p')
    ) or pg_catalog.row_security_active(v_log) then
        raise exception '% is no plain table', v_log
        using errcode = 'invalid_parameter_value',
            detail = 'Reading a view, a foreign table or row policies would run what somebody has '
            'put there.',
            hint = 'Copy it: CREATE TABLE ... AS SELECT created_at, duration_seconds, status ...';
    end if;
    return v_log;
end
$_import_log_of$;

comment on function tandem._import_log_of(text, text) is
'The old importer''s log table, in the mapping''s schema where none is said; NULL: there is none. '
'import_logs_old is taken for import_logs that has been renamed.';
