create or replace function tandem.repair_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $repair_step$
declare
    r_result tandem.step_result;
begin
    perform tandem._require_phase(p_mapping, 'repair', array['syncing', 'migrated']);
    r_result := tandem._inside(p_mapping, 'repair', p_run, p_rows, p_failure);
    if r_result.done then
        if not (
            select r.params @> '{"dry_run": true}' from tandem.run as r where r.run_id = p_run
        ) then
            perform tandem._note_due(p_mapping);
        end if;
        -- here and not in the batch: a comparison of everything wants the plans that it forbids
        update tandem.run as r set drift_rows = tandem.drift_count(p_mapping)
        where r.run_id = p_run
        returning pg_catalog.format(
            case when (r.params ->> 'dry_run')::boolean
                then 'dry run: nothing was changed, the counts are what would be done; drift is %s'
                else 'drift now: %s' end,
            r.drift_rows
        ) || case
            when r.drift_rows > 0 and r.params ->> 'extra' = 'keep'
                and not (r.params ->> 'dry_run')::boolean then '; rows that only the other '
                'side has are kept: p_extra => ''delete'' deletes them'
            else ''
        end || coalesce((
            select pg_catalog.format(
                '; %s could not be deleted (tandem.rejected_row, resolution not deleted by '
                'repair): repair again', pg_catalog.count(*)
            )
            from tandem.rejected_row as d
            where d.run_id = p_run and d.resolution = 'not deleted by repair'
            having pg_catalog.count(*) > 0
        ), '')
        into r_result.message;
    end if;
    return r_result;
end
$repair_step$;

comment on function tandem.repair_step(text, bigint, integer, jsonb) is
'One batch of tandem.repair; does not commit. Called by the loop. Operators may execute it.';
