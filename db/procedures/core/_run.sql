-- The one loop that commits. A run is a row of tandem.run; a batch is one call of a step function,
-- which does the work and does not commit. The cursor is saved in the transaction of the work.
create or replace procedure tandem._run(
    p_kind text, p_mapping text, p_params jsonb, p_raise boolean default true
)
language plpgsql
as $_run$
declare
    v_call text;
    v_message text;
    v_hint text;
    v_single boolean;
    v_stop boolean;
    v_fixed integer;
    v_target_ms numeric;
    v_pause_ms integer;
    v_left integer;
    v_step regprocedure;
    v_rows integer;
    v_error jsonb;
    v_failure jsonb;
    v_tries integer := 0;
    v_started timestamptz;
    v_lsn pg_lsn;
    v_ms numeric;
    v_said timestamptz;
    v_hold text;
    v_held text := '';
    r_run record;
    r_step tandem.step_result;
begin
    set local search_path = pg_catalog, pg_temp;
    v_single := coalesce((p_params ->> 'one_transaction')::boolean, false);
    v_stop := coalesce(p_params ->> 'on_reject', 'stop') = 'stop';
    v_fixed := (p_params ->> 'batch_rows')::integer;
    v_target_ms := coalesce((p_params ->> 'target_ms')::numeric, 50);
    v_pause_ms := coalesce((p_params ->> 'pause_ms')::integer, 0);
    v_left := (p_params ->> 'max_batches')::integer;
    v_step := tandem._step_of(p_kind, p_mapping);
    if not v_single then
        -- A COMMIT in this block always fails; how it fails tells
        -- whether one outside it could work.
        begin
            commit;
        exception when invalid_transaction_termination then
            get stacked diagnostics v_message = message_text;
        end;
        if v_message = tandem._atomic_message() then
            raise exception 'tandem.% commits, so it must be called alone', p_kind
            using errcode = 'invalid_transaction_termination',
                detail = 'It was called inside BEGIN, from a function or DO block, or together '
                'with other statements in one message.',
                hint = pg_catalog.format(
                    'End the open transaction (ROLLBACK), then send the CALL by itself with '
                    'autocommit on%s. pgAdmin: the Rollback button, then tick Auto commit, then '
                    'Execute query (Alt+F5) at the CALL. A batch is a call of %s.',
                    case p_kind when 'migrate' then ', or say p_one_transaction => true' end,
                    v_step::regproc
                );
        end if;
    end if;
    select * into r_run from tandem._run_begin(p_kind, p_mapping, p_params) as b;
    v_rows := coalesce(v_fixed, 1000);
    v_said := pg_catalog.clock_timestamp();
    raise notice '%: run %', pg_catalog.concat_ws(' ', p_kind, p_mapping), r_run.run_id || case
        when r_run.attempt > 1 then pg_catalog.format(', resumed (attempt %s)', r_run.attempt)
        when p_kind in ('migrate', 'rollback') and not v_single
            then '; to stop it, cancel: the same CALL goes on'
        else '' end;
    if not v_single then
        commit;
        set local search_path = pg_catalog, pg_temp;
    end if;
    loop
        perform tandem._run_fence(r_run.run_id, r_run.attempt);
        v_started := pg_catalog.clock_timestamp();
        v_lsn := pg_catalog.pg_current_wal_insert_lsn();
        v_failure := null;
        r_step := null;
        begin
            perform pg_catalog.set_config(
                'lock_timeout', tandem._setting_of('batch_lock_timeout') || 'ms', true
            );
            v_call := pg_catalog.format('select s.* from %s($1, $2, $3, $4) as s', v_step::regproc);
            if v_error is not null then
                -- Whoever waited for the row may have deleted or mended it since, and the next one
                -- is innocent: it is tried again where it is rejected.
                begin
                    execute v_call into r_step using p_mapping, r_run.run_id, v_rows, null::jsonb;
                    set constraints all immediate;
                    v_error := null;
                -- lint: others: a row may raise anything; it is rejected or raised again below
                exception when query_canceled or others then
                    get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint;
                    v_error := case when sqlstate = '57014' then tandem._slow_batch(r_run.run_id)
                        else tandem._failure(sqlstate, v_message)
                            || pg_catalog.jsonb_build_object('hint', v_hint) end;
                    r_step := null;
                    if v_error is null or (v_error ->> 'retry')::boolean
                        or not (v_error ->> 'row')::boolean then
                        raise;
                    end if;
                end;
            end if;
            if r_step is null then
                execute v_call into r_step using p_mapping, r_run.run_id, v_rows, v_error;
                set constraints all immediate;
            end if;
        exception
            -- lint: others: a row may raise anything; it is retried, isolated or raised again below
            when query_canceled or others then
                get stacked diagnostics v_message = message_text;
                v_failure := case when sqlstate = '57014' then tandem._slow_batch(r_run.run_id)
                    else tandem._failure(sqlstate, v_message) end;
                if v_failure is null then
                    raise;
                end if;
                declare
                    v_detail text;
                    v_context text;
                begin
                    get stacked diagnostics
                        v_detail = pg_exception_detail,
                        v_hint = pg_exception_hint,
                        v_context = pg_exception_context;
                    -- what a failure says of itself counts more
                    v_failure := pg_catalog.jsonb_build_object(
                        'detail', v_detail, 'hint', v_hint, 'context', v_context
                    ) || v_failure;
                end;
        end;
        if v_failure is not null then
            if v_single then
                perform tandem._raise(v_failure);
            end if;
            v_tries := v_tries + 1;
            if (v_failure ->> 'retry')::boolean
                and v_tries < tandem._setting_of('batch_attempts')::integer then
                -- Nothing was done: let go of everything, wait a little, try again with fewer rows.
                v_rows := greatest(1, v_rows / 2);
                commit;
                set local search_path = pg_catalog, pg_temp;
                perform tandem._run_fence(r_run.run_id, r_run.attempt);
                perform pg_catalog.pg_sleep(
                    least(2.0, 0.02 * v_tries) * (0.5 + pg_catalog.random())
                );
            elsif v_stop or v_error is not null or (v_failure ->> 'retry')::boolean
                or not (v_failure ->> 'row')::boolean then
                if v_failure ->> 'sqlstate' = '55P03' then
                    v_failure := v_failure || pg_catalog.jsonb_build_object(
                        'detail', pg_catalog.format('It was tried %s times.', v_tries),
                        'hint', pg_catalog.format(
                            '%sEnd the transaction that holds the locks; the same CALL goes on.',
                            tandem._lock_holders(p_mapping) || '. '
                        )
                    );
                end if;
                -- What is long goes on where it stopped when the cause is gone; other verbs look at
                -- everything again.
                perform tandem._run_finish(r_run.run_id, r_run.attempt, case
                    when p_kind in ('migrate', 'rollback') and (
                        select r.batches > 0 from tandem.run as r where r.run_id = r_run.run_id
                    ) then 'paused' else 'failed'
                end, v_failure);
                commit;
                set local search_path = pg_catalog, pg_temp;
                if not p_raise then
                    return;
                end if;
                perform tandem._raise(v_failure);
            elsif v_rows > 1 then
                v_rows := greatest(1, v_rows / 4);
                commit;
                set local search_path = pg_catalog, pg_temp;
            else
                -- One row alone fails: where it does so again, the step rejects it and goes on.
                v_error := v_failure;
                commit;
                set local search_path = pg_catalog, pg_temp;
            end if;
            continue;
        end if;
        v_tries := 0;
        v_error := null;
        v_ms := 1000 * extract(epoch from pg_catalog.clock_timestamp() - v_started);
        perform tandem._run_batch(
            r_run.run_id, r_run.attempt, r_step, v_ms,
            pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), v_lsn)::bigint
        );
        v_left := case when not p_raise and tandem._worker_stops() then 0 else v_left - 1 end;
        if r_step.done then
            perform tandem._run_finish(r_run.run_id, r_run.attempt, 'done', null);
        elsif v_left <= 0 then
            perform tandem._run_finish(r_run.run_id, r_run.attempt, 'paused', null);
        end if;
        if not v_single then
            commit;
            set local search_path = pg_catalog, pg_temp;
        end if;
        if r_step.done or v_left <= 0
            or pg_catalog.clock_timestamp() - v_said
            > pg_catalog.make_interval(secs => tandem._setting_of('notice_seconds')::float8) then
            v_said := pg_catalog.clock_timestamp();
            raise notice '%', tandem._run_line(r_run.run_id);
        end if;
        exit when r_step.done or v_left <= 0;
        if v_fixed is null and r_step.read_rows > 0 then
            v_rows := tandem._next_batch_rows(v_rows, v_ms, v_target_ms);
        elsif v_fixed is not null then
            -- what made it smaller, such as a bad row, may have neighbours
            v_rows := least(v_fixed, 2 * v_rows);
        end if;
        continue when v_single;
        if v_pause_ms > 0 then
            perform tandem._run_fence(r_run.run_id, r_run.attempt);
            perform pg_catalog.pg_sleep(v_pause_ms / 1000.0);
            commit;
            set local search_path = pg_catalog, pg_temp;
        end if;
        loop
            v_hold := tandem._hold_reason();
            if v_hold is distinct from v_held then
                if v_hold <> '' then
                    raise notice '% waits: %', pg_catalog.concat_ws(' ', p_kind, p_mapping), v_hold;
                end if;
                v_held := v_hold;
            end if;
            exit when v_hold is null or v_hold = '' or v_hold like 'cannot see %';
            commit;
            set local search_path = pg_catalog, pg_temp;
            -- the lock says meanwhile that this run is alive
            perform tandem._run_fence(r_run.run_id, r_run.attempt);
            perform pg_catalog.pg_sleep(0.5);
            commit;
            set local search_path = pg_catalog, pg_temp;
        end loop;
    end loop;
end
$_run$;

comment on procedure tandem._run(text, text, jsonb, boolean) is
'The one loop that commits: begins or resumes a run, executes its step function batch by batch, '
'commits each with its cursor, retries deadlocks and lock timeouts, isolates a row that fails or '
'takes too long, '
'holds while asked to, says how far it is. p_raise false: an error is left in tandem.run, for who '
'does several runs. Called by the public verbs.';
