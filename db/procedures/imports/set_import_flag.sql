create or replace function tandem.set_import_flag(
    p_mapping text,
    p_value text default null,
    p_percentage numeric default null,
    p_test_users text[] default null,
    p_denied text[] default null,
    p_kill_switch boolean default null
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $set_import_flag$
declare
    v_value text;
    v_percentage numeric;
    v_waiting bigint;
    r_before tandem.import_flag;
    r_after tandem.import_flag;
begin
    perform tandem._mapping_of(p_mapping);
    -- whoever retires the old path at this moment comes before or after
    perform from tandem.mapping as m where m.name = p_mapping for no key update;
    perform tandem._require_old_path(p_mapping);
    select * into r_before from tandem.import_flag as f where f.mapping = p_mapping;
    if p_value is null and p_percentage is null then
        v_value := coalesce(r_before.value, 'true');
        v_percentage := r_before.percentage;
    else
        select v.value, v.percentage into v_value, v_percentage
        from tandem._import_flag_value(p_value, p_percentage) as v;
    end if;
    insert into tandem.import_flag as f (
        mapping, value, percentage, test_users, denied, kill_switch
    )
    values (
        p_mapping, v_value, v_percentage, coalesce(p_test_users, '{}'), coalesce(p_denied, '{}'),
        coalesce(p_kill_switch, false)
    )
    on conflict (mapping) do update
    set value = excluded.value, percentage = excluded.percentage,
        test_users = coalesce(p_test_users, f.test_users), denied = coalesce(p_denied, f.denied),
        kill_switch = coalesce(p_kill_switch, f.kill_switch), changed_by = session_user,
        changed_at = pg_catalog.clock_timestamp()
    returning * into r_after;
    insert into tandem.import_flag_change (mapping, before, after)
    values (
        p_mapping, case when r_before.mapping is not null then pg_catalog.to_jsonb(r_before) end,
        pg_catalog.to_jsonb(r_after)
    );
    if p_kill_switch then
        select pg_catalog.count(*) into v_waiting from tandem.import_job as j
        where j.mapping = p_mapping and j.importer = 'new' and j.state = 'queued';
        if v_waiting > 0 then
            raise notice '% in the queue of the new path, and % there', case v_waiting
                when 1 then '1 import waits'
                else pg_catalog.concat(v_waiting, ' imports wait') end,
                case v_waiting when 1 then 'stays' else 'stay' end
            using hint = 'SELECT tandem.cancel_import(id); ends one, CALL '
                'tandem.run_import_locked(id); does one by the old path.';
        end if;
    end if;
end
$set_import_flag$;

comment on function tandem.set_import_flag(text, text, numeric, text[], text[], boolean) is
'Decides which imports of a mapping take the new path, from those submitted next on; what was '
'submitted stays in its path. p_value: false, test_users_only, percentage:N (12.5, say) or true; '
'p_percentage: N by itself; p_test_users: whose imports take the new path unless the value is '
'false; p_denied: whose never do; p_kill_switch: all take the old path. NULL: as it was, and for a '
'new flag true, nobody, nobody, false. Whoever is in at a percentage is in at any higher one. '
'Admins may call it. Example: select tandem.set_import_flag(''items'', ''percentage:10'');';
