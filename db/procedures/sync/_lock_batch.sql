create or replace function tandem._lock_batch(
    p_mapping text, p_from text, p_rows integer, out last_key text, out rows_locked bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $_lock_batch$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
begin
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    execute pg_catalog.format(
        'select
            (pg_catalog.array_agg(b.batch_key order by b.batch_key desc))[1]::text,
            pg_catalog.count(*)
        from (
            select flat.%1$I as batch_key from %2$s as flat
            where flat.%1$I >= $1::%3$s order by flat.%1$I limit $2
            for no key update
        ) as b',
        v_definition ->> 'key', v_definition ->> 'flat', v_definition ->> 'key_type'
    ) into last_key, rows_locked using p_from, p_rows;
end
$_lock_batch$;

comment on function tandem._lock_batch(text, text, integer) is
'Locks the next p_rows rows of the flat table from key p_from on, in key order; returns the last '
'key as text, and how many.';
