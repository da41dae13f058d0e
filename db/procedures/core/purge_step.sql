create or replace function tandem.purge_step(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $purge_step$
declare
    v_before timestamptz;
    v_count bigint;
    v_more bigint;
    r_result tandem.step_result;
begin
    v_before := (tandem._run_of('purge', p_mapping, p_run)).params ->> 'before';
    delete from tandem.sync_log as s
    where s.sync_log_id in (
        select l.sync_log_id from tandem.sync_log as l where l.logged_at < v_before limit p_rows
    );
    get diagnostics v_count = row_count;
    delete from tandem.rejected_row as s
    where s.rejected_id in (
        select r.rejected_id from tandem.rejected_row as r
        where r.resolved_at < v_before limit p_rows
    );
    get diagnostics v_more = row_count;
    v_count := v_count + v_more;
    v_count := v_count + tandem._purge_imports(v_before, p_rows);
    delete from tandem.run as s
    where s.run_id in (
        select r.run_id from tandem.run as r
        where r.finished_at < v_before and r.run_id <> p_run
        order by r.run_id limit greatest(1, p_rows / 100)
    );
    get diagnostics v_more = row_count;
    v_count := v_count + v_more;
    r_result := row(v_count = 0, '{}', v_count, v_count, 0, 0, null, null);
    return r_result;
end
$purge_step$;

comment on function tandem.purge_step(text, bigint, integer, jsonb) is
'One batch of tandem.purge; does not commit. Called by the loop. Admins may execute it.';
