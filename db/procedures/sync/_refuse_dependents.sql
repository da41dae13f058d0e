-- Asked before the first batch of rollback with p_drop_columns, and again before anything is
-- dropped.
create or replace function tandem._refuse_dependents(p_mapping text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_refuse_dependents$
declare
    v_found text;
begin
    select pg_catalog.string_agg(o.object, '; ') into v_found
    from tandem._dependents(p_mapping) as o (object);
    if v_found is null then
        return;
    end if;
    raise exception 'objects that are not pgtandem''s depend on the sync columns of %', p_mapping
    using errcode = 'TD020',
        detail = pg_catalog.format('%s. Nothing was dropped.', v_found),
        hint = 'Drop them, or make them anew without these columns (a view of SELECT * has them '
        'all), then the same call again. Without p_drop_columns they can stay.';
end
$_refuse_dependents$;

comment on function tandem._refuse_dependents(text) is
'Raises TD020 where objects of others use what rollback with p_drop_columns takes away.';
