-- While both sides are still in step a rollback applies what has come into force: afterwards the
-- flat table has the say. What that refuses is kept as a rejected row, and does not hold it up.
create or replace function tandem._apply_due_now(p_mapping text, p_run bigint, p_rows integer)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_apply_due_now$
declare
    v_failure jsonb;
    r_done tandem.step_result;
begin
    if (tandem._mapping_of(p_mapping)).phase <> 'migrated' or exists (
        -- where a direction is off, the flat row may be newer
        select from tandem._switches(p_mapping) as s where s.direction <> 'log' and not s.enabled
    ) then
        return 0;
    end if;
    begin
        r_done := tandem._apply_due_batch(p_mapping, p_run, p_rows, null);
        set constraints all immediate;
    -- lint: others: a constraint or trigger of the application's, as in the loop
    exception when others then
        v_failure := tandem._failure(sqlstate, sqlerrm);
        if (v_failure ->> 'retry')::boolean then
            raise;
        elsif p_rows > 1 then
            return tandem._apply_due_now(p_mapping, p_run, 1);
        end if;
        raise notice 'a dated row is not applied before the rollback: %', v_failure ->> 'message';
        r_done := tandem._apply_due_batch(p_mapping, p_run, 1, v_failure);
    end;
    return r_done.read_rows;
end
$_apply_due_now$;

comment on function tandem._apply_due_now(text, bigint, integer) is
'One batch of dated rows whose time has come, within a rollback; returns how many, 0 at the end.';
