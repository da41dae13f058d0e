create or replace function tandem.apply_due_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language sql
security definer
set search_path = pg_catalog, pg_temp
as $apply_due_step$
    select tandem._require_phase(p_mapping, 'apply_due', array['syncing', 'migrated']);
    select tandem._inside(p_mapping, 'apply_due', p_run, p_rows, p_failure)
$apply_due_step$;

comment on function tandem.apply_due_step(text, bigint, integer, jsonb) is
'One batch of tandem.apply_due; does not commit. Called by the loop. Operators may execute it.';
