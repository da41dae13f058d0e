{% from 'triggers/sync/frame.jinja' import unmark with context %}
create or replace function {{ S | ident }}.inside() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $inside$
#variable_conflict use_variable
declare
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_token bigint;
begin
    v_token := tandem._mark(v_origin, {{ m.name | literal }}, -1);
    new.result := case new.verb
        when 'migrate' then {{ S | ident }}._migrate_batch(new.run_id, new.batch_rows, new.failure)
        when 'link' then tandem._link_batch({{ m.name | literal }}, new.run_id, new.batch_rows)
        when 'restore' then tandem._restore_batch({{ m.name | literal }}, new.run_id, new.batch_rows)
        when 'orphans' then tandem._drop_orphans({{ m.name | literal }}, new.run_id, new.batch_rows, new.failure)
        when 'repair' then tandem._repair_batch({{ m.name | literal }}, new.run_id, new.batch_rows, new.failure)
        when 'rollback' then tandem._rollback_batch({{ m.name | literal }}, new.run_id, new.batch_rows)
        when 'retry_rejected' then tandem._retry_batch({{ m.name | literal }}, new.run_id, new.batch_rows, new.failure)
        when 'apply_due' then tandem._apply_due_batch({{ m.name | literal }}, new.run_id, new.batch_rows, new.failure)
    end;
    {{ unmark() }}
    return new;
end
$inside$;

comment on function {{ S | ident }}.inside() is
'Trigger function: runs a batch at trigger depth 1 and returns its result in NEW.result.';

create or replace trigger tandem_50_inside instead of insert on {{ S | ident }}.inside
for each row execute function {{ S | ident }}.inside();
