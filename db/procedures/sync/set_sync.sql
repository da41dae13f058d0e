create or replace function tandem.set_sync(p_mapping text, p_direction text, p_enabled boolean)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $set_sync$
declare
    v_phase text;
    v_rollback bigint;
    v_is_live boolean;
    v_lock_timeout text := pg_catalog.current_setting('lock_timeout');
begin
    perform tandem._require_area(p_mapping, 'set_sync', 'sync');
    perform tandem._check_argument(
        'p_direction', p_direction, array['flat_to_hierarchy', 'hierarchy_to_flat', 'log']
    );
    if p_enabled is null then
        raise exception 'p_enabled is null'
        using errcode = 'null_value_not_allowed', detail = 'It may be true or false.',
            hint = 'Nothing was done.';
    end if;
    update tandem.mapping as m
    set flat_to_hierarchy = case p_direction when 'flat_to_hierarchy' then p_enabled
            else m.flat_to_hierarchy end,
        hierarchy_to_flat = case p_direction when 'hierarchy_to_flat' then p_enabled
            else m.hierarchy_to_flat end
    where m.name = p_mapping
    returning m.phase into v_phase;
    select r.run_id, tandem._running(r.run_id) into v_rollback, v_is_live from tandem.run as r
    where r.mapping = p_mapping and r.kind = 'rollback' and r.finished_at is null;
    if p_enabled and p_direction <> 'log' and found then
        raise exception 'a rollback of % % (run %)', p_mapping,
            case when v_is_live then 'is under way' else 'broke off' end, v_rollback
        using errcode = 'TD010',
            detail = 'It has switched the sync off, or is about to. Nothing was done.',
            hint = case when v_is_live then 'When it has ended, ' else pg_catalog.format(
                '%s ends it; ', tandem._call_of(v_rollback)) end
            || pg_catalog.format('CALL tandem.migrate(%L) goes forward again.', p_mapping);
    end if;
    if p_direction <> 'log' then
        -- which side is right is to be decided anew
        update tandem.run as r
        set state = 'failed', finished_at = pg_catalog.clock_timestamp(),
            error_message = 'superseded by set_sync'
        where r.mapping = p_mapping and r.kind = 'repair' and r.finished_at is null
            and not tandem._running(r.run_id);
    end if;
    if p_direction = 'log' then
        perform tandem._require_prepared(p_mapping);
    elsif v_phase not in ('syncing', 'migrated') and not exists (
        -- a migration that has begun has switched some on before the phase says so
        select from tandem._switches(p_mapping) as s
        where s.direction = p_direction and s.enabled
    ) then
        raise notice 'noted: % % when tandem.migrate(%) begins', p_direction,
            case when p_enabled then 'is switched on' else 'stays off' end,
            pg_catalog.quote_literal(p_mapping);
        return;
    end if;
    -- Waits until older writers have ended; gives way and tries again, so that nobody queues
    -- behind it.
    for v_try in 1 .. 60 loop
        begin
            perform pg_catalog.set_config(
                'lock_timeout', tandem._setting_of('batch_lock_timeout') || 'ms', true
            );
            perform tandem._switch_all(p_mapping, p_direction, p_enabled);
            exit;
        exception when lock_not_available or deadlock_detected then
            if v_try = 60 then
                raise;
            end if;
        end;
        perform pg_catalog.pg_sleep(0.05 + 0.2 * pg_catalog.random());
    end loop;
    perform pg_catalog.set_config('lock_timeout', v_lock_timeout, true);
    if p_enabled and p_direction = 'hierarchy_to_flat' then
        perform tandem._note_due(p_mapping);
    end if;
    if p_enabled and p_direction <> 'log' then
        raise notice 'rows written while it was off are not synced: '
            'SELECT tandem.drift_count(%), then CALL tandem.repair',
            pg_catalog.quote_literal(p_mapping);
    end if;
end
$set_sync$;

comment on function tandem.set_sync(text, text, boolean) is
'The feature switches: direction flat_to_hierarchy, hierarchy_to_flat or log, on or '
'off, by ENABLE and DISABLE TRIGGER, which waits for older writers. Before the '
'migration the wish is noted. Admins may call it. '
'Example: select tandem.set_sync(''products'', ''hierarchy_to_flat'', false);';
