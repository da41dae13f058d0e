"""The definition of a mapping: what the generic routines in schema ``tandem`` read of it.

It is stored as jsonb in ``tandem.mapping.definition`` and has names, and beside them fragments of
SQL. The fragments are made by the filters and macros that the rendered code is made with, so that
the two cannot disagree. Aliases in them are fixed: ``flat``, and the name of a level or satellite;
``$1`` is the time at which dated rows are looked at. Only the deployer can write the table.
"""

import json
from functools import partial

from pgtandem.any_mapping import AnyMapping
from pgtandem.import_definition import import_definition
from pgtandem.import_mapping import ImportMapping
from pgtandem.mapping import Level, Mapping, Pair, Satellite
from pgtandem.render import (
    base_type,
    column,
    differs,
    environment,
    json_text,
    one_line_literal,
    put,
    same,
    search_path,
    sql_type,
    template_context,
    tidy,
)
from pgtandem.sqltext import WITHOUT_EQUALITY, ident, literal, object_name, relation


def definition(mapping: AnyMapping) -> dict[str, object]:
    """All that the generic routines need to know of a mapping of either area."""
    if isinstance(mapping, ImportMapping):
        ddl = "schema/mapping/imports/tables.jinja"
        return import_definition(
            mapping, search_path(mapping.search_path), partial(_macro, mapping, ddl)
        )
    return _sync_definition(mapping)


def _sync_definition(mapping: Mapping) -> dict[str, object]:
    """All that the generic routines need to know of a mapping of the area sync.

    Returns:
        An object with ``flat`` (quoted table), ``flat_name``, ``key``, ``key_type``, ``status``,
        ``new_key``, ``fault`` (a call of the rendered ``_fault``), ``path`` and ``search_path``,
        ``levels`` from the top down, the leaf last, ``satellites``, ``match`` of the leaf,
        ``tables`` (what the catalog must have) and ``made`` (what prepare makes).
    """
    flat = mapping.flat
    values = ", ".join(column(pair.flat, "flat") for pair in mapping.pairs)
    return {
        "flat": relation(flat.table, mapping.schema),
        "flat_name": flat.table,
        "key": flat.key,
        "key_type": sql_type(flat.key_type),
        "status": flat.status,
        "new_key": relation(flat.new_key, mapping.schema) + "()" if flat.new_key else None,
        "fault": f"{ident(mapping.tandem)}._fault({values})",
        "search_path": list(mapping.search_path),
        "path": search_path(mapping.search_path),
        "levels": [_level(mapping, level) for level in mapping.chain],
        "match": list(mapping.leaf.match),
        "satellites": [_satellite(mapping, one) for one in mapping.satellites],
        "tables": _tables(mapping),
        "made": _made(mapping),
    }


def definition_text(mapping: AnyMapping) -> str:
    """The definition as it is stored, on one line."""
    return json_text(definition(mapping))


def definition_to_read(mapping: AnyMapping) -> str:
    """The same, laid out for people."""
    return json.dumps(definition(mapping), ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def _level(mapping: Mapping, level: Level) -> dict[str, object]:
    return {
        "name": level.name,
        "relation": relation(level.table, mapping.schema),
        "table": level.table,
        "id": level.id,
        "parent": level.parent,
        "sync": level.sync,
        "key": list(level.key),
        "unmapped": list(level.unmapped),
        "columns": [_column(pair, level.name) for pair in level.pairs],
    }


def _satellite(mapping: Mapping, satellite: Satellite) -> dict[str, object]:
    conditions = [
        f"{column(name, 's')} = {one_line_literal(value)}" for name, value in satellite.where
    ]
    macros = "procedures/sync/macros.jinja"
    return {
        "name": satellite.name,
        "relation": relation(satellite.table, mapping.schema),
        "table": satellite.table,
        "id": satellite.id,
        "parent": satellite.parent,
        "effective": satellite.effective,
        "lead": satellite.lead,
        "lead_flat": satellite.lead_pair.flat,
        "filter": " and ".join(conditions) or "true",
        "in_force": _macro(mapping, macros, "in_force", mapping, satellite, "$1"),
        "differs": _macro(mapping, macros, "satellite_differs", satellite),
        "columns": [_column(pair, satellite.name) for pair in satellite.pairs],
    }


def _column(pair: Pair, alias: str) -> dict[str, object]:
    compared = "::text" if base_type(pair.flat_type) in WITHOUT_EQUALITY else ""
    return {
        "flat": pair.flat,
        "hier": pair.hier,
        "flat_type": pair.flat_type,
        "is_key": pair.is_key,
        "missing": pair.missing,
        "default": pair.default,
        "put": put(pair, "flat"),
        "same": same(pair, "flat", alias),
        "differs": differs(pair, "flat", alias),
        "compared": column(pair.flat, "flat") + compared,
    }


def _tables(mapping: Mapping) -> dict[str, object]:
    """By quoted table: its columns with their types, its unique key, and the columns that pgtandem
    fills, so that they need no default."""
    tables: dict[str, object] = {
        relation(mapping.flat.table, mapping.schema): {
            "columns": dict(mapping.flat.types),
            "key": [mapping.flat.key],
            "filled": [mapping.flat.key, *(pair.flat for pair in mapping.pairs)],
        }
    }
    for level in mapping.chain:
        links = {level.id: "uuid"} | ({level.parent: "uuid"} if level.parent else {})
        tables[relation(level.table, mapping.schema)] = {
            "columns": {**links, **dict(level.types)},
            "key": [*([level.parent] if level.parent else []), *level.key]
            if level.key
            else [level.id],
            "filled": [*links, *(pair.hier for pair in level.pairs)],
        }
    for satellite in mapping.satellites:
        links = {
            satellite.id: "uuid",
            satellite.parent: "uuid",
            satellite.effective: "timestamptz",
        }
        where = [name for name, _ in satellite.where]
        tables[relation(satellite.table, mapping.schema)] = {
            "columns": {**links, **dict(satellite.types)},
            "key": [satellite.parent, *where, satellite.effective],
            "filled": [*links, *where, *(pair.hier for pair in satellite.pairs)],
        }
    return tables


def _made(mapping: Mapping) -> dict[str, object]:
    """What prepare makes where it is absent: tables, columns, indexes, triggers and the views."""
    return {
        "tables": _made_tables(mapping),
        "columns": _made_columns(mapping),
        "indexes": _made_indexes(mapping),
        "triggers": _made_triggers(mapping),
        "views": _made_views(mapping),
    }


def _made_tables(mapping: Mapping) -> list[object]:
    ddl = "schema/mapping/sync/hierarchy.jinja"
    parents = (None, *mapping.levels)
    tables: list[object] = [
        {
            "relation": relation(level.table, mapping.schema),
            "statement": _macro(mapping, ddl, "create_level", level, parent),
            "refers": parent is not None,
        }
        for level, parent in zip(mapping.chain, parents, strict=True)
    ]
    tables += [
        {
            "relation": relation(one.table, mapping.schema),
            "statement": _macro(mapping, ddl, "create_satellite", one),
            "refers": True,
        }
        for one in mapping.satellites
    ]
    return tables


def _made_columns(mapping: Mapping) -> list[object]:
    """The columns of the flat table that are ours."""
    flat = relation(mapping.flat.table, mapping.schema)
    columns = [(level.sync, "uuid", "") for level in reversed(mapping.chain)]
    columns.append((mapping.flat.status, "varchar(20)", " default 'active'"))
    return [
        {
            "relation": flat,
            "name": name,
            "type": type_name,
            "statement": f"alter table {flat} add column {ident(name)} {type_name}{default};"
            f" comment on column {flat}.{ident(name)} is"
            " 'pgtandem''s; what you write here is ignored'",
        }
        for name, type_name, default in columns
    ]


def _made_indexes(mapping: Mapping) -> list[object]:
    flat, leaf = mapping.flat.table, mapping.leaf
    assert leaf.parent is not None, "checked when the mapping was loaded"
    indexes = [
        (flat, object_name(flat, leaf.sync, "key"), leaf.sync, True),
        *((flat, object_name(flat, one.sync, "idx"), one.sync, False) for one in mapping.levels),
        (leaf.table, object_name(leaf.table, leaf.parent, "idx"), leaf.parent, False),
    ]
    return [
        {
            "relation": relation(table, mapping.schema),
            "schema": mapping.schema,
            "name": name,
            "columns": [one],
            "list": ident(one),
            "unique": unique,
        }
        for table, name, one, unique in indexes
    ]


def _made_triggers(mapping: Mapping) -> list[object]:
    flat, leaf = mapping.flat.table, mapping.leaf.table
    triggers = [
        _trigger(mapping, flat, "tandem_10_assign", "assign.sql"),
        _trigger(mapping, flat, "tandem_11_guard", "guard.sql"),
        _trigger(mapping, flat, "tandem_20_insert", "flat_insert.sql"),
        _trigger(mapping, flat, "tandem_21_update", "flat_update.sql"),
        _trigger(mapping, flat, "tandem_22_delete", "flat_delete.sql"),
        _trigger(mapping, flat, "tandem_23_truncate", "flat_truncate.sql"),
    ]
    triggers += [
        _trigger(mapping, level.table, "tandem_21_update", "parent_update.sql", "trigger", level)
        for level in mapping.levels
    ]
    triggers += [
        _trigger(mapping, leaf, "tandem_20_insert", "leaf_insert.sql"),
        _trigger(mapping, leaf, "tandem_21_update", "leaf_update.sql"),
        _trigger(mapping, leaf, "tandem_22_delete", "leaf_delete.sql"),
    ]
    for one in mapping.satellites:
        triggers += [
            _trigger(mapping, one.table, name, "satellite_change.sql", macro, one)
            for name, macro in (
                ("tandem_20_insert", "trigger_insert"),
                ("tandem_21_update", "trigger_update"),
                ("tandem_22_delete", "trigger_delete"),
            )
        ]
    ids = [level.id for level in mapping.chain] + [one.id for one in mapping.satellites]
    for table, key in zip(mapping.hierarchy_tables, ids, strict=True):
        truncate = _trigger(
            mapping, table, "tandem_23_truncate", "hierarchy_truncate.sql", "trigger", table
        )
        triggers += [
            truncate,
            _trigger(mapping, table, "tandem_90_log", "log.sql", "trigger", table, key),
        ]
    key = mapping.flat.key
    return [*triggers, _trigger(mapping, flat, "tandem_90_log", "log.sql", "trigger", flat, key)]


def _trigger(
    mapping: Mapping, table: str, name: str, file: str, macro: str = "trigger", *arguments: object
) -> dict[str, object]:
    return {
        "relation": relation(table, mapping.schema),
        "name": name,
        "statement": _macro(mapping, f"triggers/sync/{file}", macro, *arguments),
    }


VIEWS = {
    "hierarchy": "A row per leaf: all levels, the dated row in force, the flat key. Shows what the "
    "reader may see of the tables themselves.",
    "flat": "The columns of the flat table that the mapping names. While this view is there, "
    "PostgreSQL lets nobody drop them or change their type.",
}


def _made_views(mapping: Mapping) -> list[dict[str, object]]:
    made: list[dict[str, object]] = []
    for name, what in VIEWS.items():
        view = relation(name, mapping.tandem)
        create = _macro(mapping, "schema/mapping/sync/hierarchy.jinja", f"create_{name}_view")
        made.append(
            {
                "relation": view,
                "name": name,
                "statement": f"{create}; revoke all on {view} from public;"
                f" comment on view {view} is {literal(what)}",
            }
        )
    return made


def _macro(mapping: AnyMapping, path: str, name: str, *arguments: object) -> str:
    """What a macro of a template makes."""
    module = environment().get_template(path).make_module(template_context(mapping))
    return tidy(getattr(module, name)(*arguments)).strip()
