create or replace function tandem._next_step(p_mapping text) returns text
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_next_step$
declare
    v_phase text := (tandem._mapping_of(p_mapping)).phase;
    v_name text := pg_catalog.quote_literal(p_mapping);
begin
    if v_phase <> 'deployed' and exists (
        select from tandem.run as r
        where r.mapping = p_mapping and r.finished_at is null and r.kind = 'migrate'
            and not coalesce((r.params ->> 'dry_run')::boolean, false)
    ) then
        return pg_catalog.format('CALL tandem.migrate(%s);  -- goes on where it stopped', v_name);
    end if;
    if v_phase = 'migrated' and exists (
        select from tandem.mapping as m
        where m.name = p_mapping and not (m.flat_to_hierarchy and m.hierarchy_to_flat)
    ) then
        return pg_catalog.format(
            'SELECT tandem.set_sync(%s, direction, true);  '
            'then tandem.drift_count and CALL tandem.repair',
            v_name);
    end if;
    return case v_phase
        when 'deployed' then pg_catalog.format(
            'SELECT * FROM tandem.plan(%s);  then CALL tandem.prepare(%s);', v_name, v_name)
        when 'prepared' then pg_catalog.format(
            'SELECT * FROM tandem.analyze(%s);  then CALL tandem.migrate(%s);', v_name, v_name)
        when 'syncing' then pg_catalog.format('CALL tandem.migrate(%s);', v_name)
        else pg_catalog.format(
            'SELECT * FROM tandem.validate(%s);  and watch tandem.status', v_name)
    end;
end
$_next_step$;

comment on function tandem._next_step(text) is 'The call that comes next for a mapping, as SQL.';
