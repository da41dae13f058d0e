-- The log of sync operations; its trigger is disabled until tandem.set_sync(mapping, 'log', true).
create or replace function tandem._log() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_log$
begin
    insert into tandem.sync_log (mapping, table_name, operation, row_key, by_sync)
    values (
        tg_argv[0], tg_table_name, pg_catalog.lower(tg_op),
        case when tg_op = 'DELETE' then pg_catalog.to_jsonb(old) else pg_catalog.to_jsonb(new) end
        ->> tg_argv[1],
        pg_catalog.pg_trigger_depth() > 1
    );
    return null;
end
$_log$;

comment on function tandem._log() is
'Trigger function: notes an operation in tandem.sync_log. Arguments: the mapping, the column that '
'identifies a row.';
