{% from 'triggers/sync/frame.jinja' import unmark with context %}
{% macro trigger() %}
create trigger tandem_23_truncate before truncate on {{ m.flat.table | relation(m.schema) }}
for each statement execute function {{ S | ident }}.flat_truncate()
{%- endmacro %}
-- TRUNCATE of the flat table = DELETE of all its rows.
create or replace function {{ S | ident }}.flat_truncate() returns trigger
language plpgsql security definer set search_path = {{ m.search_path | path }} as $flat_truncate$
#variable_conflict use_variable
declare
    v_origin text := coalesce(pg_catalog.current_setting('tandem.origin', true), '');
    v_token bigint;
    r_flat record;
begin
    perform tandem._in_read_committed({{ m.name | literal }}, {{ (m.flat.table ~ ' can be truncated') | literal }},
        'TRUNCATE takes rows that this transaction''s snapshot does not see; their other side would stay.');
    v_token := tandem._mark(v_origin, {{ m.name | literal }}, -1);
    -- Row by row, because each row's complement is kept by the one routine that knows how.
    for r_flat in
        select {{ m.flat.key | column('flat') }}::text as flat_key, {{ m.leaf.sync | column('flat') }} as leaf_id
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.leaf.sync | column('flat') }} is not null
    loop
        perform {{ S | ident }}._keep(r_flat.leaf_id, r_flat.flat_key, 'deleted');
    end loop;
    update tandem.rejected_row as r
    set resolved_at = pg_catalog.clock_timestamp(), resolution = 'deleted'
    where r.mapping = {{ m.name | literal }} and r.side = 'flat' and r.resolved_at is null;
    {{ unmark() }}
    return null;
end
$flat_truncate$;

comment on function {{ S | ident }}.flat_truncate() is
'Trigger function: TRUNCATE of the flat table does what a DELETE of all its rows does.';
