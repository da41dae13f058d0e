{% from 'procedures/sync/macros.jinja' import is_due with context %}
{% for satellite in m.satellites %}
{% set name = '_push_' ~ satellite.name %}
-- Flat to hierarchy: appends the dated row that makes the flat row's value the one in force. The
-- leaf's row lock puts writers of both sides in a line; what is read, is read after it. p_keep marks
-- columns, in the mapping's order, that the write is about: a row that is due says the others.
create or replace function {{ S | ident }}.{{ name | ident }}(p_leaf uuid, p_keep boolean[] default '{}') returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
as ${{ name | trusted }}$
#variable_conflict use_variable
declare
    v_now timestamptz;
    r_flat record;
    r_row record;
begin
    perform from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf
    for no key update;
    if not found then
        return false;
    end if;
    if {{ is_due(m, 'p_leaf') | trusted }} then
        -- a scheduled value is not undone by a write that is not about it
        perform {{ S | ident }}._pull_{{ satellite.name | trusted }}(p_leaf, p_keep);
    end if;
    v_now := pg_catalog.clock_timestamp();
    select {% for pair in satellite.pairs %}{{ pair.flat | column('flat') }}{{ ', ' if not loop.last }}{% endfor %}

    into r_flat
    from {{ m.flat.table | relation(m.schema) }} as flat
    where {{ m.leaf.sync | column('flat') }} = p_leaf;
    if not found then
        return false;
    end if;
    select {{ satellite.id | column('s') }} as row_id, s.xmin as row_xmin, {{ satellite.effective | column('s') }} as effective
    {%- for pair in satellite.pairs %}, {{ pair.hier | column('s') }}{% endfor %}

    into r_row
    from {{ satellite.table | relation(m.schema) }} as s
    where {{ satellite.parent | column('s') }} = p_leaf and {{ satellite.effective | column('s') }} <= v_now
{% for column_name, value in satellite.where %}
        and {{ column_name | column('s') }} = {{ value | literal }}
{% endfor %}
    order by {{ satellite.effective | column('s') }} desc
    limit 1;
    if not found then
        if {{ satellite.lead_pair.flat | column('r_flat') }} is null then
            return false;
        end if;
    elsif not ({{ satellite.lead_pair | differs('r_flat', 'r_row') }}
{% for pair in satellite.other_pairs %}
        or ({{ satellite.lead | column('r_row') }} is not null and {{ pair | differs('r_flat', 'r_row') }})
{% endfor %}
    ) then
        return false;
    elsif r_row.effective >= pg_catalog.transaction_timestamp()
        and tandem._my_transaction(r_row.row_xmin) then
        -- a second change in one transaction replaces the first
        update {{ satellite.table | relation(m.schema) }} as s
        set {% for pair in satellite.pairs %}{{ pair.hier | ident }} = {{ pair | put('r_flat') }}{{ ', ' if not loop.last }}{% endfor %}

        where {{ satellite.id | column('s') }} = r_row.row_id
        returning {% for pair in satellite.pairs %}{{ pair.hier | column('s') }}{{ ', ' if not loop.last }}{% endfor %} into r_row;
        if not found then
            perform tandem._suppressed({{ m.name | literal }}, {{ satellite.table | literal }}, p_leaf::text);
        end if;
        if {% for pair in satellite.pairs %}{{ pair | differs('r_flat', 'r_row') }}{{ ' or ' if not loop.last }}{% endfor %} then
            perform {{ S | ident }}._pull_{{ satellite.name | trusted }}(p_leaf);
        end if;
        return true;
    else
        v_now := greatest(v_now, r_row.effective + interval '1 microsecond');
    end if;
    insert into {{ satellite.table | relation(m.schema) }} as s (
        {{ satellite.id | ident }}, {{ satellite.parent | ident }}, {{ satellite.effective | ident }}
        {%- for pair in satellite.pairs %}, {{ pair.hier | ident }}{% endfor %}
        {%- for column_name, value in satellite.where %}, {{ column_name | ident }}{% endfor %}

    )
    values (
        tandem.new_id(), p_leaf, v_now
        {%- for pair in satellite.pairs %}, {{ pair | put('r_flat') }}{% endfor %}
        {%- for column_name, value in satellite.where %}, {{ value | literal }}{% endfor %}

    )
    returning {% for pair in satellite.pairs %}{{ pair.hier | column('s') }}, {% endfor %}{{ satellite.effective | column('s') }} as effective into r_row;
    if not found then
        perform tandem._suppressed({{ m.name | literal }}, {{ satellite.table | literal }}, p_leaf::text);
    end if;
    if r_row.effective > pg_catalog.clock_timestamp() then
        insert into {{ S | ident }}.due (satellite, leaf_id, effective)
        values ({{ satellite.name | literal }}, p_leaf, r_row.effective)
        on conflict do nothing;
    end if;
    if r_row.effective <> v_now or {% for pair in satellite.pairs %}{{ pair | differs('r_flat', 'r_row') }}{{ ' or ' if not loop.last }}{% endfor %} then
        -- a BEFORE trigger of the application stored something else: the truth now
        perform {{ S | ident }}._pull_{{ satellite.name | trusted }}(p_leaf);
    end if;
    return true;
end
${{ name | trusted }}$;

comment on function {{ S | ident }}.{{ name | ident }}(uuid, boolean[]) is
'Makes the flat row''s value the one in force of its leaf; true where that took a write.';
{% endfor %}
