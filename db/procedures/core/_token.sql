-- Off the hot path: inside a call of ours, or where a client has set tandem.origin.
create or replace function tandem._token(p_sequence regclass, p_origin text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_token$
begin
    if pg_catalog.split_part(p_origin, ':', 3) = pg_catalog.currval(p_sequence)::text then
        return pg_catalog.currval(p_sequence);
    end if;
    return pg_catalog.nextval(p_sequence);
exception when object_not_in_prerequisite_state then
    return pg_catalog.nextval(p_sequence);
end
$_token$;

comment on function tandem._token(regclass, text) is
'The token of the call of ours that this one is inside of, or a new one. p_sequence: origin in the '
'mapping''s schema; p_origin: the setting tandem.origin.';
