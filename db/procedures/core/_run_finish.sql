create or replace function tandem._run_finish(
    p_run bigint, p_attempt integer, p_state text, p_failure jsonb
) returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $_run_finish$
    select tandem._may_run(r.kind, r.mapping) from tandem.run as r where r.run_id = p_run;
    update tandem.run as r
    set state = p_state,
        finished_at = case when p_state <> 'paused' then pg_catalog.clock_timestamp() end,
        updated_at = pg_catalog.clock_timestamp(),
        error_sqlstate = p_failure ->> 'sqlstate',
        error_message = p_failure ->> 'message'
    where r.run_id = p_run and r.attempt = p_attempt
$_run_finish$;

comment on function tandem._run_finish(bigint, integer, text, jsonb) is
'Closes a run as done or failed, or leaves it paused, with or without an error: the same CALL goes '
'on with it.';
