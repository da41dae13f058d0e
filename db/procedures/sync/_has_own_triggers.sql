create or replace function tandem._has_own_triggers(p_mapping text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $_has_own_triggers$
    select exists (
        select
        from tandem.mapping as m
        cross join lateral pg_catalog.jsonb_object_keys(m.definition -> 'tables') as k (relation)
        join pg_catalog.pg_trigger as t on t.tgrelid = pg_catalog.to_regclass(k.relation)
        where m.name = p_mapping and not t.tgisinternal and not tandem._is_ours(t.tgfoid)
            and t.tgtype & 2 = 2 and t.tgenabled <> 'D'
    )
$_has_own_triggers$;

comment on function tandem._has_own_triggers(text) is
'True where an enabled BEFORE trigger of the application is on a table of this mapping.';
