create or replace function tandem._require_prepared(p_mapping text) returns void
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_require_prepared$
declare
    v_missing text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format('%s %s on %s (%s)', x.kind, x.object, x.relation, x.fault), '; '
    )
    into v_missing
    from tandem._missing(p_mapping) as x
    where x.kind <> 'index';
    if v_missing is null then
        return;
    end if;
    raise exception 'mapping % is not prepared', p_mapping
    using errcode = 'TD003',
        detail = pg_catalog.format('Missing: %s.', v_missing),
        hint = pg_catalog.format('CALL tandem.prepare(%L);', p_mapping);
end
$_require_prepared$;

comment on function tandem._require_prepared(text) is
'Raises TD003 where something that a mapping needs, other than an index, is not there.';
