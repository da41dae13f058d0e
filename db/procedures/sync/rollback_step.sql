create or replace function tandem.rollback_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language sql
security definer
set search_path = pg_catalog, pg_temp
as $rollback_step$
    select tandem._require_phase(p_mapping, 'rollback', array['prepared', 'syncing', 'migrated']);
    select tandem._inside(p_mapping, 'rollback', p_run, p_rows, p_failure)
$rollback_step$;

comment on function tandem.rollback_step(text, bigint, integer, jsonb) is
'One batch of tandem.rollback; does not commit. Called by the loop. Admins may execute it.';
