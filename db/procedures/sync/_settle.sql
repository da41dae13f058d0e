-- After a leaf got its flat row and the two differ: first what the dated rows say, then, where a
-- trigger of the application stored something else, what the flat row says.
create or replace function {{ S | ident }}._settle(p_leaf uuid) returns void
language plpgsql
set search_path = {{ m.search_path | path }}
as $_settle$
#variable_conflict use_variable
begin
{% for satellite in m.satellites %}
    perform {{ S | ident }}._pull_{{ satellite.name | trusted }}(p_leaf);
{% endfor %}
    if {{ S | ident }}._differs(p_leaf) then
        perform {{ S | ident }}._push({{ m.flat.key | column('flat') }}, null, 1)
        from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.leaf.sync | column('flat') }} = p_leaf;
        if {{ S | ident }}._differs(p_leaf) then
            perform tandem._suppressed({{ m.name | literal }}, {{ m.flat.table | literal }}, p_leaf::text);
        end if;
    end if;
end
$_settle$;

comment on function {{ S | ident }}._settle(uuid) is
'Makes both sides of a new leaf equal where its flat row was stored with other values.';
