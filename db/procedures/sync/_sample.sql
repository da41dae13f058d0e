-- Runs the next batch of the migration and rolls it back: how long it takes, how much it writes.
create or replace function tandem._sample(
    p_mapping text, p_rows integer,
    out rows_done bigint, out milliseconds numeric, out wal_bytes bigint
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_sample$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_from text;
    v_run bigint;
    v_lsn pg_lsn;
    v_started timestamptz;
    r_result tandem.step_result;
begin
    perform tandem._require_prepared(p_mapping);
    perform tandem._require_indexes(p_mapping);
    execute pg_catalog.format(
        'select flat.%1$I::text from %2$s as flat
        where flat.%3$I is null and flat.%4$I = ''active''
        order by flat.%1$I
        limit 1',
        v_definition ->> 'key', v_definition ->> 'flat',
        (select l.sync from tandem._levels(p_mapping) as l where l.is_leaf),
        v_definition ->> 'status'
    ) into v_from;
    begin
        insert into tandem.run (kind, mapping, key_from, cursor)
        values ('sample', p_mapping, v_from, '{"stage": "rows"}')
        returning run_id into v_run;
        v_lsn := pg_catalog.pg_current_wal_insert_lsn();
        v_started := pg_catalog.clock_timestamp();
        r_result := tandem._inside(p_mapping, 'migrate', v_run, p_rows, null);
        milliseconds := 1000 * extract(epoch from pg_catalog.clock_timestamp() - v_started);
        wal_bytes := pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), v_lsn);
        rows_done := r_result.written_rows;
        raise exception 'sample' using errcode = 'TD099';
    exception when sqlstate 'TD099' then
        null;
    end;
end
$_sample$;

comment on function tandem._sample(text, integer) is
'Runs one batch of the migration and rolls it back; tandem.plan(mapping, rows) reads it.';
