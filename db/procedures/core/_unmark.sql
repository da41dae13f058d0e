-- At the end of the outermost call its token is of no more use: somebody may have seen it.
create or replace function tandem._unmark(p_origin text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_unmark$
declare
    v_token bigint := pg_catalog.currval('tandem.origin');
begin
    if pg_catalog.split_part(p_origin, ':', 3) <> v_token::text then
        v_token := tandem._new_token();
    end if;
    p_origin := pg_catalog.set_config('tandem.origin', p_origin, true);
    return v_token;
end
$_unmark$;

comment on function tandem._unmark(text) is
'Ends what tandem._mark has begun. p_origin: what tandem.origin said before.';
