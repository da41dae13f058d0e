create or replace function tandem._say_failure(p_failure jsonb) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $_say_failure$
    select pg_catalog.concat_ws(
        '. ', pg_catalog.rtrim(p_failure ->> 'message', '.'), nullif(pg_catalog.concat_ws(
            ' ', nullif(p_failure ->> 'detail', ''), nullif(p_failure ->> 'hint', '')
        ), '')
    )
$_say_failure$;

comment on function tandem._say_failure(jsonb) is 'An error of the loop as one text.';
