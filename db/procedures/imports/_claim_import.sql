-- The lock on the job's row is held until the run has begun, which is committed with it. A job's
-- session was lost where nobody holds its run's lock; a session lets go of that for a moment
-- between two batches, so it is looked for again.
create or replace function tandem._claim_import(p_mapping text) returns tandem.import_job
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_claim_import$
declare
    v_tries integer := tandem._setting_of('import_max_retries')::integer;
    v_is_lost boolean;
    r_job tandem.import_job;
begin
    for r_job in
        select * from tandem.import_job as j
        where j.state in ('queued', 'running')
            and (j.mapping = p_mapping or p_mapping is null)
            and j.run_after <= pg_catalog.clock_timestamp()
            -- what whoever submitted it is about to run
            and (j.is_durable or j.updated_at < pg_catalog.clock_timestamp() - interval '1 minute')
        order by j.import_id
        for no key update skip locked
    loop
        v_is_lost := true;
        for v_look in 1 .. 5 loop
            v_is_lost := v_is_lost and not exists (
                select from tandem.run as r
                where r.import_id = r_job.import_id and r.finished_at is null
                    and tandem._running(r.run_id)
            );
            -- another worker may just have begun it
            exit when not v_is_lost or not exists (
                select from tandem.run as r
                where r.import_id = r_job.import_id and r.finished_at is null
                    and r.state = 'running'
            );
            perform pg_catalog.pg_sleep(0.02);
        end loop;
        continue when not v_is_lost;
        -- one that gets on at each try is not given up
        if r_job.state = 'running' and r_job.tries >= v_tries
            and r_job.next_row <= r_job.tried_row then
            update tandem.import_job as j
            set state = 'dead', finished_at = pg_catalog.clock_timestamp(),
                error_sqlstate = '57P02',
                error_message = pg_catalog.format(
                    'the session that did it was lost %s times', r_job.tries + 1
                )
            where j.import_id = r_job.import_id;
            continue;
        end if;
        update tandem.import_job as j
        set state = 'running',
            tries = case when j.state <> 'running' then j.tries
                when j.next_row > j.tried_row then 1 else j.tries + 1 end,
            tried_row = j.next_row
        where j.import_id = r_job.import_id
        returning * into r_job;
        return r_job;
    end loop;
    return null;
end
$_claim_import$;

comment on function tandem._claim_import(text) is
'The next import that nobody is at, its row locked; NULL where there is none. One whose session '
'was lost too often is given up.';
