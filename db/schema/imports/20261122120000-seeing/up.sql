-- What is known of imports before the switch, and the thresholds that they are judged by after it.
create table tandem.import_baseline (
    baseline_id bigint generated always as identity,
    mapping text not null,
    source text not null,
    days integer not null,
    imports bigint,
    mean_seconds numeric,
    completed_percent numeric,
    success_rate numeric,
    by_hour jsonb,
    notes text[] not null default '{}',
    recorded_by text not null default session_user,
    recorded_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint import_baseline_pkey primary key (baseline_id),
    constraint import_baseline_days_check check (days > 0),
    constraint import_baseline_hour_check check (pg_catalog.jsonb_typeof(by_hour) = 'object')
);

create index import_baseline_mapping_idx on tandem.import_baseline (mapping, baseline_id);

comment on table tandem.import_baseline is
'How the old import did, a row each time that tandem.record_import_baseline looked: source (its '
'log, or tandem.import_job), days looked at, imports, mean_seconds, completed_percent of the '
'imports, success_rate (mean percent of rows), by_hour (hour of the day -> imports). NULL: the '
'source does not have it, and notes say why.';

create table tandem.import_check_note (
    note_id bigint generated always as identity,
    mapping text not null,
    point text not null,
    note text not null,
    confirmed boolean not null,
    noted_by text not null default session_user,
    noted_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint import_check_note_pkey primary key (note_id),
    constraint import_check_note_point_check check (
        point in ('backup', 'team', 'test_environment', 'monitoring', 'rollback', 'window')
    )
);

create index import_check_note_point_idx on tandem.import_check_note (mapping, point, note_id);

comment on table tandem.import_check_note is
'What people said of points of tandem.import_readiness, all of it; the last of a point counts.';

-- the runs of a job, newest first, among all others
create index run_of_import_idx on tandem.run (import_id, run_id) where import_id is not null;

insert into tandem.setting (name, value, unit, description) values
('import_alert_success_percent', '95', 'percent',
    'tandem.import_alerts: fewer imports than this succeed'),
('import_alert_error_percent', '5', 'percent',
    'tandem.import_alerts: more rows of imports than this fail'),
('import_alert_duration_seconds', '600', 'seconds',
    'tandem.import_alerts: an import takes longer'),
('import_alert_min_sample', '10', 'imports or rows',
    'tandem.import_alerts: shares of fewer are not judged')
on conflict (name) do nothing;
