-- Whatever a plan was edited to: a text that is no id is NULL, and no error.
create or replace function tandem._duplicate_id(p_type text, p_value text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $_duplicate_id$
    select pg_catalog.format(
        case when p_type = 'uuid' then
            'case when %1$s ~ ''^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'' '
            'then (%1$s)::uuid end'
            else 'case when %1$s ~ ''^-?[0-9]{1,18}$'' then (%1$s)::%2$s end' end,
        p_value, p_type
    )
$_duplicate_id$;

comment on function tandem._duplicate_id(text, text) is
'SQL for an expression of text as an id of a type; NULL where it is none.';
