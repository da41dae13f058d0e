{% from 'procedures/sync/macros.jinja' import chain_join, in_force with context %}
-- Makes the flat row of a leaf that has none.
create or replace function {{ S | ident }}._add_flat(p_leaf uuid) returns text
language plpgsql
set search_path = {{ m.search_path | path }}
as $_add_flat$
#variable_conflict use_variable
declare
    v_now timestamptz;
begin
    if not {{ S | ident }}._lock_chain(p_leaf) then
        return 'gone';
    end if;
    if exists (
        select from {{ m.flat.table | relation(m.schema) }} as flat where {{ m.leaf.sync | column('flat') }} = p_leaf
    ) then
        -- its own writer may be at work, or the leaf was deleted and inserted in one statement
        return {{ S | ident }}._pull(p_leaf, 0, 'columns');
    end if;
    v_now := pg_catalog.clock_timestamp();
    insert into {{ m.flat.table | relation(m.schema) }} (
        {{ m.flat.status | ident }}
        {%- if m.flat.new_key %}, {{ m.flat.key | ident }}{% endif %}
        {%- for level in m.chain %}, {{ level.sync | ident }}{% for pair in level.pairs %}, {{ pair.flat | ident }}{% endfor %}{% endfor %}
        {%- for satellite in m.satellites %}, {{ satellite.lead_pair.flat | ident }}{% endfor %}
        {%- if m.flat.touch %}, {{ m.flat.touch | ident }}{% endif %}

    )
    select
        'active'
        {%- if m.flat.new_key %}, {{ m.flat.new_key | relation(m.schema) }}(){% endif %}
        {%- for level in m.chain %}, {{ level.id | column(level.name) }}{% for pair in level.pairs %}, {{ pair | get(level.name) }}{% endfor %}{% endfor %}
        {%- for satellite in m.satellites %}, {{ satellite.lead_pair | get(satellite.name) }}{% endfor %}
        {%- if m.flat.touch %}, v_now{% endif %}

    from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
    {{ chain_join(m) | indent(4) | trusted }}
{% for satellite in m.satellites %}
    {{ in_force(m, satellite) | indent(4) | trusted }}
{% endfor %}
    where {{ m.leaf.id | column(m.leaf.name) }} = p_leaf;
    if not found or {{ S | ident }}._differs(p_leaf) then
        -- it holds more than was written: columns beside the lead, values of a trigger
        perform {{ S | ident }}._settle(p_leaf);
    end if;
    if not exists (
        select from {{ m.flat.table | relation(m.schema) }} as flat where {{ m.leaf.sync | column('flat') }} = p_leaf
    ) then
        perform tandem._suppressed({{ m.name | literal }}, {{ m.flat.table | literal }}, p_leaf::text);
    end if;
    -- While the sync is being switched on an old program may delete the row with no trigger to see it.
    if exists (select from tandem.mapping as t where t.name = {{ m.name | literal }} and t.phase = 'prepared') then
        insert into {{ S | ident }}.kept (flat_key, leaf_id, reason)
        select {{ m.flat.key | column('flat') }}::text, p_leaf, 'rollback'
        from {{ m.flat.table | relation(m.schema) }} as flat where {{ m.leaf.sync | column('flat') }} = p_leaf
        on conflict do nothing;
    end if;
    return 'written';
end
$_add_flat$;

comment on function {{ S | ident }}._add_flat(uuid) is
'Makes the flat row of a leaf that has none. Returns written, unchanged or gone.';
