-- Literals, because a constant is read by its type's input function, where (text)::type takes a
-- cast from text if there is one. Without the type's modifier: what has become too long is an error
-- of the statement, and not cut.
create or replace function tandem._row_columns(p_table regclass, p_row jsonb)
returns table (ordinal integer, name name, value text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_row_columns$
begin
    return query
    select
        a.attnum::integer, a.attname,
        pg_catalog.format('%L::%s', p_row ->> a.attname, pg_catalog.format_type(a.atttypid, -1))
    from pg_catalog.pg_attribute as a
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        and p_row ? a.attname;
end
$_row_columns$;

comment on function tandem._row_columns(regclass, jsonb) is
'The columns of a table that can be written and that an unpacked row has, with the row''s value as '
'an SQL constant.';
