-- True for a leaf whose flat row is newer than it: on the way forward before its batch, or rejected.
create or replace function {{ S | ident }}._is_waiting(p_leaf uuid) returns boolean
language plpgsql
set search_path = {{ m.search_path | path }}
as $_is_waiting$
#variable_conflict use_variable
begin
    return exists (
        select from {{ m.flat.table | relation(m.schema) }} as flat
        where {{ m.leaf.sync | column('flat') }} = p_leaf and ({{ m.flat.status | column('flat') }} is distinct from 'active' or not exists (
            select from tandem.mapping as t where t.name = {{ m.name | literal }} and t.phase = 'migrated'))
    );
end
$_is_waiting$;

comment on function {{ S | ident }}._is_waiting(uuid) is
'Whether the flat row of a leaf has what the leaf does not know yet.';
