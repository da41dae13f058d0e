-- Duplicates in the tables of an import: the plan that resolves them, and what applying it did.
create sequence tandem.duplicate_plan_number;

comment on sequence tandem.duplicate_plan_number is 'The numbers of plans.';

create table tandem.duplicate_plan (
    duplicate_id bigint generated always as identity,
    plan_id bigint not null,
    mapping text not null,
    part text not null,
    table_name text not null,
    reason text not null,
    group_key text not null,
    action text not null,
    loser_id text not null,
    planned_loser text not null,
    keeper_id text,
    old_name text not null,
    new_name text,
    moves jsonb not null default '{}',
    unknown jsonb not null default '{}',
    ignored text[] not null default '{}',
    approved boolean not null default false,
    state text not null default 'planned',
    sqlstate text,
    why text,
    run_id bigint,
    last_change bigint,
    planned_by text not null default session_user,
    planned_at timestamptz not null default pg_catalog.clock_timestamp(),
    applied_at timestamptz,
    reversed_at timestamptz,
    constraint duplicate_plan_pkey primary key (duplicate_id),
    constraint duplicate_plan_action_check check (action in ('rename', 'merge', 'skip')),
    constraint duplicate_plan_reason_check check (reason in ('exact', 'normalised')),
    constraint duplicate_plan_state_check check (
        state in ('planned', 'applied', 'reversed', 'refused', 'failed')
    ),
    constraint duplicate_plan_why_check check (
        state not in ('refused', 'failed') or why is not null
    )
);

create unique index duplicate_plan_open_idx on tandem.duplicate_plan (mapping, part, loser_id)
where state = 'planned';
create index duplicate_plan_plan_idx on tandem.duplicate_plan (plan_id);

comment on table tandem.duplicate_plan is
'A row per row that has to give way, because another one (keeper_id) has the same key. action: '
'rename to new_name, merge into the keeper, or skip. moves: rows that refer to it, by foreign key; '
'unknown: rows that hold its id in a column without a foreign key, which forbid a merge unless '
'ignored lists the column. Admins may change action, loser_id, keeper_id, new_name, ignored and '
'approved until it is applied; for another keeper of a group, exchange the two ids in its row and '
'give the others of the group the new keeper_id.';

create table tandem.duplicate_change (
    change_id bigint generated always as identity,
    duplicate_id bigint not null,
    action text not null,
    part text,
    table_name text not null,
    row_key jsonb not null,
    row_id text,
    keeper_id text,
    before jsonb not null,
    after jsonb not null,
    content jsonb,
    state text not null default 'done',
    why text,
    changed_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint duplicate_change_pkey primary key (change_id),
    constraint duplicate_change_plan_fkey foreign key (duplicate_id)
    references tandem.duplicate_plan (duplicate_id) on delete cascade,
    constraint duplicate_change_action_check check (
        action in ('renamed', 'moved', 'collapsed', 'merged')
    ),
    constraint duplicate_change_state_check check (state in ('done', 'reversed', 'kept')),
    constraint duplicate_change_why_check check (state <> 'kept' or why is not null)
);

create index duplicate_change_duplicate_idx on tandem.duplicate_change (duplicate_id);

comment on table tandem.duplicate_change is
'What applying a plan of duplicates changed, a row each: the key of the row, its columns before '
'and after, and the whole row (content) where it was deleted softly. moved: a reference; '
'collapsed: a variant that became the same as one of the keeper; merged: the loser itself. state '
'kept: tandem.reverse_duplicates left it, and why.';
