create or replace function tandem._set_phase(p_mapping text, p_phase text) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_set_phase$
declare
    v_from text;
begin
    select m.phase into strict v_from from tandem.mapping as m
    where m.name = p_mapping
    for update;
    if v_from = p_phase then
        return;
    end if;
    if not exists (
        select from tandem.phase_step as s where s.from_phase = v_from and s.to_phase = p_phase
    ) then
        raise exception 'mapping % cannot go from phase % to %', p_mapping, v_from, p_phase
        using errcode = 'TD002',
            detail = 'tandem.phase_step has no such step.',
            hint = pg_catalog.format('Next: %s', tandem._next_step(p_mapping));
    end if;
    update tandem.mapping as m
    set phase = p_phase, phase_since = pg_catalog.clock_timestamp()
    where m.name = p_mapping;
end
$_set_phase$;

comment on function tandem._set_phase(text, text) is
'Moves a mapping to another phase along tandem.phase_step.';
