-- What was noted while nothing was synced waits for its row, and comes before what a DELETE left.
create or replace function {{ S | ident }}._kept_for(p_key text) returns uuid
language plpgsql
set search_path = {{ m.search_path | path }}
as $_kept_for$
begin
    return (
        select kept.leaf_id
        from {{ S | ident }}.kept as kept
        where kept.flat_key = p_key and not exists (
            select from {{ m.flat.table | relation(m.schema) }} as flat
            where {{ m.leaf.sync | column('flat') }} = kept.leaf_id
        )
        order by kept.reason = 'deleted', kept.kept_at desc
        limit 1
    );
end
$_kept_for$;

comment on function {{ S | ident }}._kept_for(text) is
'The leaf that a flat row without one gets back, by the row''s key as text; NULL where nothing is kept.';
