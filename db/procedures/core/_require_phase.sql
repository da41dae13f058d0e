create or replace function tandem._require_phase(p_mapping text, p_verb text, p_phases text[])
returns void
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_require_phase$
declare
    v_phase text := (tandem._mapping_of(p_mapping)).phase;
begin
    if v_phase = any (p_phases) then
        perform tandem._require_own(p_mapping);
        return;
    end if;
    raise exception 'mapping % is in phase %, so % cannot run', p_mapping, v_phase, p_verb
    using errcode = 'TD002',
        detail = pg_catalog.format('%s runs in phase %s.', p_verb,
            pg_catalog.array_to_string(p_phases, ' or ')),
        hint = pg_catalog.format('Next: %s', tandem._next_step(p_mapping));
end
$_require_phase$;

comment on function tandem._require_phase(text, text, text[]) is
'Raises TD002, naming the next call, where a verb does not fit the phase of the mapping, and TD003 '
'where a table of the mapping is not ours.';
