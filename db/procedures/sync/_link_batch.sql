-- The way forward, or a hierarchy that was filled before: flat rows are linked before anything is
-- switched on. From then on neither side takes the other's row for a new one.
create or replace function tandem._link_batch(p_mapping text, p_run bigint, p_rows integer)
returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_link_batch$
declare
    v_last text;
    v_next text;
    r_run tandem.run;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    r_result := row(false, r_run.cursor || '{"stage": "switch"}', 0, 0, 0, 0, null, null);
    select b.last_key into v_last
    from tandem._lock_batch(p_mapping, r_run.cursor ->> 'from', p_rows) as b;
    if v_last is null then
        return r_result;
    end if;
    perform tandem._link_rows(p_mapping, r_run.cursor ->> 'from', v_last);
    v_next := tandem._key_after(p_mapping, v_last);
    r_result.cursor := r_run.cursor || case when v_next is null then '{"stage": "switch"}'::jsonb
        else pg_catalog.jsonb_build_object('from', v_next) end;
    -- not counted: the run counts rows of the flat table once
    r_result.message := 'linking rows to what is kept of them';
    return r_result;
end
$_link_batch$;

comment on function tandem._link_batch(text, bigint, integer) is
'One batch of a migration''s stage link.';
