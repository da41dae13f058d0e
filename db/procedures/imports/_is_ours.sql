-- What we see though its transaction is still in progress can only be ours. Of an xid of long ago
-- nobody knows the epoch, but it is not asked.
create or replace function tandem._is_ours(p_xid xid) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $_is_ours$
declare
    v_now bigint := pg_catalog.pg_current_xact_id()::text::bigint;
    v_wrap constant bigint := 4294967296;
begin
    if pg_catalog.age(p_xid) > pg_catalog.age((v_now % v_wrap)::text::xid) then
        return false;
    end if;
    return pg_catalog.pg_xact_status(
        (v_now + (p_xid::text::bigint - v_now % v_wrap + v_wrap) % v_wrap)::text::xid8
    ) = 'in progress';
end
$_is_ours$;

comment on function tandem._is_ours(xid) is
'Whether a row that is visible, by its xmin, was written by this transaction or a block of it.';
