create or replace function tandem._path_of(p_mapping text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $_path_of$
    select m.definition ->> 'path' from tandem._mapping_of(p_mapping) as m
$_path_of$;

comment on function tandem._path_of(text) is
'The search path of a mapping''s rendered routines. A generic routine sets it, until it returns, '
'before it executes SQL on the mapping''s tables: columns may have types of such a schema, and the '
'application''s own triggers inherit it.';
