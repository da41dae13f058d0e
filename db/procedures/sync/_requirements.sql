create or replace function tandem._requirements(p_mapping text) returns setof tandem.requirement
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_requirements$
begin
    return query execute pg_catalog.format(
        'select r.* from %I.requirement() as r', 'tandem_' || p_mapping
    );
end
$_requirements$;

comment on function tandem._requirements(text) is 'What a mapping needs in the user''s schema.';
