{% from 'procedures/sync/macros.jinja' import in_force, satellite_differs with context %}
{% for satellite in m.satellites %}
-- Only what this event brought into force, or took out of it, reaches the flat row; and of the flat row
-- only the columns of dated rows: others may have changed in the same statement and be on their way.
create or replace function {{ S | ident }}._settle_{{ satellite.name | trusted }}(
    p_leaf uuid, p_row uuid, p_was timestamptz, p_keep boolean[]
) returns void
language plpgsql
set search_path = {{ m.search_path | path }}
as $_settle_{{ satellite.name | trusted }}$
#variable_conflict use_variable
declare
    v_written boolean;
    r_row record;
begin
    -- Writers of one leaf's dated rows come one after the other: what is in force is read after it.
    perform from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
    for no key update;
    if not found then
        return;
    end if;
    select {{ satellite.id | column('s') }} as row_id, {{ satellite.effective | column('s') }} as effective into r_row
    from {{ satellite.table | relation(m.schema) }} as s
    where {{ satellite.parent | column('s') }} = p_leaf and {{ satellite.effective | column('s') }} <= pg_catalog.clock_timestamp()
{% for column_name, value in satellite.where %}
        and {{ column_name | column('s') }} = {{ value | literal }}
{% endfor %}
    order by {{ satellite.effective | column('s') }} desc
    limit 1;
    -- in force now, or before; what is for later says nothing about the flat row
    if r_row.row_id = p_row
        or p_was <= pg_catalog.clock_timestamp() and (not found or p_was >= r_row.effective) then
        v_written := {{ S | ident }}._pull_{{ satellite.name | trusted }}(p_leaf, case
            when true = any (p_keep) and {{ S | ident }}._is_waiting(p_leaf) then p_keep else '{}' end);
        if {{ S | ident }}._differs_{{ satellite.name | trusted }}(p_leaf) then
            -- a BEFORE trigger of the application stored something else: that is the truth now
            perform {{ S | ident }}._push_{{ satellite.name | trusted }}(p_leaf);
            if {{ S | ident }}._differs_{{ satellite.name | trusted }}(p_leaf) then
                perform tandem._suppressed({{ m.name | literal }}, {{ m.flat.table | literal }}, p_leaf::text);
            end if;
        end if;
    end if;
    if v_written is not true then
        -- A snapshot that does not know this event must not write what it takes to be in force: 40001.
        update {{ m.flat.table | relation(m.schema) }} as flat
        set {{ m.flat.status | ident }} = {{ m.flat.status | column('flat') }}
        where {{ m.leaf.sync | column('flat') }} = p_leaf and flat.xmin <> pg_catalog.pg_current_xact_id()::xid;
    end if;
end
$_settle_{{ satellite.name | trusted }}$;

comment on function {{ S | ident }}._settle_{{ satellite.name | trusted }}(uuid, uuid, timestamptz, boolean[]) is
'Writes the value in force to the flat row where an event changed which that is. p_keep: columns, in '
'the mapping''s order, that it leaves alone where the flat row is newer.';

create or replace function {{ S | ident }}._differs_{{ satellite.name | trusted }}(p_leaf uuid) returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
as $_differs_{{ satellite.name | trusted }}$
#variable_conflict use_variable
declare
    v_now timestamptz := pg_catalog.clock_timestamp();
begin
    return exists (
        select
        from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        {{ in_force(m, satellite) | indent(8) | trusted }}
        join {{ m.flat.table | relation(m.schema) }} as flat on {{ m.leaf.sync | column('flat') }} = {{ m.leaf.id | column(m.leaf.name) }}
        where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
            and {{ m.flat.status | column('flat') }} is distinct from 'rejected'
            and {{ satellite_differs(satellite) | indent(12) | trusted }}
    );
end
$_differs_{{ satellite.name | trusted }}$;

comment on function {{ S | ident }}._differs_{{ satellite.name | trusted }}(uuid) is
'True where a flat row does not show the value in force and is not rejected.';
{% endfor %}
