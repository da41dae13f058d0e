create or replace function tandem.rollback_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $rollback_step$
begin
    if (tandem._mapping_of(p_mapping)).area = 'imports' then
        perform tandem._run_of('rollback', p_mapping, p_run);
        perform tandem._require_phase(p_mapping, 'rollback', array['ready']);
        return tandem._rollback_import(p_mapping);
    end if;
    perform tandem._require_phase(p_mapping, 'rollback', array['prepared', 'syncing', 'migrated']);
    return tandem._inside(p_mapping, 'rollback', p_run, p_rows, p_failure);
end
$rollback_step$;

comment on function tandem.rollback_step(text, bigint, integer, jsonb) is
'One batch of tandem.rollback; does not commit. Called by the loop. Admins may execute it.';
