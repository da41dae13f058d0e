{% from 'procedures/sync/macros.jinja' import in_force, satellite_differs with context %}
-- Flat to hierarchy for one whole row, whatever its state: not migrated, rejected, moved, kept from
-- a DELETE, or just different. The triggers' slow way, and repair's. Returns what happened.
create or replace function {{ S | ident }}._push(
    p_key {{ m.flat.key_type | sqltype }}, p_run bigint default null, p_depth integer default 0, p_careful boolean default false,
    p_keep boolean[] default '{}'
) returns text
language plpgsql
set search_path = {{ m.search_path | path }}
as $_push$
#variable_conflict use_variable
declare
    v_fault text;
    v_leaf uuid;
    v_was text;
    v_written boolean := false;
    r_flat record;
    r_kept {{ S | ident }}.kept;
    r_place record;
begin
    select * into r_flat
    from {{ m.flat.table | relation(m.schema) }} as flat
    where {{ m.flat.key | column('flat') }} = p_key
    for no key update;
    if not found then
        return 'gone';
    end if;
    v_was := {{ m.flat.status | column('r_flat') }};
    v_fault := {{ S | ident }}._fault(
        {% for pair in m.pairs %}{{ pair.flat | column('r_flat') }}{{ ', ' if not loop.last }}{% endfor %}

    );
    if v_fault is not null then
{% if m.reject == 'raise' %}
        perform tandem._refuse({{ m.name | literal }}, {{ m.flat.table | literal }}, p_key::text, v_fault,
            'The flat row was not written: the policy of this mapping is raise.', 'Correct the value, or choose reject = "keep" in the mapping.');
{% endif %}
        perform tandem._reject(
            {{ m.name | literal }}, 'flat', p_key::text, pg_catalog.to_json(r_flat), 'TD030', v_fault,
            {{ ('Correct the row in ' ~ m.flat.table ~ '; it is synced by that write.') | literal }}, p_run
        );
        update {{ m.flat.table | relation(m.schema) }} as flat
        set {{ m.flat.status | ident }} = 'rejected'
        where {{ m.flat.key | column('flat') }} = p_key
            and {{ m.flat.status | column('flat') }} is distinct from 'rejected';
        return 'rejected';
    end if;
    -- Deleted and read by one statement: a batch may just be keeping more. Kept content belongs to the leaf
    -- where that is known, else to the flat key that had it last.
    v_leaf := coalesce({{ m.leaf.sync | column('r_flat') }}, {{ S | ident }}._kept_for(p_key::text));
    delete from {{ S | ident }}.kept as kept where kept.leaf_id = v_leaf returning kept.* into r_kept;
    v_leaf := coalesce({{ m.leaf.sync | column('r_flat') }}, r_kept.leaf_id, tandem.new_id());
    select * into r_place from {{ S | ident }}._place(
{% for level in m.levels %}
{% for pair, name in level.key_params %}
        {{ pair | put('r_flat') }},
{% endfor %}
{% endfor %}
        array[{% for level in m.levels %}{{ level.sync | column('r_flat') }}{{ ', ' if not loop.last }}{% endfor %}]
    );
    -- the link first: whoever sees the leaf finds its flat row
    update {{ m.flat.table | relation(m.schema) }} as flat
    set {{ m.flat.status | ident }} = 'active', {{ m.leaf.sync | ident }} = v_leaf
{%- for level in m.levels %},
        {{ level.sync | ident }} = r_place.{{ level.name | trusted }}_id
{%- endfor %}

    where {{ m.flat.key | column('flat') }} = p_key
        and ({{ m.flat.status | column('flat') }} is distinct from 'active'
            or {{ m.leaf.sync | column('flat') }} is distinct from v_leaf
{% for level in m.levels %}
            or {{ level.sync | column('flat') }} is distinct from r_place.{{ level.name | trusted }}_id
{% endfor %}
        );
    v_written := found;
    if r_kept.leaf is not null or r_kept.remains is not null then
        -- what the flat table cannot hold comes back
        v_written := true;
        perform {{ S | ident }}._give_back(r_kept, v_leaf, r_place.{{ m.bottom.name | trusted }}_id, pg_catalog.jsonb_build_object(
            {%- for pair in m.leaf.pairs %}{{ pair.hier | literal }}, ({{ pair | put('r_flat') }})::text{{ ', ' if not loop.last }}{% endfor %}), p_run, p_careful);
        -- where its coming back was written to the flat row, that was the older value
        update {{ m.flat.table | relation(m.schema) }} as flat
        set {% for pair in m.pairs %}{{ pair.flat | ident }} = {{ pair.flat | column('r_flat') }}{{ ', ' if not loop.last }}{% endfor %}

        where {{ m.flat.key | column('flat') }} = p_key
            and ({% for pair in m.pairs %}{{ pair | flat_changed('flat', 'r_flat') }}{{ '
                or ' if not loop.last }}{% endfor %});
    end if;
    insert into {{ m.leaf.table | relation(m.schema) }} (
        {{ m.leaf.id | ident }}, {{ m.leaf.parent | ident }}
        {%- for pair in m.leaf.pairs %}, {{ pair.hier | ident }}{% endfor %}
        {%- if m.leaf.actor %}, {{ m.leaf.actor | ident }}{% endif %}

    )
    values (
        v_leaf, r_place.{{ m.bottom.name | trusted }}_id
        {%- for pair in m.leaf.pairs %}, {{ pair | put('r_flat') }}{% endfor %}
        {%- if m.leaf.actor %}, session_user{% endif %}

    )
    on conflict ({{ m.leaf.id | ident }}) do nothing;
    if found then
        v_written := true;
    else
        update {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
        set {{ m.leaf.parent | ident }} = r_place.{{ m.bottom.name | trusted }}_id
{%- for pair in m.leaf.pairs %},
            {{ pair.hier | ident }} = case when {{ pair | differs('r_flat', m.leaf.name) }}
                then {{ pair | put('r_flat') }} else {{ pair.hier | column(m.leaf.name) }} end
{%- endfor %}
{%- if m.leaf.actor %},
            {{ m.leaf.actor | ident }} = session_user
{%- endif %}

        where {{ m.leaf.id | column(m.leaf.name) }} = v_leaf
            and ({{ m.leaf.parent | column(m.leaf.name) }} is distinct from r_place.{{ m.bottom.name | trusted }}_id
{% for pair in m.leaf.pairs %}
                or {{ pair | differs('r_flat', m.leaf.name) }}
{% endfor %}
            );
        v_written := v_written or found;
    end if;
{% set ns = namespace(first=1) %}
{% for satellite in m.satellites %}
    v_written := p_keep is not null and {{ S | ident }}._push_{{ satellite.name | trusted }}(v_leaf, p_keep[{{ ns.first | literal }}:{{ (ns.first + satellite.pairs | length - 1) | literal }}]) or v_written;
{% set ns.first = ns.first + satellite.pairs | length %}
{% endfor %}
    if v_was = 'rejected' then
        perform tandem._resolve({{ m.name | literal }}, p_key::text, 'written correctly');
    end if;
    if p_depth = 0 then
        -- a BEFORE trigger of the application may have stored something else: written back once
        if {{ S | ident }}._pull(v_leaf, 1) = 'gone' or {{ S | ident }}._differs(v_leaf) then
            perform tandem._suppressed({{ m.name | literal }}, {{ m.leaf.table | literal }}, v_leaf::text);
        end if;
    end if;
    return case when v_written then 'written' else 'unchanged' end;
end
$_push$;

comment on function {{ S | ident }}._push({{ m.flat.key_type | sqltype }}, bigint, integer, boolean, boolean[]) is
'Makes the hierarchy say what one flat row says. p_keep: columns of dated rows, in the mapping''s order, '
'that the write is about; NULL leaves dated rows alone. Returns written, unchanged, rejected or gone.';
