"""What the generic routines read of an import's mapping; see :mod:`pgtandem.definition`."""

from collections.abc import Callable

from pgtandem.import_mapping import ImportMapping, Master, Table, Variant, index_names, key_columns
from pgtandem.import_render import index_columns
from pgtandem.sqltext import ident, literal, relation

Macro = Callable[..., str]


def import_definition(mapping: ImportMapping, path: str, macro: Macro) -> dict[str, object]:
    """All that the generic routines need to know of an import.

    Args:
        path: the search path of the rendered routines.
        macro: renders a macro of ``schema/mapping/imports/tables.jinja``.

    Returns:
        An object with ``area``, ``path``, ``search_path``, ``id_type``, ``item``, ``fields`` in the
        order of ``import_job.places``, ``parts`` (the tables in the order in which they are
        locked), ``tables`` (what the catalog must have) and ``made`` (what prepare makes).
    """
    return {
        "area": "imports",
        "path": path,
        "search_path": list(mapping.search_path),
        "id_type": mapping.id_type,
        "item": mapping.item.name,
        "fields": [
            {"name": one.name, "column": one.column, "type": one.type} for one in mapping.fields
        ],
        "parts": [_part(mapping, table) for table in mapping.tables],
        "tables": {relation(t.table, mapping.schema): _table(mapping, t) for t in mapping.tables},
        "made": {
            "tables": [_made_table(mapping, table, macro) for table in mapping.tables],
            "columns": [_made_column(mapping, table) for table in mapping.tables],
            "indexes": [one for table in mapping.tables for one in _made_indexes(mapping, table)],
            "triggers": [],
            "views": [_made_view(mapping, name, macro) for name in VIEWS],
        },
    }


def _part(mapping: ImportMapping, table: Table) -> dict[str, object]:
    part: dict[str, object] = {
        "name": table.name,
        "relation": relation(table.table, mapping.schema),
        "table": table.table,
        "id": table.id,
        "deleted": table.deleted,
        "key": list(key_columns(table)),
        "fields": [one.name for one in table.fields],
        "columns": [one.column for one in table.fields],
    }
    if isinstance(table, Master):
        part |= {
            "match": table.match,
            "required": table.required,
            "key_field": table.key_field.name,
        }
    if isinstance(table, Variant):
        part["references"] = {one.column: one.master.name for one in table.references}
    return part


def _table(mapping: ImportMapping, table: Table) -> dict[str, object]:
    columns = {table.id: mapping.id_type, table.deleted: "timestamptz"}
    columns |= {one.column: one.type for one in table.fields}
    if isinstance(table, Variant):
        columns |= {reference.column: mapping.id_type for reference in table.references}
    filled = [column for column in columns if column != table.id]
    return {"columns": columns, "key": [table.id], "filled": filled}


def _made_table(mapping: ImportMapping, table: Table, macro: Macro) -> dict[str, object]:
    kind = "create_master" if isinstance(table, Master) else "create_variant"
    return {
        "relation": relation(table.table, mapping.schema),
        "statement": macro(kind, table),
        "refers": isinstance(table, Variant),
    }


def _made_column(mapping: ImportMapping, table: Table) -> dict[str, object]:
    """A soft delete is the one thing that an old table may lack: its default changes no row."""
    name = relation(table.table, mapping.schema)
    return {
        "relation": name,
        "name": table.deleted,
        "type": "timestamp with time zone",
        "statement": f"alter table {name} add column {ident(table.deleted)} timestamptz",
    }


VIEWS = {
    "import_jobs": "pgtandem: a row per import, under the names that importers' own tables have.",
    "import_results": "pgtandem: what became of each import, under such names.",
}


def _made_view(mapping: ImportMapping, name: str, macro: Macro) -> dict[str, object]:
    """Over a table of ours alone: our own views are made anew by each deployment."""
    view = relation(name, mapping.schema)
    return {
        "relation": view,
        "name": name,
        "statement": f"{macro(f'create_{name}_view')}; revoke all on {view} from public;"
        f" comment on view {view} is {literal(VIEWS[name])}",
    }


def _made_indexes(mapping: ImportMapping, table: Table) -> list[dict[str, object]]:
    """The unique index over live rows, and one to find deleted ones by their key.

    Of a variant that one is over all rows: an item that goes is looked up there by its foreign key,
    whose query says nothing of live or deleted.
    """
    listed = ", ".join(index_columns(table))
    deleted = ident(table.deleted)
    is_partial = isinstance(table, Master)
    nulls = " nulls not distinct" if isinstance(table, Variant) else ""
    unique, gone = index_names(table)
    common = {
        "relation": relation(table.table, mapping.schema),
        "schema": mapping.schema,
        "columns": list(key_columns(table)),
        "list": listed,
    }
    return [
        {
            **common,
            "name": unique,
            "unique": True,
            "only": f"{nulls.strip()} where {deleted} is null".strip(),
            "form": f"({listed}){nulls} where ({deleted} IS NULL)",
        },
        {
            **common,
            "name": gone,
            "unique": False,
            "only": f"where {deleted} is not null" if is_partial else None,
            "form": f"({listed}) where ({deleted} IS NOT NULL)" if is_partial else f"({listed})",
        },
    ]
