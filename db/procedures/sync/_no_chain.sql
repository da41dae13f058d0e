create or replace function tandem._no_chain(p_mapping text, p_table text, p_leaf uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_no_chain$
begin
    perform tandem._note_error(p_mapping, 41);
    raise exception 'a row of % has no complete chain of parents', p_table
    using errcode = 'TD041',
        detail = pg_catalog.format('Row %s.', p_leaf),
        hint = 'Give it a parent at each level; old programs read their values in one row.';
end
$_no_chain$;

comment on function tandem._no_chain(text, text, uuid) is 'Raises TD041.';
