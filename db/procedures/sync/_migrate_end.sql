-- Three batches: what the migration left behind is noted and the phase set (stage check), then the
-- tables are analysed (analyse), then everything is checked (checks). Each commits, so that others
-- see what goes on, and that the checks are planned with what the tables hold now.
create or replace function tandem._migrate_end(p_mapping text, p_run bigint)
returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_migrate_end$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_link text := (select l.sync from tandem._levels(p_mapping) as l where l.is_leaf);
    v_path text := pg_catalog.current_setting('search_path');
    v_stage text;
    v_left boolean;
    v_part boolean;
    v_last boolean;
    v_kept boolean;
    v_drift bigint;
    r_run tandem.run;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    v_stage := r_run.cursor ->> 'stage';
    v_part := r_run.key_from is not null or r_run.key_to is not null;
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    if (r_run.params ->> 'dry_run')::boolean then
        r_result.done := true;
        r_result.message := 'dry run: nothing was changed';
        return r_result;
    elsif v_stage = 'analyse' then
        perform tandem._analyze_tables(p_mapping);
        r_result.cursor := r_run.cursor || '{"stage": "checks"}';
        r_result.message := 'checking';
        return r_result;
    elsif v_stage = 'checks' then
        r_result.done := true;
        select pg_catalog.sum(v.actual::bigint) filter (where v.check_name in (
            'every row migrated', 'a leaf per flat row', 'a flat row per leaf', 'links', 'values'
        )), pg_catalog.format(
            'checks: %s passed, %s failed%s%s', pg_catalog.count(*) filter (where v.passed),
            pg_catalog.count(*) filter (where not v.passed),
            ' (' || pg_catalog.string_agg(v.check_name, ', ') filter (where not v.passed) || ')',
            case when not pg_catalog.bool_and(v.passed) then pg_catalog.format(
                '; next: SELECT * FROM tandem.validate(%L);', p_mapping) end
        )
        into v_drift, r_result.message
        from tandem.validate(p_mapping) as v;
        update tandem.run as r set drift_rows = v_drift where r.run_id = p_run;
        if v_part and v_drift = 0 and tandem._is_last_part(p_mapping, p_run) then
            perform tandem._set_phase(p_mapping, 'migrated');
        end if;
        return r_result;
    end if;
    v_last := not v_part or tandem._is_last_part(p_mapping, p_run);
    perform tandem._note_due(p_mapping);
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    -- notes of rejected rows that were deleted while nothing was synced
    execute pg_catalog.format(
        'select pg_catalog.count(tandem._resolve(r.mapping, r.row_key, ''deleted''))
        from tandem.rejected_row as r
        where r.mapping = $1 and r.side = ''flat'' and r.resolved_at is null and not exists (
            select from %1$s as flat where flat.%2$I = r.row_key::%3$s and flat.%4$I = ''rejected''
        )',
        v_definition ->> 'flat', v_definition ->> 'key', v_definition ->> 'key_type',
        v_definition ->> 'status'
    ) using p_mapping;
    execute pg_catalog.format(
        'select exists (
            select from %s as flat where flat.%I is null and flat.%I is distinct from ''rejected''
        )',
        v_definition ->> 'flat', v_link, v_definition ->> 'status'
    ) into v_left;
    perform pg_catalog.set_config('search_path', v_path, true);
    execute pg_catalog.format(
        'select $1 or exists (
            select from %1$I.kept_level as k
            where not k.refused and k.level = (
                select l.name from tandem._levels($2) as l where l.ordinal = 1
            )
        )
        or exists (
            select from %1$I.kept as k where k.flat_key is null and k.reason = ''rollback''
        )',
        'tandem_' || p_mapping
    ) into v_left using v_left, p_mapping;
    if v_part then
        -- The last of several parts ends the whole, if it finds both sides equal. What a rollback
        -- kept of rows that are gone is for a migration of everything.
        execute pg_catalog.format(
            'select exists (select from %I.kept as k where k.reason = ''rollback'')',
            'tandem_' || p_mapping
        ) into v_kept;
        r_result.done := v_left or v_kept or not v_last
            or (tandem._mapping_of(p_mapping)).phase <> 'syncing';
        if r_result.done then
            r_result.message := case when (tandem._mapping_of(p_mapping)).phase = 'migrated'
                then 'this range is moved'
                else 'this range is moved; the last one ends the migration, or CALL tandem.migrate('
                    || pg_catalog.quote_literal(p_mapping) || ');' end;
            return r_result;
        end if;
    elsif not v_left then
        perform tandem._set_phase(p_mapping, 'migrated');
    end if;
    r_result.cursor := r_run.cursor || '{"stage": "analyse"}';
    r_result.message := 'analysing the new tables';
    return r_result;
end
$_migrate_end$;

comment on function tandem._migrate_end(text, bigint) is
'The last batches of a migration: what it left behind is noted, the phase set, the new tables are '
'analysed, everything is checked.';
