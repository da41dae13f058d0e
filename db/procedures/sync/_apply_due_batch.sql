-- One batch of dated rows whose time has come.
create or replace function {{ S | ident }}._apply_due_batch(p_run bigint, p_rows integer, p_failure jsonb)
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
        if p_failure is not null then
            -- this one alone fails: kept as a rejected row, out of the way of the others
            perform tandem._reject(
                {{ m.name | literal }}, 'hierarchy', r_due.leaf_id::text, pg_catalog.to_jsonb(r_due),
                p_failure ->> 'sqlstate', p_failure ->> 'message',
                coalesce(nullif(p_failure ->> 'hint', ''), p_failure ->> 'detail'), p_run
            );
            delete from {{ S | ident }}.due as due
            where due.leaf_id = r_due.leaf_id and due.satellite = r_due.satellite
                and due.effective <= r_due.effective;
            r_result.rejected_rows := r_result.rejected_rows + 1;
            continue;
        end if;
{% for satellite in m.satellites %}
        if r_due.satellite = {{ satellite.name | literal }} and {{ S | ident }}._pull_{{ satellite.name | trusted }}(r_due.leaf_id) then
            r_result.written_rows := r_result.written_rows + 1;
        end if;
{% endfor %}
        delete from {{ S | ident }}.due as due
        where due.leaf_id = r_due.leaf_id and due.satellite = r_due.satellite and due.effective <= r_due.effective;
    end loop;
    r_result.unchanged_rows := r_result.read_rows - r_result.written_rows - r_result.rejected_rows;
    r_result.done := r_result.read_rows = 0;
    return r_result;
end
$_apply_due_batch$;

comment on function {{ S | ident }}._apply_due_batch(bigint, integer, jsonb) is
'Writes one batch of dated rows whose time has come to the flat table.';
