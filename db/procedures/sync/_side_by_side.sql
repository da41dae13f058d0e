-- A flat row and its leaf with all that is above it, each of which may be absent.
create or replace function tandem._side_by_side(p_mapping text, p_key text)
returns table (
    level text, column_name text, flat_value text, hierarchy_value text, equal boolean
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_side_by_side$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_flat text := v_definition ->> 'flat';
    v_key_name text := v_definition ->> 'key';
    v_key_type text := v_definition ->> 'key_type';
    v_chain text := tandem._chain(p_mapping, 'left join') || coalesce((
        select pg_catalog.string_agg(E'\n' || s.in_force, '' order by s.ordinal)
        from tandem._satellites(p_mapping) as s
    ), '');
    v_rows text := tandem._side_by_side_rows(p_mapping);
    v_key text;
    v_leaf uuid;
    v_found boolean;
    r_leaf record;
begin
    select l.* into r_leaf from tandem._levels(p_mapping) as l where l.is_leaf;
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    if tandem.is_castable(p_key, v_key_type) then
        v_key := p_key;
        execute pg_catalog.format(
            'select true, flat.%I from %s as flat where flat.%I = $1::%s',
            r_leaf.sync, v_flat, v_key_name, v_key_type
        ) into v_found, v_leaf using v_key;
    end if;
    if v_found is not true and tandem.is_castable(p_key, 'uuid') then
        v_leaf := p_key::uuid;
        execute pg_catalog.format(
            'select flat.%I::text from %s as flat where flat.%I = $1',
            v_key_name, v_flat, r_leaf.sync
        ) into v_key using v_leaf;
    end if;
    return query execute pg_catalog.format(
        $query$select d.level, d.column_name, d.flat_value, d.hierarchy_value, d.equal
from (select $2::%1$s as flat_key, $3 as leaf_id) as one
left join %2$s as flat on flat.%3$I = one.flat_key
left join (
%4$s
) on %5$I.%6$I = one.leaf_id
cross join lateral (
values
%7$s
) as d (ordinal, level, column_name, flat_value, hierarchy_value, equal)
where flat.%3$I is not null or %5$I.%6$I is not null$query$,
        v_key_type, v_flat, v_key_name, v_chain, r_leaf.name, r_leaf.id, v_rows
    ) using pg_catalog.clock_timestamp(), v_key, v_leaf;
    if not found then
        raise exception 'mapping % has no row %', p_mapping, p_key
        using errcode = 'no_data_found',
            detail = pg_catalog.format('It is neither a key of %s nor an id of %s.',
                v_definition ->> 'flat_name', r_leaf.table_name),
            hint = 'Give the flat key or the leaf''s id as text.';
    end if;
end
$_side_by_side$;

comment on function tandem._side_by_side(text, text) is
'One flat row and its chain of levels; tandem.show(mapping, key) reads it.';
