-- The flag that decides by which path an import is done. A mapping without a row has no old path to
-- come from: its imports take the new one.
create table tandem.import_flag (
    mapping text not null,
    value text not null,
    percentage numeric(6, 3),
    test_users text[] not null default '{}',
    denied text[] not null default '{}',
    kill_switch boolean not null default false,
    salt text not null default pg_catalog.gen_random_uuid()::text,
    algorithm_version integer not null default 1,
    changed_by text not null default session_user,
    changed_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint import_flag_pkey primary key (mapping),
    constraint import_flag_mapping_fkey foreign key (mapping) references tandem.mapping (name)
    on delete cascade,
    constraint import_flag_value_check check (
        value in ('false', 'test_users_only', 'true')
        or value = 'percentage:' || pg_catalog.trim_scale(percentage)::text
    ),
    constraint import_flag_percentage_check check (
        (percentage is not null) = (value like 'percentage:%') and percentage between 0 and 100
    ),
    -- whoever writes another hash gives it another number, and keeps this one
    constraint import_flag_algorithm_check check (algorithm_version = 1)
);

comment on table tandem.import_flag is
'Which imports of a mapping take the new path; tandem.set_import_flag changes it. value, as its '
'source has it: false, test_users_only, percentage:N, true. No row: all take the new path.';

create table tandem.import_flag_change (
    change_id bigint generated always as identity,
    mapping text not null,
    before jsonb,
    after jsonb,
    changed_by text not null default session_user,
    changed_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint import_flag_change_pkey primary key (change_id)
);

create index import_flag_change_mapping_idx on tandem.import_flag_change (mapping, change_id);

comment on table tandem.import_flag_change is
'The history of tandem.import_flag: the row before (null for the first) and after (null when the '
'old path was retired), by whom and when.';

create type tandem.import_path as (
    counts jsonb,
    failed jsonb,
    table_rows jsonb,
    written jsonb[],
    milliseconds numeric,
    wal_bytes bigint
);

comment on type tandem.import_path is
'What an import did by one of its paths, before it was taken back: counts by name, SQLSTATE by row '
'number of the failed rows, number of rows by table, the rows written as [table, row].';
