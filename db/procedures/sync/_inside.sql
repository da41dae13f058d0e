-- A batch writes inside an INSTEAD OF trigger, at trigger depth 1, where no statement of a client
-- can be: so the sync triggers tell its writes from everything else.
create or replace function tandem._inside(
    p_mapping text, p_verb text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_inside$
declare
    r_result tandem.step_result;
begin
    perform tandem._run_of(
        case when p_verb in ('link', 'restore', 'orphans') then 'migrate' else p_verb end,
        p_mapping, p_run
    );
    if p_failure is not null and p_rows <> 1 then
        raise exception 'a failure rejects one row, not %', p_rows
        using errcode = 'invalid_parameter_value',
            detail = 'p_failure says why a row that was tried alone is kept back.',
            hint = 'Nothing was done.';
    end if;
    execute pg_catalog.format(
        'insert into %I.inside as i (verb, run_id, batch_rows, failure) '
        'values ($1, $2, $3, $4) returning (i.result).*', 'tandem_' || p_mapping
    ) into r_result using p_verb, p_run, p_rows, p_failure;
    return r_result;
end
$_inside$;

comment on function tandem._inside(text, text, bigint, integer, jsonb) is
'Runs one batch of a verb at trigger depth 1 and returns its result.';
