-- The mapping's own schema. DROP SCHEMA ... CASCADE takes the triggers with it and leaves the tables.
do $schema$
begin
    if pg_catalog.to_regnamespace({{ S | ident | literal }}) is null then
        create schema {{ S | ident }};
        -- What a flat DELETE, or a rollback that removes the hierarchy, would otherwise lose.
        create table {{ S | ident }}.kept (
            flat_key text not null,
            leaf_id uuid not null,
            leaf jsonb,
            satellites jsonb not null default '{}',
            reason text not null,
            kept_at timestamptz not null default pg_catalog.clock_timestamp(),
            constraint kept_pkey primary key (leaf_id),
            constraint kept_reason_check check (reason in ('deleted', 'rollback', 'adopted'))
        );
        create table {{ S | ident }}.kept_level (
            level text not null,
            id uuid not null,
            content jsonb not null,
            constraint kept_level_pkey primary key (level, id)
        );
        -- Dated rows whose time has not come: written by the triggers, taken by apply_due.
        create table {{ S | ident }}.due (
            satellite text not null,
            leaf_id uuid not null,
            effective timestamptz not null,
            constraint due_pkey primary key (leaf_id, satellite, effective)
        );
        create index due_effective_idx on {{ S | ident }}.due (effective);
        create index kept_flat_key_idx on {{ S | ident }}.kept (flat_key);
        -- Calls and durations per direction: sequences count errors too, and hold no lock.
        -- The last error of ours: epoch milliseconds * 1000 + the number in its TD code.
{% for direction in ('f2h', 'h2f') %}
        create sequence {{ S | ident }}.{{ direction | ident }}_calls;
        create sequence {{ S | ident }}.{{ direction | ident }}_error;
{% for bucket in ('100us', '300us', '1ms', '3ms', '10ms', 'more') %}
        create sequence {{ S | ident }}.{{ direction | ident }}_{{ bucket | trusted }};
{% endfor %}
{% endfor %}
    end if;
end
$schema$;

comment on schema {{ S | ident }} is
{{ ('pgtandem: rendered code of the mapping ' ~ m.name) | literal }};
comment on table {{ S | ident }}.kept_level is
'Rows of the upper levels that a rollback with p_hierarchy => ''remove'' took out.';
comment on table {{ S | ident }}.due is
'Dated rows that come into force later; CALL tandem.apply_due, or any write of the leaf, applies them.';
comment on table {{ S | ident }}.kept is
'Configurations and their dated rows whose flat row was deleted: the same flat key gets them back.';
{% for direction in ('f2h', 'h2f') %}
{% set name = '_' ~ direction ~ '_class' %}

-- The sequence that counts calls of this duration.
-- lint: inlinable
create or replace function {{ S | ident }}.{{ name | ident }}(p_took interval) returns regclass
language sql stable
as ${{ name | trusted }}$
    select (array[
{% for bucket in ('100us', '300us', '1ms', '3ms', '10ms', 'more') %}
        {{ (S ~ '.' ~ direction ~ '_' ~ bucket) | literal }}{{ ',' if not loop.last }}
{% endfor %}
    ]::regclass[])[1 + pg_catalog.width_bucket(
        extract(epoch from p_took)::float8, '{0.0001, 0.0003, 0.001, 0.003, 0.01}'::float8[]
    )]
${{ name | trusted }}$;

comment on function {{ S | ident }}.{{ name | ident }}(interval) is
'The sequence that counts calls of this direction that took so long.';
{% endfor %}
