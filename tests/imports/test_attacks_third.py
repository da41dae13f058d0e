"""A third round of attacks on imports: writers beside a merge, settings of sessions, odd names."""

from __future__ import annotations

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
