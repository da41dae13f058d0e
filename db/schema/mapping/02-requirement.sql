{% import 'schema/mapping/hierarchy.jinja' as ddl with context %}
{% import 'triggers/sync/assign.sql' as assign with context %}
{% import 'triggers/sync/guard.sql' as guard with context %}
{% import 'triggers/sync/flat_insert.sql' as flat_insert with context %}
{% import 'triggers/sync/flat_update.sql' as flat_update with context %}
{% import 'triggers/sync/flat_delete.sql' as flat_delete with context %}
{% import 'triggers/sync/flat_truncate.sql' as flat_truncate with context %}
{% import 'triggers/sync/hierarchy_truncate.sql' as hierarchy_truncate with context %}
{% import 'triggers/sync/leaf_insert.sql' as leaf_insert with context %}
{% import 'triggers/sync/leaf_update.sql' as leaf_update with context %}
{% import 'triggers/sync/leaf_delete.sql' as leaf_delete with context %}
{% import 'triggers/sync/parent_update.sql' as parent_update with context %}
{% import 'triggers/sync/satellite_change.sql' as satellite_change with context %}
{% import 'triggers/sync/log.sql' as log with context %}
{% macro trigger(table, name, statement) %}
        ({{ table | relation(m.schema) | literal }}, {{ name | literal }}, {{ statement | dollar }})
{%- endmacro %}
{% macro index(table, name, columns, unique) %}
        ({{ table | relation(m.schema) | literal }}, {{ name | literal }}, array[
{%- for column in columns %}{{ column | literal }}{{ ', ' if not loop.last }}{% endfor %}], {{ unique | literal }})
{%- endmacro %}
-- What the mapping needs in the user's schema, in the order in which prepare makes it. Indexes come
-- with run_by = size: prepare builds them itself on a small table, else they are left to
-- CREATE INDEX CONCURRENTLY.
create or replace function {{ S | ident }}.requirement() returns setof tandem.requirement
language sql stable
set search_path = {{ m.search_path | path }}
as $requirement$
    with tables (relation, statement) as (
        values
{% for level in m.chain %}
        ({{ level.table | relation(m.schema) | literal }}, {{ ddl.create_level(level, m.chain[loop.index0 - 1]) | dollar }}){{ ',' if not loop.last or m.satellites }}
{% endfor %}
{% for satellite in m.satellites %}
        ({{ satellite.table | relation(m.schema) | literal }}, {{ ddl.create_satellite(satellite) | dollar }}){{ ',' if not loop.last }}
{% endfor %}
    ),

    columns (name, type_name, default_value) as (
        values
{% for level in m.chain | reverse %}
        ({{ level.sync | literal }}, 'uuid', null),
{% endfor %}
        ({{ m.flat.status | literal }}, 'varchar(20)', ' default ''active''')
    ),

    indexes (relation, name, columns, is_unique) as (
        values
{{ index(m.flat.table, object_name(m.flat.table, m.leaf.sync, 'key'), [m.leaf.sync], true) | trusted }},
{% for level in m.levels %}
{{ index(m.flat.table, object_name(m.flat.table, level.sync, 'idx'), [level.sync], false) | trusted }},
{% endfor %}
{{ index(m.leaf.table, object_name(m.leaf.table, m.leaf.parent, 'idx'), [m.leaf.parent], false) | trusted }}
    ),

    triggers (relation, name, statement) as (
        values
{{ trigger(m.flat.table, 'tandem_10_assign', assign.trigger()) | trusted }},
{{ trigger(m.flat.table, 'tandem_11_guard', guard.trigger()) | trusted }},
{{ trigger(m.flat.table, 'tandem_20_insert', flat_insert.trigger()) | trusted }},
{{ trigger(m.flat.table, 'tandem_21_update', flat_update.trigger()) | trusted }},
{{ trigger(m.flat.table, 'tandem_22_delete', flat_delete.trigger()) | trusted }},
{{ trigger(m.flat.table, 'tandem_23_truncate', flat_truncate.trigger()) | trusted }},
{% for level in m.levels %}
{{ trigger(level.table, 'tandem_21_update', parent_update.trigger(level)) | trusted }},
{% endfor %}
{{ trigger(m.leaf.table, 'tandem_20_insert', leaf_insert.trigger()) | trusted }},
{{ trigger(m.leaf.table, 'tandem_21_update', leaf_update.trigger()) | trusted }},
{{ trigger(m.leaf.table, 'tandem_22_delete', leaf_delete.trigger()) | trusted }},
{% for satellite in m.satellites %}
{{ trigger(satellite.table, 'tandem_20_insert', satellite_change.trigger_insert(satellite)) | trusted }},
{{ trigger(satellite.table, 'tandem_21_update', satellite_change.trigger_update(satellite)) | trusted }},
{{ trigger(satellite.table, 'tandem_22_delete', satellite_change.trigger_delete(satellite)) | trusted }},
{% endfor %}
{% for table in m.hierarchy_tables %}
{{ trigger(table, 'tandem_23_truncate', hierarchy_truncate.trigger(table)) | trusted }},
{{ trigger(table, 'tandem_90_log', log.trigger(table)) | trusted }},
{% endfor %}
{{ trigger(m.flat.table, 'tandem_90_log', log.trigger(m.flat.table)) | trusted }}
    ),

    made (
        kind, relation, object, columns, expected, is_unique, statement, undo, lock_mode, blocks, run_by
    ) as (
        select
            'table', t.relation, t.relation, '{}'::text[], null, false, t.statement, 'drop table ' || t.relation,
            'SHARE ROW EXCLUSIVE on the parent table', 'nobody: the table is new', 'procedure'
        from tables as t
        union all
        select
            'column', f.relation, c.name, '{}', c.type_name, false,
            pg_catalog.format('alter table %s add column %I %s%s', f.relation, c.name, c.type_name, c.default_value),
            pg_catalog.format('alter table %s drop column %I', f.relation, c.name),
            'ACCESS EXCLUSIVE', 'everyone, for an instant: no row is rewritten', 'procedure'
        from columns as c, (values ({{ m.flat.table | relation(m.schema) | literal }})) as f (relation)
        union all
        select
            'index', i.relation, i.name, i.columns, null, i.is_unique,
            pg_catalog.format('create %sindex %I on %s (%s)', case when i.is_unique then 'unique ' end, i.name,
                i.relation, (select pg_catalog.string_agg(pg_catalog.quote_ident(u.name), ', ') from pg_catalog.unnest(i.columns) as u (name))),
            pg_catalog.format('drop index %I.%I', {{ m.schema | literal }}, i.name),
            'SHARE', 'writers, while it is built', 'size'
        from indexes as i
        union all
        select
            'trigger', t.relation, t.name, '{}', null, false,
            pg_catalog.format('%s; alter table %s disable trigger %I', t.statement, t.relation, t.name),
            pg_catalog.format('drop trigger %I on %s', t.name, t.relation),
            'SHARE ROW EXCLUSIVE', 'writers, for an instant: it is created disabled', 'procedure'
        from triggers as t
        union all
        select
            'view', {{ 'hierarchy' | relation(S) | literal }}, 'hierarchy', '{}', null, false,
            {{ (ddl.create_view() ~ '; revoke all on ' ~ ('hierarchy' | relation(S)) ~ ' from public; comment on view ' ~ ('hierarchy' | relation(S)) ~ ' is ' ~ ('A row per leaf: all levels, the dated row in force, the flat key. Shows what the reader may see of the tables themselves.' | literal)) | dollar }},
            {{ ('drop view ' ~ ('hierarchy' | relation(S))) | literal }},
            'ACCESS SHARE', 'nobody', 'procedure'
    )

    select
        (pg_catalog.row_number() over ())::integer, r.kind, r.relation, r.object, r.columns, r.expected,
        r.is_unique, r.statement, r.undo, r.lock_mode, r.blocks, r.run_by
    from made as r
$requirement$;

comment on function {{ S | ident }}.requirement() is
'What the mapping needs in the user''s schema: tables, columns, indexes, triggers, the view.';
