create or replace function tandem._run_of(p_kind text, p_mapping text, p_run bigint)
returns tandem.run
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_run_of$
declare
    r_run tandem.run;
begin
    select * into r_run from tandem.run as r
    -- nobody sees a sample: it is rolled back with its batch
    where r.run_id = p_run and (r.kind = p_kind or r.kind = 'sample')
        and r.mapping is not distinct from p_mapping and r.finished_at is null;
    if not found then
        raise exception 'run % is no unfinished % of %', p_run, p_kind,
            coalesce(p_mapping, 'this database')
        using errcode = 'invalid_parameter_value',
            detail = 'A step function does a batch of a run of its own verb and mapping.',
            hint = 'Nothing was done. tandem._run_begin begins a run, or resumes it.';
    end if;
    return r_run;
end
$_run_of$;

comment on function tandem._run_of(text, text, bigint) is
'The row of an unfinished run; raises 22023 where it is of another verb or mapping, or has ended.';
