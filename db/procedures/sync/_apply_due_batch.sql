-- One batch of dated rows whose time has come.
create or replace function {{ S | ident }}._apply_due_batch(p_run bigint, p_rows integer)
returns tandem.step_result
language plpgsql
set search_path = {{ m.search_path | path }}
as $_apply_due_batch$
declare
    r_due record;
    r_result tandem.step_result;
begin
    r_result := row(false, '{}', 0, 0, 0, 0, null, null);
    for r_due in
        select due.leaf_id, due.satellite, pg_catalog.max(due.effective) as effective from {{ S | ident }}.due as due
        where due.effective <= pg_catalog.clock_timestamp()
        group by due.leaf_id, due.satellite
        order by due.leaf_id
        limit p_rows
    loop
        r_result.read_rows := r_result.read_rows + 1;
{% for satellite in m.satellites %}
        if r_due.satellite = {{ satellite.name | literal }} and {{ S | ident }}._pull_{{ satellite.name | trusted }}(r_due.leaf_id) then
            r_result.written_rows := r_result.written_rows + 1;
        end if;
{% endfor %}
        delete from {{ S | ident }}.due as due
        where due.leaf_id = r_due.leaf_id and due.satellite = r_due.satellite and due.effective <= r_due.effective;
    end loop;
    r_result.unchanged_rows := r_result.read_rows - r_result.written_rows;
    r_result.done := r_result.read_rows = 0;
    return r_result;
end
$_apply_due_batch$;

comment on function {{ S | ident }}._apply_due_batch(bigint, integer) is
'Writes one batch of dated rows whose time has come to the flat table.';
