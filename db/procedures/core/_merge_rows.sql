create or replace function tandem._merge_rows(p_new jsonb, p_old jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $_merge_rows$
    select case when p_old is null then p_new else
        tandem._unpack_row(p_new) || pg_catalog.jsonb_strip_nulls(tandem._unpack_row(p_old))
        || pg_catalog.jsonb_strip_nulls(tandem._unpack_row(p_new))
    end
$_merge_rows$;

comment on function tandem._merge_rows(jsonb, jsonb) is
'A packed or unpacked row with the values of an older one where it has none.';
