-- One batch of a repair: begin, flat (ranges of flat keys), leaf (leaves without a flat row). Index
-- plans are held to, because plans may be made before anything was analysed.
create or replace function tandem._repair_batch(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set enable_bitmapscan = off
set jit = off
as $_repair_batch$
declare
    v_stage text;
    r_run tandem.run;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    v_stage := coalesce(r_run.cursor ->> 'stage', 'begin');
    if v_stage = 'begin' then
        perform tandem._require_prepared(p_mapping);
        r_result := row(false, pg_catalog.jsonb_build_object(
            'stage', 'flat', 'from', tandem._key_after(p_mapping, null)
        ), 0, 0, 0, 0, null, null);
        execute pg_catalog.format(
            'select pg_catalog.count(*) from %s as flat',
            (tandem._mapping_of(p_mapping)).definition ->> 'flat'
        ) into r_result.total_rows;
    elsif v_stage = 'flat' then
        r_result := tandem._repair_rows(p_mapping, r_run, p_rows, p_failure);
    else
        r_result := tandem._repair_leaves(p_mapping, r_run, p_rows, p_failure);
    end if;
    r_result.unchanged_rows :=
        r_result.read_rows - r_result.written_rows - r_result.rejected_rows;
    return r_result;
end
$_repair_batch$;

comment on function tandem._repair_batch(text, bigint, integer, jsonb) is
'Repairs one batch: ranges of flat keys, then leaves without a flat row.';
