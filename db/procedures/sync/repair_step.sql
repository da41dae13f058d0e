-- One batch of tandem.repair.
create or replace function {{ S | ident }}.repair_step(p_run bigint, p_rows integer, p_failure jsonb)
returns tandem.step_result
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as $repair_step$
declare
    r_result tandem.step_result;
begin
    insert into {{ S | ident }}.inside as i (verb, run_id, batch_rows, failure)
    values ('repair', p_run, p_rows, p_failure)
    returning (i.result).* into r_result;
    if r_result.done then
        -- here and not in the batch: a comparison of everything wants the plans that a batch forbids
        r_result.message := pg_catalog.format('drift now: %s%s', (
            select pg_catalog.count(*) from {{ S | ident }}.drift() as d where d.kind not in ('price_due', 'rejected')
        ), case when (
            select (r.params ->> 'dry_run')::boolean from tandem.run as r where r.run_id = p_run
        ) then ' (as if; dry run: nothing was changed)' end);
    end if;
    return r_result;
end
$repair_step$;

comment on function {{ S | ident }}.repair_step(bigint, integer, jsonb) is
'One batch of tandem.repair; does not commit. Called by the loop. Operators may execute it.';
