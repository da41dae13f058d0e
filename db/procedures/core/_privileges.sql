-- What each level may, as the middle of a GRANT statement. Levels are siblings; what several may,
-- is listed for each. Contents of rejected rows: operator and admin.
create or replace function tandem._privileges() returns table (level text, statement text)
language sql stable
set search_path = pg_catalog, pg_temp
as $_privileges$
    with levels (level, rank) as (
        values ('reader', 1), ('operator', 2), ('admin', 3), ('writer', 0)
    ),

    schemas as (
        select o.schema_name from tandem._own_schemas() as o
    ),

    -- least rank that may execute a routine of a name; a step is executable by who may run its verb
    routines (name, rank) as (
        values
        ('version', 1), ('is_blank', 1), ('import_key', 1), ('_import_key', 1),
        ('doctor', 1), ('_doctor_server', 1), ('_doctor_mapping', 1),
        ('_doctor_import', 1),
        ('_mapping_of', 1), ('_next_step', 1), ('_require_phase', 1), ('_setting_of', 1),
        ('_status', 1), ('_metrics', 1), ('_running', 1), ('_run_lock', 1), ('_hold_reason', 1),
        ('plan', 2), ('analyze', 2), ('migrate', 2), ('validate', 2), ('drift', 2),
        ('drift_count', 2), ('repair', 2), ('show', 2), ('retry_rejected', 2),
        ('apply_due', 2), ('migrate_step', 2), ('repair_step', 2), ('retry_rejected_step', 2),
        ('apply_due_step', 2), ('_analyze_schema', 2), ('_check_key', 2), ('_check_ends', 2),
        ('is_castable', 2),
        ('_findings', 2), ('_analyze_data', 2), ('_sample', 2), ('_level_rows', 2),
        ('_run', 2), ('_run_begin', 2), ('_run_fence', 2), ('_run_batch', 2), ('_run_finish', 2),
        ('_run_line', 2), ('_step_of', 2), ('_lock_holders', 2),
        ('_failure', 2), ('_raise', 2), ('_atomic_message', 2),
        ('_next_batch_rows', 2), ('_check_argument', 2), ('_check_range', 2),
        ('_missing', 2), ('_requirements', 2), ('_levels', 2), ('_switches', 2),
        ('_switch_statement', 2),
        ('run_import', 2), ('run_import_step', 2), ('_import_to_run', 2), ('_import_params', 2),
        ('work_imports', 2), ('_claim_import', 2), ('_worker_stops', 2), ('begin_work', 2),
        ('stop_work', 2), ('end_work', 2), ('cancel_slow_batches', 2), ('_batches', 2),
        ('_mark_slow_batch', 2), ('_claim_slow_batch', 2), ('_slow_batch', 2),
        ('redrive_import', 2), ('settle_failed_rows', 2), ('import_health', 1),
        ('undo_import', 2), ('undo_import_step', 2), ('_import_to_undo', 2),
        ('_repairs_of', 2),
        ('run_import_locked', 2), ('_choose_old_path', 2), ('compare_import', 2),
        ('_compare_import', 2), ('_require_old_path', 2),
        ('import_flag_of', 0), ('set_import_flag', 3), ('retire_import', 3),
        ('find_duplicates', 2), ('_require_import', 2),
        ('plan_duplicates', 3), ('approve_duplicates', 3), ('apply_duplicates', 3),
        ('apply_duplicates_step', 3), ('reverse_duplicates', 3), ('reverse_duplicates_step', 3),
        ('import_alerts', 1), ('_import_outcomes', 1), ('_import_figures', 1),
        ('record_import_baseline', 2), ('_import_log_of', 2), ('_keep_import_baseline', 2),
        ('note_import_check', 2), ('import_readiness', 2), ('validate_imports', 2),
        ('import_advice', 2),
        ('prepare', 3), ('rollback', 3), ('set_sync', 3), ('grant_to', 3), ('purge', 3),
        ('prepare_step', 3), ('rollback_step', 3), ('purge_step', 3)
    )

    select l.level, pg_catalog.format('usage on schema %I', s.schema_name)
    from levels as l
    cross join schemas as s
    union all
    select l.level, pg_catalog.format(
        'execute on %s %s', case p.prokind when 'p' then 'procedure' else 'function' end,
        p.oid::regprocedure)
    from levels as l
    join routines as r on l.rank >= r.rank
    join pg_catalog.pg_proc as p on p.proname = r.name
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    join schemas as s on s.schema_name = n.nspname
    where p.prorettype <> 'trigger'::regtype
    union all
    select l.level, pg_catalog.format('execute on function %s', p.oid::regprocedure)
    from levels as l
    join (
        values
        ('submit_import'), ('cancel_import'), ('_submit_import'), ('_check_import_size'),
        ('_header_of_rows'), ('_header_of_staging'), ('_input_of_rows'), ('_staging_query')
    ) as r (name) on l.level <> 'reader'
    join pg_catalog.pg_proc as p on p.proname = r.name
        and p.pronamespace = 'tandem'::regnamespace
    union all
    -- The one right of all. An index is kept with the rights of who writes its table, and that may
    -- be a program which knows nothing of pgtandem. Calling them by name takes USAGE on the schema.
    select 'public', pg_catalog.format('execute on function %s', p.oid::regprocedure)
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'tandem'::regnamespace and p.proname in ('import_key', '_import_key')
    union all
    -- upsert functions of the mappings, whose names are the user's
    select l.level, pg_catalog.format('execute on function %s', p.oid::regprocedure)
    from levels as l
    join pg_catalog.pg_proc as p on pg_catalog.obj_description(p.oid, 'pg_proc') like 'Upsert:%'
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    join schemas as s on s.schema_name = n.nspname
    where l.level in ('writer', 'admin')
    union all
    select l.level, t.statement
    from levels as l
    join (
        values
        (1, 'select on tandem.status'), (1, 'select on tandem.progress'),
        (1, 'select on tandem.metrics'),
        (1, 'select on tandem.run'), (1, 'select on tandem.run_batch'),
        (1, 'select on tandem.deployment'), (1, 'select on tandem.schema_change'),
        (1, 'select on tandem.phase_step'), (1, 'select on tandem.mapping'),
        (1, 'select on tandem.setting'), (1, 'select on tandem.import_metrics_by_hour'),
        (1, 'select on tandem.import_comparison'), (1, 'select on tandem.import_queue'),
        (2, 'select on tandem.import_baseline'), (2, 'select on tandem.import_check_note'),
        (2, 'select on tandem.rejected_row'), (2, 'select on tandem.sync_log'),
        (2, 'select on tandem.granted_role'), (2, 'select on tandem.import_job'),
        (2, 'select on tandem.import_mark'), (2, 'select on tandem.import_change'),
        (2, 'select on tandem.import_undone'), (1, 'select on tandem.import_worker'),
        (2, 'select on tandem.import_cancel'),
        (2, 'select on tandem.import_failed_rows'), (2, 'select on tandem.import_repairs'),
        (2, 'select on tandem.import_changes'),
        (2, 'select on tandem.import_flag'), (2, 'select on tandem.import_flag_change'),
        (2, 'select on tandem.duplicate_plan'), (2, 'select on tandem.duplicate_change'),
        (3, 'update (action, loser_id, keeper_id, new_name, ignored, approved) '
            'on tandem.duplicate_plan'),
        (3, 'update on tandem.setting')
    ) as t (rank, statement) on l.rank >= t.rank
$_privileges$;

comment on function tandem._privileges() is
'What each level (reader, writer, operator, admin), and PUBLIC, may, as text between GRANT and TO.';
