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
    r_run tandem.run;
begin
    perform tandem._may_run(p_kind, p_mapping);
    perform tandem._check_params(p_kind, p_params);
    if p_mapping is not null then
        perform tandem._in_read_committed(
            p_mapping, pg_catalog.format('tandem.%s can run', p_kind),
            'Each batch has to see what was committed while it waited.'
        );
    end if;
    -- Nothing is waited for in a queue. A live run lets go of its lock for some microseconds at
    -- each COMMIT: a wait would end just then, and take the run over from a session that works.
    for v_poll in 1 .. 4 loop
        for r_run in
            select * from tandem.run as r
            where r.finished_at is null and r.mapping is not distinct from p_mapping
                and (p_mapping is not null or r.kind = p_kind)
                and not tandem._may_coexist(r, p_kind, p_params)
        loop
            if tandem._running(r_run.run_id) then
                perform tandem._already_running(r_run);
            end if;
        end loop;
        exit when r_run.run_id is null;
        perform pg_catalog.pg_sleep(0.02);
    end loop;
    -- Beginners come one by one; a run in one transaction holds this to its end.
    for v_poll in 1 .. 20 loop
        exit when pg_catalog.pg_try_advisory_xact_lock(
            tandem._run_lock() + 1, pg_catalog.hashtext(coalesce(p_mapping, p_kind))
        );
        if v_poll = 20 then
            r_run.kind := p_kind;
            r_run.mapping := p_mapping;
            perform tandem._already_running(r_run);
        end if;
        perform pg_catalog.pg_sleep(0.02);
    end loop;
    for r_run in
        select * from tandem.run as r
        where r.finished_at is null and r.mapping is not distinct from p_mapping
            and (p_kind = 'rollback' or r.kind = 'rollback' or r.kind = p_kind
                and coalesce(r.params ->> 'dry_run', 'false')
                = coalesce(p_params ->> 'dry_run', 'false'))
            and not tandem._may_coexist(r, p_kind, p_params)
        order by r.run_id
    loop
        if not pg_catalog.pg_try_advisory_xact_lock(tandem._run_lock(), r_run.run_id::integer) then
            perform tandem._already_running(r_run);
        end if;
        -- a dry run begins anew: what an earlier one counted is not so any more
        if r_run.kind = p_kind and r_run.params - v_tuning = p_params - v_tuning
            and not p_params @> '{"dry_run": true}' then
            update tandem.run as r
            set attempt = r.attempt + 1, state = 'running', params = p_params,
                error_sqlstate = null, error_message = null,
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
    insert into tandem.run as r (kind, mapping, key_from, key_to, import_id, params)
    values (
        p_kind, p_mapping, p_params ->> 'from', p_params ->> 'to',
        (p_params ->> 'import')::bigint, p_params
    )
    returning r.run_id, r.attempt into run_id, attempt;
    perform pg_catalog.pg_advisory_xact_lock(tandem._run_lock(), run_id::integer);
end
$_run_begin$;

comment on function tandem._run_begin(text, text, jsonb) is
'Begins a run, or resumes an unfinished one with the same parameters; raises TD010 where one is '
'running. An unfinished run of the kind with other parameters is closed as superseded.';
