-- Dated rows of the future that no trigger has seen: written before the sync was on, or while it was
-- off. Noted before their time comes, they come into force like all others.
create or replace function {{ S | ident }}._note_due() returns bigint
language plpgsql
security definer
set search_path = {{ m.search_path | path }}
as $_note_due$
declare
    v_count bigint := 0;
    v_more bigint;
begin
{% for satellite in m.satellites %}
    insert into {{ S | ident }}.due (satellite, leaf_id, effective)
    select {{ satellite.name | literal }}, {{ satellite.parent | column('s') }}, {{ satellite.effective | column('s') }}
    from {{ satellite.table | relation(m.schema) }} as s
    where {{ satellite.effective | column('s') }} > pg_catalog.clock_timestamp()
    on conflict do nothing;
    get diagnostics v_more = row_count;
    v_count := v_count + v_more;
{% endfor %}
    return v_count;
end
$_note_due$;

comment on function {{ S | ident }}._note_due() is
'Notes dated rows of the future that are not noted yet; returns how many.';
