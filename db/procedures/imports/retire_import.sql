create or replace function tandem.retire_import(p_mapping text) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '3s'
as $retire_import$
declare
    v_missing text;
    r_flag tandem.import_flag;
begin
    perform tandem._mapping_of(p_mapping);
    perform from tandem.mapping as m where m.name = p_mapping for update;
    perform tandem._require_old_path(p_mapping);
    perform tandem._require_phase(p_mapping, 'retire_import', array['ready']);
    -- nobody submits or begins an import until it is known that none is to take the old path
    lock table tandem.import_job in share row exclusive mode;
    select * into r_flag from tandem.import_flag as f where f.mapping = p_mapping;
    v_missing := pg_catalog.concat_ws('; ',
        case when r_flag.value <> 'true' then pg_catalog.format('its flag is %s', r_flag.value) end,
        case when r_flag.kill_switch then 'its kill switch is on' end,
        case when r_flag.denied <> '{}' then pg_catalog.format(
            'denied the new path: %s', pg_catalog.array_to_string(r_flag.denied, ', ')
        ) end,
        (
            select 'imports of the old path that are not done: ' || pg_catalog.string_agg(
                j.import_id::text, ', ' order by j.import_id
            )
            from tandem.import_job as j
            where j.mapping = p_mapping and j.importer = 'old' and j.state in ('queued', 'running')
        )
    );
    if v_missing <> '' then
        raise exception 'the old path of % cannot be retired yet', p_mapping
        using errcode = 'TD081', detail = pg_catalog.concat(v_missing, '. Nothing was done.'),
            hint = pg_catalog.format(
                'SELECT tandem.set_import_flag(%L, ''true'', p_denied => ''{}'', p_kill_switch => '
                'false); then let the imports of the old path end, or cancel them.', p_mapping
            );
    end if;
    perform tandem._set_phase(p_mapping, 'retired');
    delete from tandem.import_flag as f where f.mapping = p_mapping;
    insert into tandem.import_flag_change (mapping, before)
    values (
        p_mapping, case when r_flag.mapping is not null then pg_catalog.to_jsonb(r_flag) end
    );
    perform tandem._drop_old_paths();
    raise notice 'the old path of % is gone%', p_mapping, pg_catalog.format(
        '; the new one was for all since %s', r_flag.changed_at::timestamptz(0)
    );
end
$retire_import$;

comment on function tandem.retire_import(text) is
'Takes the old path of an import away for ever: drops the routine that locks tables, and the flag. '
'Only when the flag is true for all and no import of the old path is queued or running; TD081 says '
'what is missing. No later deployment brings it back. Admins may call it. Example: select '
'tandem.retire_import(''items'');';
