-- True for a leaf whose flat row is newer than it: on the way forward before its batch, or
-- rejected.
create or replace function tandem._is_waiting(p_mapping text, p_leaf uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_is_waiting$
declare
    r_mapping tandem.mapping := tandem._mapping_of(p_mapping);
    v_found boolean;
begin
    execute pg_catalog.format(
        'select exists (
            select from %s as flat
            where flat.%I = $1 and (flat.%I is distinct from ''active'' or $2 <> ''migrated'')
        )',
        r_mapping.definition ->> 'flat',
        (select l.sync from tandem._levels(p_mapping) as l where l.is_leaf),
        r_mapping.definition ->> 'status'
    ) into v_found using p_leaf, r_mapping.phase;
    return v_found;
end
$_is_waiting$;

comment on function tandem._is_waiting(text, uuid) is
'Whether the flat row of a leaf has what the leaf does not know yet.';
