-- A name of a table that was dropped can be taken by whoever may create in its schema.
create or replace function tandem._require_own(p_mapping text) returns void
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_require_own$
declare
    v_foreign text;
begin
    select pg_catalog.string_agg(t.relation, ', ' order by t.relation) into v_foreign
    from tandem._mapping_of(p_mapping) as m
    cross join lateral pg_catalog.jsonb_object_keys(m.definition -> 'tables') as t (relation)
    where pg_catalog.to_regclass(t.relation) is not null
        and tandem._own_table(t.relation) is null;
    if v_foreign is null then
        return;
    end if;
    raise exception 'mapping % is not prepared', p_mapping
    using errcode = 'TD003',
        detail = pg_catalog.format('No ordinary table of %s: %s. Nothing of it was read.',
            current_user, v_foreign),
        hint = pg_catalog.format(
            'SELECT * FROM tandem.analyze(%L); says what it is, and whose.', p_mapping
        );
end
$_require_own$;

comment on function tandem._require_own(text) is
'Raises TD003 where a relation of a mapping is another role''s, or is no ordinary table.';
