{% macro trigger(table, key) %}
create trigger tandem_90_log after insert or update or delete on {{ table | relation(m.schema) }}
for each row execute function {{ S | ident }}.log({{ key | literal }})
{%- endmacro %}
-- The log of sync operations; the trigger is disabled until tandem.set_sync(mapping, 'log', true).
create or replace function {{ S | ident }}.log() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $log$
#variable_conflict use_variable
declare
    v_row json := case when tg_op = 'DELETE' then pg_catalog.to_json(old) else pg_catalog.to_json(new) end;
begin
    insert into tandem.sync_log (sync_log_id, mapping, table_name, operation, row_key, by_sync)
    values (
        tandem.new_id(), {{ m.name | literal }}, tg_table_name, pg_catalog.lower(tg_op), v_row ->> tg_argv[0], pg_catalog.pg_trigger_depth() > 1
    );
    return null;
end
$log$;

comment on function {{ S | ident }}.log() is
'Trigger function: notes an operation in tandem.sync_log. Argument: the column that identifies a row.';
