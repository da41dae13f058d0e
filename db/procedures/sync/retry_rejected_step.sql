create or replace function tandem.retry_rejected_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language sql
security definer
set search_path = pg_catalog, pg_temp
as $retry_rejected_step$
    select tandem._require_phase(p_mapping, 'retry_rejected', array['syncing', 'migrated']);
    select tandem._inside(p_mapping, 'retry_rejected', p_run, p_rows, p_failure)
$retry_rejected_step$;

comment on function tandem.retry_rejected_step(text, bigint, integer, jsonb) is
'One batch of tandem.retry_rejected; does not commit. Called by the loop. '
'Operators may execute it.';
