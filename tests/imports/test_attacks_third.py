"""A third round of attacks on imports: writers beside a merge, settings of sessions, odd names."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from imports.jobs import counts
from imports.test_duplicates import (  # noqa: F401
    APPLY,
    APPROVE,
    fill,
    old_shop_template,
    outcomes,
    plan,
    shop,
)
from imports.test_other_mappings import BARE, ready, run
from pgtandem.import_mapping import parse_import_mapping
from pgtandem.mapping_section import MappingError
from pgtandem.records import FileError, file_sha256
from support.databases import Database
from support.locks import wait_for_blocked_by
from support.shop import in_background, one

# writers beside a merge


@pytest.mark.parametrize(
    "edit",
    [
        "update item_variant set color_id = 3 where variant_id = 2",
        "update item_variant set item_id = 3 where variant_id = 2",
        "update item_variant set color_id = 3 where variant_id = 1",
        "update item_variant set deleted_at = now() where variant_id = 1",
    ],
)
def test_variants_that_differ_when_they_are_locked_are_not_merged(
    shop: Database,  # noqa: F811
    edit: str,
) -> None:
    """They were the same when the merge of their items looked; then it waited for who wrote one.
    A variant that an app has just given another colour would be deleted, its order lines moved."""
    conn, other, watch = shop.owner(), shop.owner(), shop.owner()
    fill(conn)
    conn.execute("update item_variant set color_id = 1 where variant_id = 2")
    plan(conn)
    conn.execute("update tandem.duplicate_plan set action = 'skip' where part <> 'item'")
    conn.execute(APPROVE)
    conn.execute("update tandem.setting set value = '20000' where name = 'batch_lock_timeout'")
    other.execute("begin")
    other.execute(edit.encode())

    def apply() -> None:
        conn.execute(APPLY)

    with in_background(conn, apply) as running:
        wait_for_blocked_by(watch, conn.info.backend_pid, other.info.backend_pid)
        other.execute("commit")
        running.result()
    assert [row for row in outcomes(watch) if row[0] == "item"] == []
    assert one(watch, "select deleted_at is null from item_variant where variant_id = 2") is True
    assert one(watch, "select count(*) from order_line where variant_id = 2") == 2
    assert one(watch, "select count(*) from item_variant where item_id = 2") == 0


# settings of sessions


@pytest.mark.parametrize("importer", ["new", "old"])
@pytest.mark.parametrize("setting", ["timezone = 'Asia/Tokyo'", "extra_float_digits = -10"])
def test_an_undo_knows_what_was_imported_whatever_its_session_prints(
    bare_db: Database, setting: str, importer: str
) -> None:
    """A worker's zone is not always that of who undoes. Each row counted as edited, so that none
    came back; and what fewer digits were kept of came back as another number."""
    conn = ready(bare_db, BARE.replace('"smallint"', '"float8"'), "stock")
    odd = bare_db.owner()
    odd.execute(f"set {setting}".encode())
    content = (
        "select code, boxes, checked_at, s.deleted_at from shelf s join place using (place_id)"
    )
    row: dict[str, str | None] = {
        "code": "A",
        "boxes": "0.1234567890123456",
        "checked at": "2024-05-01 10:00:00+02",
    }
    for first, second in ((conn, odd), (odd, conn)):
        made = run(first, "stock", [row], importer)
        before = conn.execute(content.encode()).fetchall()
        later = row | {"boxes": "0.2234567890123456", "checked at": "2024-06-01 10:00:00+02"}
        changed = run(first, "stock", [later], importer)
        assert counts(conn, changed).updated == 1
        second.execute("call tandem.undo_import(%s)", (changed,))
        assert conn.execute(content.encode()).fetchall() == before
        second.execute("call tandem.undo_import(%s)", (made,))
        assert one(conn, "select count(*) from place") == 0


def test_an_undo_in_another_zone_keeps_what_was_edited(bare_db: Database) -> None:
    conn = ready(bare_db, BARE, "stock")
    made = run(conn, "stock", [{"code": "A", "checked at": "2024-05-01 10:00:00+02"}], "new")
    conn.execute("update shelf set checked_at = checked_at + interval '7 hours'")
    conn.execute("set timezone = 'Asia/Tokyo'")
    conn.execute("call tandem.undo_import(%s)", (made,))
    kept = conn.execute("select outcome, why from tandem.import_undone where outcome <> 'reversed'")
    assert ("kept", "it was edited since") in kept.fetchall()


# odd names


@pytest.mark.parametrize("word", ["p", "t"])
@pytest.mark.parametrize("table", ["place", "shelf"])
def test_a_table_called_as_the_batch_s_own_is_refused(table: str, word: str) -> None:
    """The batch joins the tables under these names to its own: it failed for every import, or for
    every row that differed."""
    source = BARE.replace(f'name = "{table}"', f'name = "{word}"')
    source = source.replace("{ place =", f"{{ {word} =") if table == "place" else source
    with pytest.raises(MappingError, match="cannot be called"):
        parse_import_mapping(source)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("code", "v_rows", "'v_rows', which the rendered code"),
        ("code", "v_lost_place", "'v_lost_place', which the rendered code"),
        ('key = "code"', 'key = "code"\ndeleted = "p_run"', "'p_run', which the rendered code"),
        ('code = "text"', 'code = "char(9)"', "must be a text or a varchar"),
    ],
)
def test_a_key_that_the_batch_cannot_tell_is_refused(old: str, new: str, why: str) -> None:
    """Each import failed: a column in ON CONFLICT was taken for a variable. And to a char(n) names
    are the same that differ in blanks at their end."""
    with pytest.raises(MappingError, match=why):
        parse_import_mapping(BARE.replace(old, new))


PERCENT = """
name = "stock"
area = "imports"

[[table]]
name = "place"
table = "100% %s"
id = "id %"
key = "key %L"
deleted = "gone %"
required = true
fields = { code = "key %L", off = "% off %1$I" }
types = { "key %L" = "text", "% off %1$I" = "integer" }
"""


@pytest.mark.parametrize("importer", ["new", "old"])
def test_names_with_percent_signs(bare_db: Database, importer: str) -> None:
    """RAISE took one in a table's name for its own, so that no batch compiled; format() one in a
    column's, so that no change could be undone."""
    conn = ready(bare_db, PERCENT, "stock")
    made = run(conn, "stock", [{"code": "A", "off": "5"}], importer)
    changed = run(conn, "stock", [{"code": "A", "off": "7"}], importer)
    conn.execute("call tandem.undo_import(%s)", (changed,))
    assert one(conn, 'select "% off %1$I" from "100% %s"') == 5
    conn.execute("call tandem.undo_import(%s)", (made,))
    assert one(conn, 'select count(*) from "100% %s"') == 0


# tables that no import can be written to

PLACE = """
create table place (
    place_id bigint generated always as identity primary key, code {} not null,
    deleted_at timestamptz {}
);
create table shelf (
    shelf_id bigint generated always as identity primary key,
    place_id bigint not null references place, boxes {}, checked_at timestamptz,
    deleted_at timestamptz
)
"""
CODES = "create type codes as enum ('A', 'B')"
RULE = "create rule noted as on update to place do also select 1"


@pytest.mark.parametrize(
    ("columns", "more", "why"),
    [
        (("codes", "", "smallint"), "", "column code is"),
        (("text", "", "codes"), "", "column boxes is"),
        (("text", "", "bytea"), "", "column boxes is"),
        (("text", "", "smallint[]"), "", "column boxes is"),
        (("text", "", "smallint generated always as (1) stored"), "", "column boxes is generated"),
        (("text", "not null default now()", "smallint"), "", "column deleted_at is not null"),
        (("text", "", "smallint"), RULE, "has the rule noted"),
    ],
)
def test_a_table_that_fails_every_import_is_refused_by_prepare(
    bare_db: Database, columns: tuple[str, str, str], more: str, why: str
) -> None:
    """They were a warning or nothing, and then each import ended with an error of the server's, or
    lost each of its rows."""
    conn = bare_db.owner()
    conn.execute(CODES.encode())
    conn.execute(PLACE.format(*columns).encode())
    if more:
        conn.execute(more.encode())
    with pytest.raises(psycopg.Error, match=f"prepare of stock is blocked: {why}") as caught:
        ready(bare_db, BARE, "stock")
    assert caught.value.sqlstate == "TD004"


KEYED = "create {} place (place_id bigint, code text, deleted_at timestamptz{}){}"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (KEYED.format("table", "", " partition by hash (code)"), "is partitioned, and an import"),
        (
            "create view place as select 1::bigint as place_id, '' as code, now() as deleted_at",
            "is a view",
        ),
        (
            "create materialized view place as"
            " select 1::bigint as place_id, '' as code, now() as deleted_at",
            "is a materialized view",
        ),
        (KEYED.format("unlogged table", ", primary key (place_id)", ""), "is unlogged"),
        (
            KEYED.format("table", ", primary key (place_id)", "")
            + "; create table depot () inherits (place)",
            "has tables that inherit",
        ),
        (KEYED.format("table", "", ""), "column place_id is not unique"),
        (
            KEYED.format("table", ", primary key (place_id)", "").replace("text", "char(9)"),
            "key column code is character\\(9\\)",
        ),
    ],
)
def test_a_table_that_cannot_hold_a_master_is_refused_by_prepare(
    bare_db: Database, place: str, why: str
) -> None:
    """Some were blamed on their owner, some ended in an error of the server's without a hint."""
    bare_db.owner().execute(place.encode())
    with pytest.raises(psycopg.Error, match=f"prepare of stock is blocked: {why}") as caught:
        ready(bare_db, BARE, "stock")
    assert caught.value.sqlstate == "TD004"


@pytest.mark.parametrize("boxes", ["integer", "numeric", "float4", "few", "bigint"])
def test_a_column_of_a_like_kind_is_filled(bare_db: Database, boxes: str) -> None:
    conn = bare_db.owner()
    conn.execute("create domain few as smallint check (value < 100)")
    conn.execute(PLACE.format("varchar(9)", "", boxes).encode())
    conn = ready(bare_db, BARE, "stock")
    assert counts(conn, run(conn, "stock", [{"code": "A", "boxes": "7"}], "new")).inserted == 1
    assert counts(conn, run(conn, "stock", [{"code": "A", "boxes": "7"}], "new")).unchanged == 1


# files


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """Its bytes were hashed, and then it waited for ever for who would write them again."""
    os.mkfifo(tmp_path / "items.csv")
    with pytest.raises(FileError, match="is a pipe"):
        file_sha256(tmp_path / "items.csv")
