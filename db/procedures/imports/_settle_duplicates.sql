create or replace function tandem._settle_duplicates(
    p_run bigint, p_ids bigint[], p_state text, p_sqlstate text default null,
    p_why text default null
) returns void
language sql
set search_path = pg_catalog, pg_temp
as $_settle_duplicates$
    update tandem.duplicate_plan as d
    set state = p_state, sqlstate = p_sqlstate, why = p_why, run_id = p_run,
        applied_at = case when p_state = 'applied' then pg_catalog.clock_timestamp() end,
        last_change = (
            select pg_catalog.max(c.change_id) from tandem.duplicate_change as c
            where c.duplicate_id = d.duplicate_id
        )
    where d.duplicate_id = any (p_ids)
$_settle_duplicates$;

comment on function tandem._settle_duplicates(bigint, bigint[], text, text, text) is
'Notes what became of rows of a plan.';
