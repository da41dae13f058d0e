create or replace function tandem._header_of_staging(p_staging regclass) returns text[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_header_of_staging$
declare
    v_columns text[] := array(
        select a.attname from pg_catalog.pg_attribute as a
        where a.attrelid = p_staging and a.attnum > 0 and not a.attisdropped
        order by a.attnum
    );
begin
    if 'content' = any (v_columns) and (
        select a.atttypid = 'text[]'::regtype from pg_catalog.pg_attribute as a
        where a.attrelid = p_staging and a.attname = 'content'
    ) then
        raise exception 'the names of the fields of % are not given', p_staging
        using errcode = 'invalid_parameter_value',
            detail = 'Its column content has the values of a record; p_header has their names.',
            hint = 'Nothing was submitted.';
    end if;
    return v_columns;
end
$_header_of_staging$;

comment on function tandem._header_of_staging(regclass) is
'The columns of a staging table, which are the fields of the input.';
