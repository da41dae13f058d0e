create or replace function tandem._run_begin(
    p_kind text, p_mapping text, p_params jsonb, out run_id bigint, out attempt integer
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_run_begin$
declare
    -- How fast to go may change between attempts; what to do may not.
    v_tuning constant text[] := array['batch_rows', 'target_ms', 'pause_ms', 'max_batches'];
    v_step regprocedure := tandem._step_of(p_kind, p_mapping);
    r_run tandem.run;
begin
    -- Two beginners in one moment: the second sees what the first has inserted.
    lock table tandem.run in share row exclusive mode;
    for r_run in
        select * from tandem.run as r
        where r.finished_at is null and r.mapping is not distinct from p_mapping
            and (p_mapping is not null or r.kind = p_kind)
        order by r.run_id
        for update
    loop
        if r_run.kind = 'migrate' and p_kind = 'migrate'
            and (r_run.key_from, r_run.key_to)
            is distinct from (p_params ->> 'from', p_params ->> 'to')
            and (r_run.key_from is not null or r_run.key_to is not null)
            and (p_params ->> 'from' is not null or p_params ->> 'to' is not null) then
            continue;
        end if;
        if not pg_catalog.pg_try_advisory_xact_lock(tandem._run_lock(), r_run.run_id::integer) then
            raise exception '% of % is running already (run %)',
                r_run.kind, coalesce(p_mapping, 'this database'), r_run.run_id
            using errcode = 'TD010',
                detail = pg_catalog.format(
                    'Started by %s from %s at %s, backend %s, %s rows read so far.',
                    r_run.started_by, r_run.application, r_run.started_at::timestamptz(0),
                    r_run.backend_pid, r_run.read_rows
                ),
                hint = pg_catalog.format(
                    'Watch it: SELECT * FROM tandem.progress WHERE run_id = %s. Stop it: SELECT '
                    'pg_cancel_backend(%s).', r_run.run_id, r_run.backend_pid
                );
        end if;
        if r_run.kind = p_kind and r_run.params - v_tuning = p_params - v_tuning then
            update tandem.run as r
            set attempt = r.attempt + 1, state = 'running', params = p_params,
                backend_pid = pg_catalog.pg_backend_pid(), started_by = session_user,
                application = pg_catalog.current_setting('application_name'),
                updated_at = pg_catalog.clock_timestamp()
            where r.run_id = r_run.run_id
            returning r.run_id, r.attempt into run_id, attempt;
            return;
        end if;
        update tandem.run as r
        set state = 'failed', finished_at = pg_catalog.clock_timestamp(),
            error_message = pg_catalog.format('superseded by %s', p_kind)
        where r.run_id = r_run.run_id;
    end loop;
    insert into tandem.run as r (kind, mapping, key_from, key_to, params)
    values (p_kind, p_mapping, p_params ->> 'from', p_params ->> 'to', p_params)
    returning r.run_id, r.attempt into run_id, attempt;
    perform pg_catalog.pg_advisory_xact_lock(tandem._run_lock(), run_id::integer);
end
$_run_begin$;

comment on function tandem._run_begin(text, text, jsonb) is
'Begins a run, or resumes an unfinished one with the same parameters; raises TD010 where it is '
'running already. An unfinished run with other parameters is closed as superseded.';
