-- The text is that of each column's output function, which its input function reads again: to_json
-- is not that (jsonb null, bounds of arrays, types with a cast to json). It is taken apart where it
-- is read: that costs more than all the rest, and most rows that are kept never come back. One
-- style, whoever deletes and whoever inserts.
create or replace function tandem._pack_row(p_table regclass, p_row anyelement) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set extra_float_digits = 1
as $_pack_row$
begin
    return pg_catalog.to_jsonb(p_row::text || array(
        select a.attname::text
        from pg_catalog.pg_attribute as a
        where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
        order by a.attnum
    ));
end
$_pack_row$;

comment on function tandem._pack_row(regclass, anyelement) is
'A row of a table as an array: its text, then the names of its columns, which _unpack_row takes '
'apart.';
