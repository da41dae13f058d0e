-- Content that an earlier rollback kept stays.
create or replace function tandem._note_links(
    p_mapping text, p_from text default null, p_to text default null
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set jit = off
as $_note_links$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_link text := (select l.sync from tandem._levels(p_mapping) as l where l.is_leaf);
    v_count bigint;
begin
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    execute pg_catalog.format(
        'with noted as (
        insert into %1$I.kept (flat_key, leaf_id, reason)
        select flat.%2$I::text, flat.%3$I, ''rollback''
        from %4$s as flat
        where flat.%3$I is not null%6$s
            and not exists (
                select from %1$I.kept as kept
                where kept.leaf_id = flat.%3$I and kept.flat_key = flat.%2$I::text
                    and kept.reason = ''rollback''
            )
        on conflict (leaf_id) do update
        set flat_key = excluded.flat_key, parent = null, reason = excluded.reason,
            kept_at = excluded.kept_at
        returning 1
        )
        select pg_catalog.count(*) from noted',
        'tandem_' || p_mapping, v_definition ->> 'key', v_link, v_definition ->> 'flat',
        v_definition ->> 'key_type', case when p_from is not null then pg_catalog.format(
            ' and flat.%1$I >= $1::%2$s and flat.%1$I <= $2::%2$s', v_definition ->> 'key',
            v_definition ->> 'key_type'
        ) end
    ) into v_count using p_from, p_to;
    return v_count;
end
$_note_links$;

comment on function tandem._note_links(text, text, text) is
'Notes in kept which flat row belongs to which leaf, where that is not noted or has changed, for '
'a range of keys that the caller has locked; without one for all rows, which few are left of when '
'batches noted them before, but both tables are read. Returns how many.';
