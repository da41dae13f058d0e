-- Batches noted nearly all of it before, so few rows are written here; but both tables are read.
create or replace function tandem._note_links(p_mapping text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set jit = off
as $_note_links$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_schema text := 'tandem_' || p_mapping;
    v_flat text := v_definition ->> 'flat';
    v_link text := (select l.sync from tandem._levels(p_mapping) as l where l.is_leaf);
begin
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    execute pg_catalog.format(
        'insert into %1$I.kept (flat_key, leaf_id, reason)
        select flat.%2$I::text, flat.%3$I, ''rollback''
        from %4$s as flat
        where flat.%3$I is not null and not exists (
            select from %1$I.kept as kept
            where kept.leaf_id = flat.%3$I and kept.flat_key = flat.%2$I::text
                and kept.reason = ''rollback''
        )
        on conflict (leaf_id) do update
        set flat_key = excluded.flat_key, reason = excluded.reason, kept_at = excluded.kept_at',
        v_schema, v_definition ->> 'key', v_link, v_flat
    );
end
$_note_links$;

comment on function tandem._note_links(text) is
'Notes in kept which flat row belongs to which leaf, where that is not noted or has changed. The '
'caller has locked the flat table against writers.';
