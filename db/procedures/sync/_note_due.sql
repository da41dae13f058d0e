-- Dated rows of the future that no trigger has seen: written before the sync was on, or while it
-- was off. Noted before their time comes, they come into force like all others.
create or replace function tandem._note_due(p_mapping text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_note_due$
declare
    v_count bigint := 0;
    v_more bigint;
    r_satellite record;
begin
    -- a table at a time
    for r_satellite in select * from tandem._satellites(p_mapping) as s
    loop
        execute pg_catalog.format(
            'with noted as ('
            'insert into %1$I.due (satellite, leaf_id, effective) '
            'select %2$L, s.%3$I, s.%4$I from %5$s as s '
            'where s.%4$I > pg_catalog.clock_timestamp() on conflict do nothing '
            'returning 1) select pg_catalog.count(*) from noted',
            'tandem_' || p_mapping, r_satellite.name, r_satellite.parent, r_satellite.effective,
            r_satellite.relation
        ) into v_more;
        v_count := v_count + v_more;
    end loop;
    return v_count;
end
$_note_due$;

comment on function tandem._note_due(text) is
'Notes dated rows of the future that are not noted yet; returns how many.';
