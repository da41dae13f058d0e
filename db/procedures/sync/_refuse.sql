-- A flat row that cannot be moved, where the mapping's policy is raise, or a migration is to stop.
create or replace function tandem._refuse(
    p_mapping text, p_table text, p_key text, p_fault text, p_detail text, p_hint text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_refuse$
begin
    perform tandem._note_error(p_mapping, 30);
    raise exception 'row % of % does not fit the hierarchy: %', p_key, p_table, p_fault
    using errcode = 'TD030', detail = p_detail, hint = p_hint;
end
$_refuse$;

comment on function tandem._refuse(text, text, text, text, text, text) is 'Raises TD030.';
