-- Runs one batch of the migration and rolls it back: how long it takes, how much it writes.
create or replace function {{ S | ident }}.sample(
    p_rows integer, out rows_done bigint, out milliseconds numeric, out wal_bytes bigint
)
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as $sample$
declare
    v_run bigint;
    v_lsn pg_lsn;
    v_started timestamptz;
    r_result tandem.step_result;
begin
    perform tandem._require_prepared({{ m.name | literal }});
    begin
        insert into tandem.run (kind, mapping, cursor) values ('sample', {{ m.name | literal }}, '{"stage": "rows"}')
        returning run_id into v_run;
        v_lsn := pg_catalog.pg_current_wal_insert_lsn();
        v_started := pg_catalog.clock_timestamp();
        insert into {{ S | ident }}.inside as i (verb, run_id, batch_rows) values ('migrate', v_run, p_rows)
        returning (i.result).* into r_result;
        milliseconds := 1000 * extract(epoch from pg_catalog.clock_timestamp() - v_started);
        wal_bytes := pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), v_lsn);
        rows_done := r_result.written_rows;
        raise exception 'sample' using errcode = 'TD099';
    exception when sqlstate 'TD099' then
        null;
    end;
end
$sample$;

comment on function {{ S | ident }}.sample(integer) is
'Runs one batch of the migration and rolls it back; tandem.plan(mapping, rows) reads it.';
