create or replace function {{ S | ident }}.inside() returns trigger
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as $inside$
declare
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
begin
    perform pg_catalog.set_config(
        'tandem.origin', 'sync:' || pg_catalog.pg_trigger_depth(), true
    );
    if new.verb = 'migrate' then
        new.result := {{ S | ident }}._migrate_batch(new.run_id, new.batch_rows, new.failure);
    elsif new.verb = 'restore' then
        new.result := tandem._restore_batch({{ m.name | literal }}, new.run_id, new.batch_rows);
    elsif new.verb = 'orphans' then
        new.result := tandem._drop_orphans({{ m.name | literal }}, new.run_id, new.batch_rows);
    elsif new.verb = 'repair' then
        new.result := {{ S | ident }}._repair_batch(new.run_id, new.batch_rows, new.failure);
    elsif new.verb = 'rollback' then
        new.result := tandem._rollback_batch({{ m.name | literal }}, new.run_id, new.batch_rows);
    elsif new.verb = 'retry_rejected' then
        new.result := tandem._retry_batch({{ m.name | literal }}, new.run_id, new.batch_rows, new.failure);
    elsif new.verb = 'apply_due' then
        new.result := tandem._apply_due_batch({{ m.name | literal }}, new.run_id, new.batch_rows, new.failure);
    end if;
    perform pg_catalog.set_config('tandem.origin', v_origin, true);
    return new;
end
$inside$;

comment on function {{ S | ident }}.inside() is
'Trigger function: runs a batch at trigger depth 1 and returns its result in NEW.result.';

create or replace trigger tandem_50_inside instead of insert on {{ S | ident }}.inside
for each row execute function {{ S | ident }}.inside();
