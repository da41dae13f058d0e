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
{% macro table_row(table, statement) %}
        (
            'table', {{ table | relation(m.schema) | literal }}, {{ table | literal }}, '{}', null, false,
            {{ statement | dollar }},
            {{ ('drop table ' ~ (table | relation(m.schema))) | literal }},
            'SHARE ROW EXCLUSIVE on the parent table', 'nobody: the table is new', 'procedure'
        )
{%- endmacro %}
{% macro column_row(name, type, suffix) %}
        (
            'column', {{ m.flat.table | relation(m.schema) | literal }}, {{ name | literal }}, '{}', {{ type | literal }}, false,
            {{ ('alter table ' ~ (m.flat.table | relation(m.schema)) ~ ' add column ' ~ (name | ident) ~ ' ' ~ type ~ suffix) | literal }},
            {{ ('alter table ' ~ (m.flat.table | relation(m.schema)) ~ ' drop column ' ~ (name | ident)) | literal }},
            'ACCESS EXCLUSIVE', 'everyone, for an instant: no row is rewritten', 'procedure'
        )
{%- endmacro %}
{% macro index_row(table, name, columns, unique) %}
        (
            'index', {{ table | relation(m.schema) | literal }}, {{ name | literal }},
            array[{% for column in columns %}{{ column | literal }}{{ ', ' if not loop.last }}{% endfor %}]::text, null, {{ unique | literal }},
            {% filter dollar %}create {{ 'unique ' if unique }}index {{ name | ident }} on {{ table | relation(m.schema) }} (
{%- for column in columns %}{{ column | ident }}{{ ', ' if not loop.last }}{% endfor %}){% endfilter %},
            {{ ('drop index ' ~ (name | relation(m.schema))) | literal }},
            'SHARE', 'writers, while it is built', 'size'
        )
{%- endmacro %}
{% macro trigger_row(table, name, statement) %}
        (
            'trigger', {{ table | relation(m.schema) | literal }}, {{ name | literal }}, '{}', null, false,
            {% filter dollar %}{{ statement | trusted }};
alter table {{ table | relation(m.schema) }} disable trigger {{ name | ident }}{% endfilter %},
            {{ ('drop trigger ' ~ name ~ ' on ' ~ (table | relation(m.schema))) | literal }},
            'SHARE ROW EXCLUSIVE', 'writers, for an instant: it is created disabled', 'procedure'
        )
{%- endmacro %}
-- What the mapping needs in the user's schema, in the order in which prepare makes it. Indexes come
-- with run_by = size: prepare builds them itself on a small table, else they are left to
-- CREATE INDEX CONCURRENTLY.
create or replace function {{ S | ident }}.requirement() returns setof tandem.requirement
language sql stable
set search_path = {{ m.path | trusted }}
as $requirement$
    select
        v.ordinal, v.kind, v.relation, v.object, v.columns::text[], v.expected, v.is_unique,
        v.statement, v.undo, v.lock_mode, v.blocks, v.run_by
    from (
        select (pg_catalog.row_number() over ())::integer as ordinal, r.*
        from (values
{% for level in m.chain %}
{{ table_row(level.table, ddl.create_level(level, m.chain[loop.index0 - 1])) | trusted }},
{% endfor %}
{% for satellite in m.satellites %}
{{ table_row(satellite.table, ddl.create_satellite(satellite)) | trusted }},
{% endfor %}
{% for level in m.chain | reverse %}
{{ column_row(level.sync, 'uuid', '') | trusted }},
{% endfor %}
{{ column_row(m.flat.status, 'varchar(20)', " default 'active'") | trusted }},
{{ index_row(m.flat.table, object_name(m.flat.table, m.leaf.sync, 'key'), [m.leaf.sync], true) | trusted }},
{% for level in m.levels %}
{{ index_row(m.flat.table, object_name(m.flat.table, level.sync, 'idx'), [level.sync], false) | trusted }},
{% endfor %}
{{ index_row(m.leaf.table, object_name(m.leaf.table, m.leaf.parent, 'idx'), [m.leaf.parent], false) | trusted }},
{{ trigger_row(m.flat.table, 'tandem_10_assign', assign.trigger()) | trusted }},
{{ trigger_row(m.flat.table, 'tandem_11_guard', guard.trigger()) | trusted }},
{{ trigger_row(m.flat.table, 'tandem_20_insert', flat_insert.trigger()) | trusted }},
{{ trigger_row(m.flat.table, 'tandem_21_update', flat_update.trigger()) | trusted }},
{{ trigger_row(m.flat.table, 'tandem_22_delete', flat_delete.trigger()) | trusted }},
{{ trigger_row(m.flat.table, 'tandem_23_truncate', flat_truncate.trigger()) | trusted }},
{{ trigger_row(m.flat.table, 'tandem_90_log', log.trigger(m.flat.table)) | trusted }},
{% for level in m.levels %}
{{ trigger_row(level.table, 'tandem_21_update', parent_update.trigger(level)) | trusted }},
{{ trigger_row(level.table, 'tandem_23_truncate', hierarchy_truncate.trigger(level.table)) | trusted }},
{{ trigger_row(level.table, 'tandem_90_log', log.trigger(level.table)) | trusted }},
{% endfor %}
{{ trigger_row(m.leaf.table, 'tandem_20_insert', leaf_insert.trigger()) | trusted }},
{{ trigger_row(m.leaf.table, 'tandem_21_update', leaf_update.trigger()) | trusted }},
{{ trigger_row(m.leaf.table, 'tandem_22_delete', leaf_delete.trigger()) | trusted }},
{{ trigger_row(m.leaf.table, 'tandem_23_truncate', hierarchy_truncate.trigger(m.leaf.table)) | trusted }},
{{ trigger_row(m.leaf.table, 'tandem_90_log', log.trigger(m.leaf.table)) | trusted }},
{% for satellite in m.satellites %}
{{ trigger_row(satellite.table, 'tandem_20_insert', satellite_change.trigger_insert(satellite)) | trusted }},
{{ trigger_row(satellite.table, 'tandem_21_update', satellite_change.trigger_update(satellite)) | trusted }},
{{ trigger_row(satellite.table, 'tandem_22_delete', satellite_change.trigger_delete(satellite)) | trusted }},
{{ trigger_row(satellite.table, 'tandem_23_truncate', hierarchy_truncate.trigger(satellite.table)) | trusted }},
{{ trigger_row(satellite.table, 'tandem_90_log', log.trigger(satellite.table)) | trusted }},
{% endfor %}
        (
            'view', {{ 'hierarchy' | relation(S) | literal }}, 'hierarchy', '{}', null, false,
            {{ ddl.create_view() | dollar }},
            {{ ('drop view ' ~ ('hierarchy' | relation(S))) | literal }},
            'ACCESS SHARE', 'nobody', 'procedure'
        )
        ) as r (
            kind, relation, object, columns, expected, is_unique, statement, undo, lock_mode,
            blocks, run_by
        )
    ) as v
$requirement$;

comment on function {{ S | ident }}.requirement() is
'What the mapping needs in the user''s schema: tables, columns, indexes, triggers, the view.';
