create or replace function tandem._key_length(p_relation regclass, p_key text[]) returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $_key_length$
    select a.atttypmod - 4
    from pg_catalog.pg_attribute as a
    where a.attrelid = p_relation and a.attname = p_key[1] and a.atttypmod > 4
$_key_length$;

comment on function tandem._key_length(regclass, text[]) is
'How many characters the key of a table may have; NULL where its type has no length.';
