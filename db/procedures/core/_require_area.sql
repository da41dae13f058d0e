create or replace function tandem._require_area(p_mapping text, p_verb text, p_area text)
returns void
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_require_area$
declare
    v_area text := (tandem._mapping_of(p_mapping)).area;
begin
    if v_area = p_area then
        return;
    end if;
    raise exception '% is not for the mapping %, which is of the area %', p_verb, p_mapping, v_area
    using errcode = 'TD007',
        detail = case v_area
            when 'imports' then 'It says how rows are imported; no flat table is kept in step.'
            else 'It says how a flat table is kept in step with a hierarchy.' end,
        hint = pg_catalog.format('Next: %s', tandem._next_step(p_mapping));
end
$_require_area$;

comment on function tandem._require_area(text, text, text) is
'Raises TD007 where a verb is called for a mapping of another area, sync or imports.';
