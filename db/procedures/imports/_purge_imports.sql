create or replace function tandem._purge_imports(p_before timestamptz, p_rows integer)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_purge_imports$
declare
    v_imports bigint[] := array(
        select j.import_id from tandem.import_job as j
        where j.finished_at < p_before
            -- one that is being undone, or was and may go on, needs what is kept of it
            and not exists (
                select from tandem.run as r
                where r.import_id = j.import_id and r.finished_at is null
                    and (r.updated_at >= p_before or tandem._running(r.run_id))
            )
        order by j.import_id
        limit greatest(1, p_rows / 1000)
        for update skip locked
    );
    v_count bigint;
begin
    delete from tandem.slow_batch as s
    using tandem.run as r
    where r.import_id = any (v_imports) and s.run_id = r.run_id;
    delete from tandem.import_row as r where r.import_id = any (v_imports);
    delete from tandem.import_mark as k where k.import_id = any (v_imports);
    delete from tandem.import_change as c where c.import_id = any (v_imports);
    delete from tandem.import_undone as u where u.import_id = any (v_imports);
    delete from tandem.import_cancel as x where x.import_id = any (v_imports);
    delete from tandem.rejected_row as x where x.import_id = any (v_imports);
    delete from tandem.import_job as j where j.import_id = any (v_imports);
    get diagnostics v_count = row_count;
    return v_count;
end
$_purge_imports$;

comment on function tandem._purge_imports(timestamptz, integer) is
'Deletes some imports that ended before, with all that is kept of them; returns how many.';
