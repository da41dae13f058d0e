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
