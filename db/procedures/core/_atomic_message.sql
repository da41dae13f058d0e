-- A ROLLBACK in a function always fails, with the words (in the server's language) that a COMMIT
-- gets where the caller holds the transaction.
create or replace function tandem._atomic_message() returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $_atomic_message$
declare
    v_message text;
begin
    rollback;
    return null;
exception when invalid_transaction_termination then
    get stacked diagnostics v_message = message_text;
    return v_message;
end
$_atomic_message$;

comment on function tandem._atomic_message() is
'The message that transaction control gets where the caller holds the transaction.';
