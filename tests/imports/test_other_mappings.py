"""Mappings other than the default one: a table alone, uuid ids, names that need quotes."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from imports.jobs import Counts, counts
from pgtandem.deploy import deploy
from pgtandem.import_mapping import parse_import_mapping
from pgtandem.mapping_section import MappingError
from support.databases import Database
from support.shop import Connection, one

ALONE = """
name = "brands"
area = "imports"

[[table]]
name = "brand"
table = "brand"
id = "id"
key = "name"
match = "normalised"
required = true
fields = { name = "name", founded = "founded", active = "active" }
types = { name = "varchar(30)", founded = "date", active = "boolean" }
"""

HOSTILE = """
name = "odd"
area = "imports"
schema = "Lager \\"Süd\\""
id_type = "uuid"

[[table]]
name = "farbe"
table = "Farbe'; drop table canary; --"
id = "farb id"
key = "select"
match = "normalised"
deleted = "gelöscht \\"am\\""
fields = { "Farbe %s" = "select" }
types = { "select" = "text" }

[[table]]
name = "ware"
table = "from"
id = "id"
key = "group"
required = true
fields = { "Ware \\\\" = "group", "where" = "order" }
types = { "group" = "text", "order" = "text" }

[variant]
name = "posten"
table = "Posten"
id = "user"
references = { ware = "ware", farbe = "farbe" }
fields = { "Preis €" = "Preis €", "daten" = "limit" }
types = { "Preis €" = "numeric(8,2)", "limit" = "jsonb" }
"""

BARE = """
name = "stock"
area = "imports"

[[table]]
name = "place"
table = "place"
id = "place_id"
key = "code"
required = true
fields = { code = "code" }
types = { code = "text" }

[variant]
name = "shelf"
table = "shelf"
id = "shelf_id"
references = { place = "place_id" }
fields = { boxes = "boxes", "checked at" = "checked_at" }
types = { boxes = "smallint", checked_at = "timestamptz" }
"""


def ready(db: Database, source: str, name: str) -> Connection:
    """A session in a database where a mapping is deployed and prepared."""
    conn = db.owner()
    deploy(conn, [parse_import_mapping(source)])
    conn.execute("call tandem.prepare(%s)", (name,))
    return conn


def run(conn: Connection, name: str, rows: list[dict[str, str | None]], importer: str) -> int:
    """Import rows by the new path or by the old one."""
    import_id = int(
        one(
            conn,
            "select tandem.submit_import(%s, %s, p_key => gen_random_uuid()::text)",
            name,
            json.dumps(rows),
        )
    )
    verb = "run_import_locked" if importer == "old" else "run_import"
    conn.execute(f"call tandem.{verb}({import_id})".encode())
    return import_id


@pytest.mark.parametrize("importer", ["new", "old"])
def test_a_table_alone(bare_db: Database, importer: str) -> None:
    conn = ready(bare_db, ALONE, "brands")
    rows: list[dict[str, str | None]] = [
        {"name": "Nike", "founded": "1964-01-25", "active": "yes"},
        {"name": " NIKE ", "founded": "1964-01-25"},
        {"name": "Puma", "founded": "1948-10-32"},
        {"name": "x" * 31},
        {"name": "Asics", "active": "perhaps"},
    ]
    assert counts(conn, run(conn, "brands", rows, importer)) == Counts(
        inserted=1, superseded=1, failed=3
    )
    assert counts(conn, run(conn, "brands", rows[:1], importer)) == Counts(updated=1)
    assert counts(conn, run(conn, "brands", rows[:1], importer)) == Counts(unchanged=1)
    conn.execute("update brand set deleted_at = now()")
    assert counts(conn, run(conn, "brands", rows[:1], importer)) == Counts(updated=1)
    assert one(conn, "select count(*) from brand") == 1


@pytest.mark.parametrize("importer", ["new", "old"])
def test_names_that_need_quotes_and_ids_that_are_uuids(bare_db: Database, importer: str) -> None:
    owner = bare_db.owner()
    owner.execute('create table canary (id int); create schema "Lager ""Süd"""')
    conn = ready(bare_db, HOSTILE, "odd")
    rows: list[dict[str, str | None]] = [
        {"Ware \\": "A", "Farbe %s": "Rot", "Preis €": "1.5", "daten": '{"a": 1}', "where": "x'y"},
        {"Ware \\": "A", "Farbe %s": None, "Preis €": "2", "daten": "{"},
        {"Ware \\": "B", "Farbe %s": "ROT", "Preis €": "3"},
        {"Ware \\": "B", "Farbe %s": None, "Preis €": "4"},
    ]
    first = run(conn, "odd", rows, importer)
    assert counts(conn, first) == Counts(inserted=3, failed=1)
    found = conn.execute('select "Preis €" from "Lager ""Süd"""."Posten" order by 1').fetchall()
    assert found == [(Decimal("1.50"),), (Decimal("3.00"),), (Decimal("4.00"),)]
    changed = [rows[0] | {"Preis €": "9"}, rows[2], rows[3]]
    assert counts(conn, run(conn, "odd", changed, importer)) == Counts(updated=1, unchanged=2)
    conn.execute("call tandem.undo_import(%s)", (first,))
    left = one(conn, 'select count(*) from "Lager ""Süd"""."Posten"')
    assert left == 1  # what the second import has changed
    assert one(conn, "select to_regclass('canary') is not null")
    assert conn.execute("select * from tandem.find_duplicates('odd')").fetchall() == []


@pytest.mark.parametrize("importer", ["new", "old"])
def test_a_variant_of_one_master(bare_db: Database, importer: str) -> None:
    conn = ready(bare_db, BARE, "stock")
    rows: list[dict[str, str | None]] = [
        {"code": "A1", "boxes": "32767", "checked at": "2024-05-01 10:00:00+02"},
        {"code": "A2", "boxes": "32768"},
        {"code": "A3", "boxes": " 7 ", "checked at": "01.05.2024"},
    ]
    assert counts(conn, run(conn, "stock", rows, importer)) == Counts(inserted=1, failed=2)
    rows[0]["boxes"] = "1"
    assert counts(conn, run(conn, "stock", rows[:1], importer)) == Counts(updated=1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (ALONE.replace("required = true\n", ""), "one [[table]] says required"),
        (ALONE.replace('key = "name"', 'key = "nome"'), "no field is written to the key"),
        (ALONE.replace('"date"', '"point"'), "cannot be tested"),
        (ALONE.replace('founded = "founded"', 'founded = "since"'), "types has no entry"),
        (ALONE.replace('area = "imports"', 'area = "sync"'), "area"),
        (BARE.replace("references = { place", "references = { palace"), "is no [[table]]"),
        (BARE.replace('id = "shelf_id"', 'id = "boxes"'), "used twice"),
        (ALONE + "\ncolour = 1\n", "unknown key"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_and_says_why(wrong: str, says: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_import_mapping(wrong)
    assert says in str(caught.value)
