-- What is read here outlives the block, whatever it has written does not; its locks go with it.
create or replace function tandem._compare_path(p_import bigint, p_importer text)
returns tandem.import_path
language plpgsql
set search_path = pg_catalog, pg_temp
as $_compare_path$
declare
    v_started timestamptz;
    v_lsn pg_lsn;
    r_job tandem.import_job;
    r_path tandem.import_path;
begin
    begin
        -- seen by others at once, inside this transaction
        perform pg_catalog.set_config('application_name', 'pgtandem compare ' || p_importer, true);
        perform pg_catalog.set_config(
            'lock_timeout', tandem._setting_of('batch_lock_timeout') || 'ms', true
        );
        update tandem.import_job as j
        set importer = p_importer, decided_by = 'comparison', state = 'running'
        where j.import_id = p_import;
        v_started := pg_catalog.clock_timestamp();
        v_lsn := pg_catalog.pg_current_wal_insert_lsn();
        r_job := tandem._import_in_place(p_import);
        r_path.milliseconds :=
            1000 * extract(epoch from pg_catalog.clock_timestamp() - v_started);
        r_path.wal_bytes :=
            pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), v_lsn);
        -- locks are held to the end of the block: waits from here on are no path's fault
        perform pg_catalog.set_config('application_name', 'pgtandem compare', true);
        r_path.counts := pg_catalog.to_jsonb(r_job) || pg_catalog.jsonb_build_object(
            'processed', r_job.next_row - 1, 'updated or unchanged', r_job.updated + r_job.unchanged
        );
        r_path.failed := coalesce((
            select pg_catalog.jsonb_object_agg(x.row_no, x.sqlstate)
            from tandem.rejected_row as x
            where x.import_id = p_import
        ), '{}');
        r_path.table_rows := tandem._table_rows(r_job.mapping);
        r_path.written := array(select w.w from tandem._written_rows(r_job.mapping) as w);
        raise exception 'dry run' using errcode = 'TD099';
    exception when sqlstate 'TD099' then
        null;
    end;
    return r_path;
end
$_compare_path$;

comment on function tandem._compare_path(bigint, text) is
'Does an import by a path, looks at what it did, and takes it back.';
