create or replace function tandem._in_read_committed(
    p_mapping text, p_what text, p_detail text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_in_read_committed$
begin
    if pg_catalog.current_setting('transaction_isolation')
        not in ('read committed', 'read uncommitted') then
        perform tandem._note_error(p_mapping, 43);
        raise exception '% in READ COMMITTED only', p_what
        using errcode = 'TD043',
            detail = p_detail,
            hint = 'SET default_transaction_isolation = ''read committed''; then again. Inside '
            'BEGIN: SET TRANSACTION ISOLATION LEVEL READ COMMITTED; as its first statement.';
    end if;
end
$_in_read_committed$;

comment on function tandem._in_read_committed(text, text, text) is
'Raises TD043 in REPEATABLE READ and SERIALIZABLE. p_what: what can be done; the message begins '
'with it.';
