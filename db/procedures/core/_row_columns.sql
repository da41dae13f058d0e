-- The type without its modifier: what has become too long is an error of the INSERT, not cut.
create or replace function tandem._row_columns(p_table regclass, p_content text)
returns table (ordinal integer, name name, expression text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_row_columns$
begin
    return query
    select
        a.attnum::integer, a.attname,
        pg_catalog.format(
            '(%s ->> %L)::%s', p_content, a.attname, pg_catalog.format_type(a.atttypid, -1)
        )
    from pg_catalog.pg_attribute as a
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped and a.attgenerated = '';
end
$_row_columns$;

comment on function tandem._row_columns(regclass, text) is
'The columns of a table that can be written, and SQL that reads each from an object that '
'_unpack_row made.';
