create or replace function tandem._my_transaction(p_xmin xid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_my_transaction$
declare
    v_top bigint := pg_catalog.pg_current_xact_id()::text::bigint;
    -- Distance to this transaction's id, which age() takes from before it had one; a savepoint's id
    -- is larger, so the distance is negative.
    v_age bigint :=
        ((v_top - p_xmin::text::bigint + 2147483648) & 4294967295) - 2147483648;
begin
    if v_age > 0 or v_age < -1000000000 then
        return false;
    end if;
    -- A row that is visible and whose transaction is in progress can only be our own.
    return v_age = 0
        or pg_catalog.pg_xact_status((v_top - v_age)::text::xid8) = 'in progress';
end
$_my_transaction$;

comment on function tandem._my_transaction(xid) is
'True for the xmin of a visible row that the current transaction wrote, savepoints included.';
