-- While a migration runs, flat rows that are not migrated yet know their parents by name alone, and so
-- do those that an old program has moved while nothing was synced. A rename or move at level p_level
-- (0 is the top) reaches those that named the row as it was (p_old: its key and parent), or their
-- batch would make a parent of the old name. They are linked to the row as well: of two parents that
-- swap names in one statement each keeps its own rows.
create or replace function {{ S | ident }}._rename_unmigrated(p_level integer, p_id uuid, p_old jsonb)
returns void
language plpgsql
set search_path = {{ m.search_path | path }}
as $_rename_unmigrated$
#variable_conflict use_variable
declare
    v_chain uuid[];
    v_seen uuid[];
    v_marks text[];
    -- each level as it is now (r_) and as it was (r_old_)
{% for level in m.levels %}
    r_{{ level.name | trusted }} {{ level.table | relation(m.schema) }};
    r_old_{{ level.name | trusted }} {{ level.table | relation(m.schema) }};
{% endfor %}
begin
    -- The levels above are locked top down, and read again under the locks: a rename of theirs that is
    -- not committed yet would change the names to look for.
    for v_try in 1 .. 100 loop
        v_seen := v_chain;
{% for level in m.levels | reverse %}
{% set position = m.levels | length - loop.index %}
{% set below = m.levels[position + 1] if not loop.first else level %}
        if p_level = {{ position | literal }} then
            select * into r_{{ level.name | trusted }} from {{ level.table | relation(m.schema) }} as one where {{ level.id | column('one') }} = p_id;
            r_old_{{ level.name | trusted }} := pg_catalog.jsonb_populate_record(r_{{ level.name | trusted }}, p_old);
{% if not loop.first %}
        elsif p_level > {{ position | literal }} then
            select * into r_{{ level.name | trusted }} from {{ level.table | relation(m.schema) }} as one
            where {{ level.id | column('one') }} = {{ below.parent | column('r_' ~ below.name) }};
            select * into r_old_{{ level.name | trusted }} from {{ level.table | relation(m.schema) }} as one
            where {{ level.id | column('one') }} = {{ below.parent | column('r_old_' ~ below.name) }};
{% endif %}
        end if;
{% endfor %}
        v_chain := array[
            {%- for level in m.levels %}{{ level.id | column('r_' ~ level.name) }}, {{ level.id | column('r_old_' ~ level.name) }}{{ ', ' if not loop.last }}{% endfor %}];
        exit when v_chain is not distinct from v_seen;
{% for level in m.levels[:-1] %}
        perform from {{ level.table | relation(m.schema) }} as one
        where p_level > {{ loop.index0 | literal }} and {{ level.id | column('one') }} in ({{ level.id | column('r_' ~ level.name) }}, {{ level.id | column('r_old_' ~ level.name) }})
        order by {{ level.id | column('one') }}
        for key share;
{% endfor %}
    end loop;
    if {{ m.levels[0].id | column('r_old_' ~ m.levels[0].name) }} is null then
        return;  -- it hung below no parent: no flat row named it
    end if;
{% if m.levels | length > 1 %}
    -- Written by one command, whose triggers have not all run: a name above may be new or old.
    v_marks := array[
{% for level in m.levels %}
        (select one.xmin || ' ' || one.cmin from {{ level.table | relation(m.schema) }} as one where {{ level.id | column('one') }} = {{ level.id | column('r_old_' ~ level.name) }}){{ ',' if not loop.last }}
{% endfor %}
    ];
    if v_marks[p_level + 1] = any (v_marks[: p_level]) then
        perform tandem._note_error({{ m.name | literal }}, 45);
        raise exception 'a row and one above it were renamed or moved by one statement'
        using errcode = 'TD045',
            detail = pg_catalog.format(
                'Row %s. While the migration runs, rows of {{ m.flat.table | in_format }} that are not migrated '
                'yet are found by names, which change level by level.', p_id),
            hint = 'Change one level in a statement, or wait until the phase is migrated.';
    end if;
{% endif %}
    update {{ m.flat.table | relation(m.schema) }} as flat
    set
{% for level in m.levels %}
{% set position = loop.index0 %}
{% for pair in level.key_pairs %}
        {{ pair.flat | ident }} = case when p_level >= {{ position | literal }} and {{ pair | differs('flat', 'r_' ~ level.name) }}
            then {{ pair | get('r_' ~ level.name) }} else {{ pair.flat | column('flat') }} end,
{% endfor %}
        {{ level.sync | ident }} = case when p_level >= {{ position | literal }}
            then {{ level.id | column('r_' ~ level.name) }} else {{ level.sync | column('flat') }} end
        {{- ',' if not loop.last or m.flat.touch }}
{% endfor %}
{% if m.flat.touch %}
        {{ m.flat.touch | ident }} = pg_catalog.clock_timestamp()
{% endif %}
    where {{ m.flat.status | column('flat') }} = 'active'
{% for level in m.levels %}
        and (p_level < {{ loop.index0 | literal }} or (
{% for pair in level.key_pairs %}
            {{ pair | same('flat', 'r_old_' ~ level.name) }} and
{% if pair.missing == 'default' %}
            (not tandem.is_blank({{ pair.flat | column('flat') }}) or {{ pair.hier | column('r_old_' ~ level.name) }} = {{ pair.default | literal }}) and
{% endif %}
{% endfor %}
            (p_level > {{ loop.index0 | literal }} or not exists (
                select
                from {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
{% for above in m.levels[: loop.index0] | reverse %}
{% set below = m.levels[loop.revindex] %}
                join {{ above.table | relation(m.schema) }} as {{ above.name | ident }} on {{ above.id | column(above.name) }} = {{ below.parent | column(below.name) }}
{% endfor %}
                where {{ level.id | column(level.name) }} = {{ level.sync | column('flat') }}
                    and {{ level.id | column(level.name) }} <> {{ level.id | column('r_old_' ~ level.name) }}
                    and tandem._my_transaction(flat.xmin)
{% for other in m.levels[: loop.index] %}
{% for pair in other.key_pairs %}
                    and {{ pair | same('flat', other.name) }}
{% endfor %}
{% endfor %}
            ))
        ))
{% endfor %}
    ;
end
$_rename_unmigrated$;

comment on function {{ S | ident }}._rename_unmigrated(integer, uuid, jsonb) is
'Gives flat rows that are found by name alone the new key values of a renamed or moved row of an upper level.';
