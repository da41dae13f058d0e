-- Whatever columns the table has now: those that were added since get their defaults, generated
-- ones are left out. Off every hot path.
create or replace function tandem._insert_row(p_table regclass, p_row jsonb, p_path text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set array_nulls = on
set xmloption = 'content'
as $_insert_row$
declare
    v_statement text;
    v_is_new boolean;
begin
    select pg_catalog.format(
        'insert into %s (%s) overriding system value values (%s) on conflict do nothing '
        'returning true', p_table,
        pg_catalog.string_agg(pg_catalog.quote_ident(c.name), ', ' order by c.ordinal),
        pg_catalog.string_agg(c.value, ', ' order by c.ordinal)
    )
    into v_statement
    from tandem._row_columns(p_table, p_row) as c;
    -- the application's own triggers inherit it
    perform pg_catalog.set_config('search_path', p_path, true);
    execute v_statement into v_is_new;
    return v_is_new is true;
end
$_insert_row$;

comment on function tandem._insert_row(regclass, jsonb, text) is
'Inserts a row from its columns'' values as text; false where it was there, or another with a '
'unique key of its. p_path: the search path meanwhile, the mapping''s.';
