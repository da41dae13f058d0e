-- The body is parsed once, here: it does not depend on the search_path of who calls, nor on a right
-- on the schema tandem; and the planner puts it in place of the call, in an index as in a query.
-- In an index it is executed with the rights of who writes the table, so PUBLIC may execute it.
-- lint: inlinable
create or replace function tandem.import_key(p_value text) returns text
language sql immutable parallel safe
return case
    when pg_catalog.octet_length(p_value) = pg_catalog.length(p_value) then
        pg_catalog.lower(pg_catalog.btrim(
            case
                when p_value collate pg_catalog."C" ~ e'[\\t-\\r]|  '
                    then pg_catalog.regexp_replace(
                        p_value collate pg_catalog."C", e'[\\t-\\r ]+', ' ', 'g'
                    )
                else p_value
            end
        ) collate pg_catalog."C")
    else tandem._import_key(p_value)
end;

comment on function tandem.import_key(text) is
'The form in which an import compares names, such as colours and sizes: without invisible '
'characters, each run of white space as one blank and none at the ends, full-width digits, '
'ligatures and the like as the plain ones (NFKC), upper and lower case alike (full case folding: '
'sharp s is ss). Letters of different alphabets stay apart. NULL for NULL. It is the same on every '
'server of every version, always by Unicode 14, so an index may hold it; the names themselves stay '
'as they are. The database''s encoding has to be UTF8, else only ASCII is folded or it fails. '
'Readers, operators and admins may call it; PUBLIC may execute it, because an index on it is kept '
'with the rights of whoever writes the table. Example: create unique index on colour '
'(tandem.import_key(name)) where deleted_at is null;';
