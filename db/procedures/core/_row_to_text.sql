-- Each column as its type's output function writes it, and so as its input function reads it:
-- to_json is not that (jsonb null, bounds of arrays, types with a cast to json). record_out quotes
-- a field that holds a quote, a backslash, a comma, a bracket or a blank, and doubles the first
-- two.
-- One style, whoever deletes and whoever inserts.
create or replace function tandem._row_to_text(p_row anyelement) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set extra_float_digits = 1
as $_row_to_text$
    select pg_catalog.jsonb_object_agg(a.attname, case
        when f.field[1] = '' then null
        when pg_catalog.starts_with(f.field[1], '"') then pg_catalog.replace(pg_catalog.replace(
            pg_catalog.substr(f.field[1], 2, pg_catalog.length(f.field[1]) - 2), '""', '"'
        ), '\\', '\')
        else f.field[1]
    end)
    from pg_catalog.regexp_matches(
        pg_catalog.substr(p_row::text, 2, pg_catalog.length(p_row::text) - 2) || ',',
        '("(?:[^"]|"")*"|[^,"]*),', 'g'
    ) with ordinality as f (field, position)
    join (
        select
            c.attname, pg_catalog.row_number() over (order by c.attnum) as position
        from pg_catalog.pg_attribute as c
        join pg_catalog.pg_type as t on t.typrelid = c.attrelid
        where t.oid = pg_catalog.pg_typeof(p_row) and c.attnum > 0 and not c.attisdropped
    ) as a on a.position = f.position
$_row_to_text$;

comment on function tandem._row_to_text(anyelement) is
'A row of a table as an object of its columns'' values as text, or null.';
