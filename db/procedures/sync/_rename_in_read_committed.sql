create or replace function tandem._rename_in_read_committed(
    p_mapping text, p_table text, p_id uuid
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_rename_in_read_committed$
begin
    if pg_catalog.current_setting('transaction_isolation')
        not in ('read committed', 'read uncommitted') then
        perform tandem._note_error(p_mapping, 43);
        raise exception 'a row of % can be renamed or moved in READ COMMITTED only', p_table
        using errcode = 'TD043',
            detail = pg_catalog.format(
                'Row %s. Flat rows that were added below it after this transaction''s snapshot '
                'would keep the old value.', p_id
            ),
            hint = 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED for this change.';
    end if;
end
$_rename_in_read_committed$;

comment on function tandem._rename_in_read_committed(text, text, uuid) is
'Raises TD043 in REPEATABLE READ and SERIALIZABLE.';
