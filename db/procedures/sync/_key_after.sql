create or replace function tandem._key_after(p_mapping text, p_key text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $_key_after$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_next text;
begin
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    execute pg_catalog.format(
        'select flat.%1$I::text from %2$s as flat%3$s order by flat.%1$I limit 1',
        v_definition ->> 'key', v_definition ->> 'flat',
        case when p_key is not null then pg_catalog.format(
            ' where flat.%I > $1::%s', v_definition ->> 'key', v_definition ->> 'key_type'
        ) end
    ) into v_next using p_key;
    return v_next;
end
$_key_after$;

comment on function tandem._key_after(text, text) is
'The next key of the flat table, as text; the first for NULL.';
