-- Imports: jobs, their input, what became of it. A mapping of this area has no flat table, and its
-- phases are deployed, ready (its tables are prepared) and retired (the old path is gone).
alter table tandem.mapping add column area text not null default 'sync';
alter table tandem.mapping alter column flat_table drop not null;
alter table tandem.mapping alter column key_type drop not null;
alter table tandem.mapping drop constraint mapping_phase_check;
alter table tandem.mapping
add constraint mapping_area_check check (area in ('sync', 'imports')),
add constraint mapping_flat_check check (
    (area = 'sync') = (flat_table is not null) and (area = 'sync') = (key_type is not null)
),
add constraint mapping_phase_check check (
    case area when 'sync' then phase in ('deployed', 'prepared', 'syncing', 'migrated')
        else phase in ('deployed', 'ready', 'retired') end
);

alter table tandem.phase_step drop constraint phase_step_from_check;
alter table tandem.phase_step drop constraint phase_step_to_check;
alter table tandem.phase_step
add constraint phase_step_from_check check (
    from_phase in ('deployed', 'prepared', 'syncing', 'migrated', 'ready', 'retired')
),
add constraint phase_step_to_check check (
    to_phase in ('deployed', 'prepared', 'syncing', 'migrated', 'ready', 'retired')
);

insert into tandem.phase_step (from_phase, to_phase, verb) values
('deployed', 'ready', 'prepare'),
('ready', 'retired', 'retire_import'),
('ready', 'deployed', 'rollback');

-- Runs of several jobs go on side by side in one mapping.
alter table tandem.run add column import_id bigint;
drop index tandem.run_active_idx;
create unique index run_active_idx on tandem.run (
    kind,
    (coalesce(mapping, '')),
    (coalesce(key_from, '')),
    (coalesce(key_to, '')),
    (coalesce(import_id, 0)),
    (coalesce(params ->> 'dry_run', 'false'))
) where finished_at is null;

create table tandem.import_job (
    import_id bigint generated always as identity,
    mapping text not null,
    job_key text,
    source text,
    header text[] not null,
    places integer[] not null,
    rows_in integer not null,
    is_durable boolean not null,
    importer text not null default 'new',
    decided_by text not null default 'default',
    user_id text,
    duplicates text not null default 'last',
    deleted text not null default 'revive',
    empty text not null default 'keep',
    max_failed integer,
    max_failed_percent numeric,
    is_dry_run boolean not null default false,
    batch_rows integer not null,
    timeout_seconds integer not null,
    state text not null default 'queued',
    stage text not null default 'check',
    next_row integer not null default 1,
    inserted integer not null default 0,
    updated integer not null default 0,
    unchanged integer not null default 0,
    superseded integer not null default 0,
    failed integer not null default 0,
    suppressed integer not null default 0,
    warnings jsonb not null default '{}',
    tries integer not null default 0,
    tried_row integer not null default 0,
    run_after timestamptz not null default pg_catalog.clock_timestamp(),
    error_sqlstate text,
    error_message text,
    error_hint text,
    submitted_by text not null default session_user,
    application text not null default pg_catalog.current_setting('application_name'),
    created_at timestamptz not null default pg_catalog.clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    updated_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint import_job_pkey primary key (import_id),
    constraint import_job_importer_check check (importer in ('new', 'old')),
    constraint import_job_duplicates_check check (duplicates in ('first', 'last', 'error')),
    constraint import_job_deleted_check check (deleted in ('revive', 'create', 'error')),
    constraint import_job_empty_check check (empty in ('keep', 'clear')),
    constraint import_job_batch_check check (batch_rows between 1 and 100000),
    constraint import_job_budget_check check (
        max_failed >= 0 and max_failed_percent between 0 and 100
    ),
    constraint import_job_state_check check (
        state in ('queued', 'running', 'done', 'dead', 'cancelled')
    ),
    constraint import_job_stage_check check (stage in ('check', 'write', 'end')),
    -- each row that was looked at is counted once, and a job that is done has looked at all
    constraint import_job_count_check check (
        inserted + updated + unchanged + superseded + failed + suppressed = next_row - 1
        and least(inserted, updated, unchanged, superseded, failed, suppressed) >= 0
        and next_row <= rows_in + 1
        and (state <> 'done' or next_row = rows_in + 1)
    ),
    constraint import_job_finished_check check (
        (finished_at is null) = (state in ('queued', 'running'))
    )
) with (fillfactor = 70);

-- Columns that change with each batch are in no index, so that an update stays in its page.
create unique index import_job_key_idx on tandem.import_job (mapping, job_key)
where not is_dry_run and state <> 'cancelled';
create index import_job_waiting_idx on tandem.import_job (import_id)
where state in ('queued', 'running');
create index import_job_created_idx on tandem.import_job (created_at);

comment on table tandem.import_job is
'A row per import: what it is asked to do, how far it is, what became of its rows. rows_in = '
'inserted + updated + unchanged + superseded + failed + suppressed when it is done, always.';

create table tandem.import_row (
    import_id bigint not null,
    row_no integer not null,
    line_no integer,
    last_line integer,
    is_durable boolean not null,
    fault text,
    content text[] not null,
    constraint import_row_pkey primary key (import_id, row_no, is_durable)
) partition by list (is_durable);

comment on table tandem.import_row is
'The input of imports, a row per record: its fields as text, in the order of import_job.header; '
'fault: why the record could not be read.';

create table tandem.import_row_logged partition of tandem.import_row for values in (true);

comment on table tandem.import_row_logged is
'The input of imports that a worker is to do: it outlives a crash of the server.';

-- Whoever runs an import that is not queued has the file at hand, and writes no WAL for it twice.
create unlogged table tandem.import_row_unlogged partition of tandem.import_row
for values in (false);

comment on table tandem.import_row_unlogged is
'The input of imports that were run by whoever brought them; empty after a crash of the server.';

create table tandem.import_mark (
    import_id bigint not null,
    row_no integer not null,
    mark text not null,
    subject text not null default '',
    by_row integer,
    constraint import_mark_pkey primary key (import_id, row_no, mark, subject),
    constraint import_mark_mark_check check (mark in ('superseded', 'overruled', 'suppressed'))
);

comment on table tandem.import_mark is
'Rows of an import that were not written though nothing is wrong with them. superseded: another '
'row (by_row) has the same key and was taken; suppressed: a trigger of the table (subject) '
'swallowed it. overruled: the row was written, but for a field (subject) of a master, of which row '
'by_row says otherwise.';

create table tandem.import_change (
    import_id bigint not null,
    from_row integer not null,
    table_name text not null,
    action text not null,
    images json not null,
    written_by xid[],
    overwrote xid[],
    constraint import_change_pkey primary key (import_id, from_row, table_name, action),
    constraint import_change_action_check check (action in ('insert', 'update', 'revive'))
);

comment on table tandem.import_change is
'What a batch of an import changed: images is an array of [id, before, after], the imported '
'columns before (null for an insert) and after. tandem.import_changes shows a row each. '
'written_by: the transactions that wrote the rows, where it was not the one of this line. '
'overwrote: those that had written them before, one for each image; null for inserts.';

alter table tandem.rejected_row
add column import_id bigint,
add column row_no integer,
add column line_no integer,
add column column_name text,
drop constraint rejected_row_side_check;
alter table tandem.rejected_row
add constraint rejected_row_side_check check (side in ('flat', 'hierarchy', 'import')),
add constraint rejected_row_import_check check ((side = 'import') = (import_id is not null));

create unique index rejected_row_import_idx on tandem.rejected_row (import_id, row_no)
where import_id is not null;

create type tandem.import_counts as (
    inserted integer,
    updated integer,
    suppressed integer,
    failed integer,
    tried integer
);

comment on type tandem.import_counts is
'What became of the rows that a batch of an import tried to write; the rest is unchanged.';

insert into tandem.setting (name, value, unit, description) values
('import_batch_size', '1000', 'rows', 'rows that an import writes between two commits'),
('import_max_rows', '50000', 'rows', 'largest input of an import'),
('import_timeout_seconds', '600', 'seconds',
    'an import that takes longer stops between two batches, and can go on'),
('import_batch_timeout_seconds', '30', 'seconds',
    'tandem.cancel_slow_batches cancels a batch of an import that takes longer; 0: never'),
('import_background_threshold', '1000', 'rows',
    'an import of more rows than this is left to a worker'),
('import_max_retries', '3', 'times',
    'an import that a passing cause has stopped is tried again so often')
on conflict (name) do nothing;

create type tandem.import_input as (
    line_no integer,
    last_line integer,
    fault text,
    content text[]
);

comment on type tandem.import_input is
'A record of an input: its lines in the file, why it could not be read, its fields as text.';

-- A table of its own: the job's row is locked by each batch, and whoever cancels would wait behind
-- all of them.
create table tandem.import_cancel (
    import_id bigint not null,
    requested_by text not null default session_user,
    requested_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint import_cancel_pkey primary key (import_id)
);

comment on table tandem.import_cancel is
'Imports that are to end before their next batch.';

-- No reference to the run either, whose row a batch locks as well.
create table tandem.slow_batch (
    run_id bigint not null,
    transaction_started timestamptz not null,
    marked_at timestamptz not null default pg_catalog.clock_timestamp(),
    cancelled_at timestamptz,
    constraint slow_batch_pkey primary key (run_id)
);

comment on table tandem.slow_batch is
'Batches that tandem.cancel_slow_batches is to cancel, or has cancelled, till the loop sees it: '
'so it knows whether a cancel is the end of a batch or of the run.';

create table tandem.import_worker (
    backend_pid integer not null,
    name text not null,
    mapping text,
    stop_requested boolean not null default false,
    started_by text not null default session_user,
    started_at timestamptz not null default pg_catalog.clock_timestamp(),
    seen_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint import_worker_pkey primary key (backend_pid)
);

comment on table tandem.import_worker is
'The sessions that do imports which are left to a worker; a row of a session that has ended is '
'taken away by the next one that begins.';

create table tandem.import_undone (
    import_id bigint not null,
    from_row integer not null,
    table_name text not null,
    row_id text not null,
    action text not null,
    outcome text not null,
    why text,
    overwrote xid,
    undone_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint import_undone_pkey primary key (
        import_id, from_row, table_name, action, row_id
    ),
    constraint import_undone_outcome_check check (outcome in ('reversed', 'kept', 'error'))
);

comment on table tandem.import_undone is
'What tandem.undo_import has done with each change of an import: reversed; kept, because the row '
'was edited since or is needed; error, with the reason. overwrote: who had written the '
'row before, where it was reversed and not removed.';
