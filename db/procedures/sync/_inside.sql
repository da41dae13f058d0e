-- A batch writes inside an INSTEAD OF trigger, at trigger depth 1, where no statement of a client
-- can be: so the sync triggers tell its writes from everything else.
create or replace function tandem._inside(
    p_mapping text, p_verb text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_inside$
declare
    v_insert text := pg_catalog.format(
        'insert into %I.inside as i (verb, run_id, batch_rows, failure) '
        'values ($1, $2, $3, $4) returning (i.result).*', 'tandem_' || p_mapping
    );
    r_run tandem.run;
    r_result tandem.step_result;
begin
    r_run := tandem._run_of(
        case when p_verb in ('link', 'restore', 'orphans') then 'migrate' else p_verb end,
        p_mapping, p_run
    );
    if p_failure is not null and p_rows <> 1 then
        raise exception 'a failure rejects one row, not %', p_rows
        using errcode = 'invalid_parameter_value',
            detail = 'p_failure says why a row that was tried alone is kept back.',
            hint = 'Nothing was done.';
    end if;
    if coalesce((r_run.params ->> 'dry_run')::boolean, false) then
        -- here and not in the loop: a step may be called by hand
        begin
            execute v_insert into r_result using p_verb, p_run, p_rows, p_failure;
            set constraints all immediate;
            raise exception 'dry run' using errcode = 'TD099';
        exception when sqlstate 'TD099' then
            return r_result;
        end;
    end if;
    execute v_insert into r_result using p_verb, p_run, p_rows, p_failure;
    return r_result;
end
$_inside$;

comment on function tandem._inside(text, text, bigint, integer, jsonb) is
'Runs one batch of a verb at trigger depth 1 and returns its result; takes it back in a dry run.';
