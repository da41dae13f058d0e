"""What tests of imports share: submitting and running one, what became of it, what is there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from psycopg import sql

from pgtandem.import_mapping import ImportMapping, load_import_mapping
from pgtandem.paths import db_dir
from support.shop import Connection, one

Row = Mapping[str, str | None]

_KEYS = count(1)


def items() -> ImportMapping:
    """The default mapping of an import."""
    return load_import_mapping(db_dir() / "mappings" / "items.toml")


@dataclass(frozen=True)
class Counts:
    """What became of the rows of an import."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    failed: int = 0
    suppressed: int = 0


def submit(conn: Connection, rows: Sequence[Any], **options: object) -> int:
    """Hand in rows under a key of their own, unless the options have one."""
    named = {"p_key": f"test {next(_KEYS)}"} | {f"p_{name}": v for name, v in options.items()}
    parts = [
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in named.items()
    ]
    query = sql.SQL("select tandem.submit_import('items', {}, {})").format(
        sql.Literal(json.dumps(rows)), sql.SQL(", ").join(parts)
    )
    row = conn.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def run(conn: Connection, rows: Sequence[Any], **options: object) -> int:
    """Submit rows and do the import; its id."""
    import_id = submit(conn, rows, **options)
    conn.execute("call tandem.run_import(%s)", (import_id,))
    return import_id


def counts(conn: Connection, import_id: int) -> Counts:
    """What became of the rows of an import."""
    row = conn.execute(
        "select inserted, updated, unchanged, superseded, failed, suppressed"
        " from tandem.import_job where import_id = %s",
        (import_id,),
    ).fetchone()
    assert row is not None
    return Counts(*row)


def state(conn: Connection, import_id: int) -> str:
    """The state of an import."""
    return str(one(conn, "select state from tandem.import_job where import_id = %s", import_id))


def failures(conn: Connection, import_id: int) -> list[tuple[Any, ...]]:
    """Row, field, SQLSTATE and message of each failed row."""
    return conn.execute(
        "select row_no, column_name, sqlstate, message from tandem.rejected_row"
        " where import_id = %s order by row_no",
        (import_id,),
    ).fetchall()


def variants(conn: Connection) -> set[tuple[Any, ...]]:
    """Item, colour, size, sku, price and quantity of each variant that is not deleted."""
    return set(
        conn.execute(
            """
            select i.name, c.color_name, s.size_name, v.sku, v.price, v.quantity
            from item_variant as v
            join item_master as i using (item_id)
            left join color_master as c using (color_id)
            left join size_master as s using (size_id)
            where v.deleted_at is null
            """
        ).fetchall()
    )


def names(conn: Connection, table: str, column: str) -> list[str]:
    """The names in a master, sorted."""
    query = sql.SQL("select {} from {} where deleted_at is null order by 1").format(
        sql.Identifier(column), sql.Identifier(table)
    )
    return [str(row[0]) for row in conn.execute(query)]
