create or replace function tandem._refuse_truncate(p_mapping text, p_table text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_refuse_truncate$
begin
    perform tandem._note_error(p_mapping, 42);
    raise exception 'table % cannot be truncated while it is kept in step', p_table
    using errcode = 'TD042',
        detail = 'TRUNCATE fires no row triggers; the flat table would keep the rows.',
        hint = pg_catalog.format(
            'Use DELETE, or switch the sync off first: SELECT tandem.set_sync(%L, %L, false).',
            p_mapping, 'hierarchy_to_flat'
        );
end
$_refuse_truncate$;

comment on function tandem._refuse_truncate(text, text) is 'Raises TD042.';
