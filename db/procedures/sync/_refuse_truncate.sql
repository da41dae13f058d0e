create or replace function tandem._refuse_truncate() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_refuse_truncate$
begin
    perform tandem._note_error(tg_argv[0], 42, 'h2f');
    raise exception 'table % cannot be truncated while it is kept in step', tg_table_name
    using errcode = 'TD042',
        detail = 'TRUNCATE fires no row triggers; the flat table would keep the rows.',
        hint = pg_catalog.format(
            'Use DELETE, or switch the sync off first: SELECT tandem.set_sync(%L, %L, false).',
            tg_argv[0], 'hierarchy_to_flat'
        );
end
$_refuse_truncate$;

comment on function tandem._refuse_truncate() is
'Trigger function: refuses TRUNCATE of a table of the hierarchy (TD042). Argument: the mapping.';
