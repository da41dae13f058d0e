-- One batch of tandem.apply_due.
create or replace function {{ S | ident }}.apply_due_step(p_run bigint, p_rows integer, p_failure jsonb)
returns tandem.step_result
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as $apply_due_step$
declare
    r_result tandem.step_result;
begin
    insert into {{ S | ident }}.inside as i (verb, run_id, batch_rows, failure)
    values ('apply_due', p_run, p_rows, p_failure)
    returning (i.result).* into r_result;
    return r_result;
end
$apply_due_step$;

comment on function {{ S | ident }}.apply_due_step(bigint, integer, jsonb) is
'One batch of tandem.apply_due; does not commit. Called by the loop. Operators may execute it.';
