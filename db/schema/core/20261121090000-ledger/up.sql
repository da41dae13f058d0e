-- The package's own tables: what is deployed, which mappings there are,
-- what ran, what was rejected. The bundle has made the schema.
comment on schema tandem is
    'pgtandem: moves a live database from its old shape to its new one and keeps both true.';

create table tandem.deployment (
    deployment_id bigint generated always as identity,
    what text not null,
    version text not null,
    hash text not null,
    result text not null,
    error text,
    deployed_by text not null default session_user,
    application text not null default pg_catalog.current_setting('application_name'),
    deployed_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint deployment_pkey primary key (deployment_id),
    constraint deployment_result_check check (result in ('done', 'failed', 'removed'))
);

comment on table tandem.deployment is
    'What was deployed, by whom, when and with which result; failures included.';

create table tandem.schema_change (
    name text not null,
    hash text not null,
    version text not null,
    applied_by text not null default session_user,
    applied_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint schema_change_pkey primary key (name)
);

comment on table tandem.schema_change is
    'The run-once changes of the package''s own schema that this database has.';

create table tandem.phase_step (
    from_phase text not null,
    to_phase text not null,
    verb text not null,
    constraint phase_step_pkey primary key (from_phase, to_phase),
    constraint phase_step_from_check check (
        from_phase in ('deployed', 'prepared', 'syncing', 'migrated')
    ),
    constraint phase_step_to_check check (
        to_phase in ('deployed', 'prepared', 'syncing', 'migrated')
    )
);

comment on table tandem.phase_step is 'The legal steps between the phases of a mapping.';

insert into tandem.phase_step (from_phase, to_phase, verb) values
('deployed', 'prepared', 'prepare'),
('prepared', 'syncing', 'migrate'),
('syncing', 'migrated', 'migrate'),
('migrated', 'syncing', 'migrate'),
('syncing', 'prepared', 'rollback'),
('migrated', 'prepared', 'rollback'),
('prepared', 'deployed', 'rollback');

create table tandem.mapping (
    name text not null,
    schema_name text not null,
    flat_table text not null,
    key_type text not null,
    definition jsonb not null,
    phase text not null default 'deployed',
    flat_to_hierarchy boolean not null default true,
    hierarchy_to_flat boolean not null default true,
    shape jsonb,
    phase_since timestamptz not null default pg_catalog.clock_timestamp(),
    source text not null,
    source_hash text not null,
    hash text not null,
    version text not null,
    deployed_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint mapping_pkey primary key (name),
    constraint mapping_phase_check check (phase in ('deployed', 'prepared', 'syncing', 'migrated'))
);

comment on table tandem.mapping is
    'The mappings deployed here, their source text (TOML), the phase each is in, and which '
    'directions are wanted while it syncs; definition says by table what the catalog must have.';

create table tandem.run (
    run_id bigint generated always as identity,
    kind text not null,
    mapping text,
    key_from text,
    key_to text,
    state text not null default 'running',
    params jsonb not null default '{}',
    cursor jsonb not null default '{}',
    total_rows bigint,
    read_rows bigint not null default 0,
    written_rows bigint not null default 0,
    unchanged_rows bigint not null default 0,
    rejected_rows bigint not null default 0,
    wal_bytes bigint not null default 0,
    batches integer not null default 0,
    attempt integer not null default 1,
    message text,
    drift_rows bigint,
    error_sqlstate text,
    error_message text,
    started_by text not null default session_user,
    application text not null default pg_catalog.current_setting('application_name'),
    backend_pid integer not null default pg_catalog.pg_backend_pid(),
    started_at timestamptz not null default pg_catalog.clock_timestamp(),
    updated_at timestamptz not null default pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    constraint run_pkey primary key (run_id),
    constraint run_params_check check (pg_catalog.jsonb_typeof(params) = 'object'),
    constraint run_error_check check (error_sqlstate ~ '^[0-9A-Z]{5}$'),
    constraint run_state_check check (state in ('running', 'paused', 'done', 'failed')),
    constraint run_count_check check (read_rows = written_rows + unchanged_rows + rejected_rows),
    constraint run_finished_check check ((finished_at is null) = (state in ('running', 'paused')))
);

-- One active run per kind, mapping and key range; a dry run stands beside the real one.
create unique index run_active_idx on tandem.run (
    kind,
    (coalesce(mapping, '')),
    (coalesce(key_from, '')),
    (coalesce(key_to, '')),
    (coalesce(params ->> 'dry_run', 'false'))
) where finished_at is null;

create index run_started_idx on tandem.run (started_at);

comment on table tandem.run is
    'A row per long operation. State running with no live session is an interrupted run: the same '
    'CALL again resumes it. read_rows = written_rows + unchanged_rows + rejected_rows, always. '
    'drift_rows: what tandem.drift_count said at its end, where it asked.';

create table tandem.run_batch (
    run_id bigint not null,
    batch integer not null,
    attempt integer not null,
    read_rows bigint not null,
    written_rows bigint not null,
    unchanged_rows bigint not null,
    rejected_rows bigint not null,
    wal_bytes bigint not null,
    milliseconds numeric not null,
    finished_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint run_batch_pkey primary key (run_id, batch),
    constraint run_batch_run_fkey foreign key (run_id) references tandem.run (run_id)
    on delete cascade
);

comment on table tandem.run_batch is
    'A row per committed batch of a run. wal_bytes counts the whole server''s WAL meanwhile.';

-- Ids of what a trigger writes come from tandem.new_id, not from a sequence: lastval() is the
-- application's.
create table tandem.rejected_row (
    rejected_id uuid not null,
    mapping text not null,
    side text not null,
    row_key text not null,
    sqlstate text not null,
    message text not null,
    hint text,
    run_id bigint,
    times integer not null default 1,
    first_at timestamptz not null default pg_catalog.clock_timestamp(),
    last_at timestamptz not null default pg_catalog.clock_timestamp(),
    resolved_at timestamptz,
    resolution text,
    content json not null,
    constraint rejected_row_pkey primary key (rejected_id),
    constraint rejected_row_side_check check (side in ('flat', 'hierarchy')),
    constraint rejected_row_resolved_check check ((resolved_at is null) = (resolution is null))
);

create unique index rejected_row_open_idx on tandem.rejected_row (mapping, side, row_key)
where resolved_at is null;

comment on table tandem.rejected_row is
    'Rows that could not be moved: key, content, SQLSTATE, message, hint. One open row per key; a '
    'later correct write or CALL tandem.retry_rejected(mapping) closes it.';

create table tandem.setting (
    name text not null,
    value text not null,
    unit text not null,
    description text not null,
    constraint setting_pkey primary key (name),
    constraint setting_value_check check (
        case name
            when 'pause' then value in ('on', 'off')
            when 'notice_seconds' then value ~ '^\d{1,6}(\.\d{1,3})?$'
            else value ~ '^\d{1,12}$'
        end
    )
);

comment on table tandem.setting is 'Settings; change them with UPDATE, they are read per batch.';

insert into tandem.setting (name, value, unit, description) values
('pause', 'off', 'on or off', 'on: every run waits between batches until it is off again'),
('batch_rows_min', '200', 'rows', 'smallest batch that the adaption chooses'),
('batch_rows_max', '5000', 'rows', 'largest batch that the adaption chooses'),
('batch_attempts', '30', 'times', 'tries of a batch that met a deadlock or a lock timeout'),
('batch_lock_timeout', '250', 'milliseconds',
    'a batch gives way after waiting so long for a lock; below deadlock_timeout, so that the run '
    'is the victim and not an application'),
('max_transaction_age', '0', 'seconds',
    'a run waits while another transaction is older than this; 0: does not look'),
('max_replica_lag', '0', 'bytes',
    'a run waits while a replica is behind by more; 0: does not look'),
('index_build_rows', '200000', 'rows',
    'prepare builds indexes itself, blocking writers, on tables up to this size; above it they are '
    'built CONCURRENTLY by the tool or by hand'),
('notice_seconds', '2', 'seconds', 'time between two progress NOTICEs');

create table tandem.granted_role (
    role_name text not null,
    level text not null,
    granted_by text not null default session_user,
    granted_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint granted_role_pkey primary key (role_name, level),
    constraint granted_role_level_check check (level in ('reader', 'writer', 'operator', 'admin'))
);

comment on table tandem.granted_role is
    'Which roles serve which level; written by tandem.grant_to and read by every deployment.';

create table tandem.sync_log (
    sync_log_id uuid not null,
    mapping text not null,
    table_name text not null,
    operation text not null,
    row_key text,
    by_sync boolean not null,
    session_role text not null default session_user,
    application text not null default pg_catalog.current_setting('application_name'),
    transaction_id xid8 not null default pg_catalog.pg_current_xact_id(),
    logged_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint sync_log_pkey primary key (sync_log_id)
);

create index sync_log_at_idx on tandem.sync_log (logged_at);

comment on table tandem.sync_log is
    'The log of sync operations, written while tandem.set_sync(mapping, ''log'', true) is on.';

create type tandem.step_result as (
    done boolean,
    cursor jsonb,
    read_rows bigint,
    written_rows bigint,
    unchanged_rows bigint,
    rejected_rows bigint,
    total_rows bigint,
    message text
);

comment on type tandem.step_result is
    'What a step function returns to the loop: finished or '
    'not, where to go on, counts of this batch.';

create type tandem.requirement as (
    ordinal integer,
    kind text,
    relation text,
    object text,
    columns text[],
    expected text,
    is_unique boolean,
    statement text,
    undo text,
    lock_mode text,
    blocks text,
    run_by text
);

comment on type tandem.requirement is
    'Something that a mapping needs in the user''s schema, and the statement that makes it.';

-- By its value the triggers know each other's writes: see tandem._mark. Unlogged, because each
-- write sets it.
create unlogged sequence tandem.origin cycle;

comment on sequence tandem.origin is
'The token of the sync''s own writes; not for reading.';
