"""A fourth round of attacks on imports: mappings that change under them, columns and sessions with
ways of their own, workers and comparisons that do not end."""

from __future__ import annotations

import psycopg
import pytest

from imports.jobs import state
from imports.test_other_mappings import BARE, ready
from pgtandem.deploy import deploy, undeploy
from pgtandem.errors import TandemError
from pgtandem.import_mapping import parse_import_mapping
from support.databases import Database
from support.shop import one

# mappings that change

SUBMIT = """
select tandem.submit_import(
    'stock', '[{"code": "A", "boxes": "7"}, {"code": "B", "boxes": "8"}]', p_key => 'a'
)
"""
HIGHER = BARE.replace('{ boxes = "boxes"', '{ height = "height", boxes = "boxes"').replace(
    '{ boxes = "smallint"', '{ height = "smallint", boxes = "smallint"'
)


@pytest.mark.parametrize("kind", ["dead", "old path", "half done"])
def test_a_mapping_with_imports_that_are_not_done_is_not_changed(
    bare_db: Database, kind: str
) -> None:
    """Where a field stands was looked up when they were handed in: boxes were written as height."""
    conn = ready(bare_db, BARE, "stock")
    conn.execute("alter table shelf add height smallint")
    if kind == "old path":
        conn.execute("select tandem.set_import_flag('stock', 'false')")
    import_id = one(conn, SUBMIT)
    if kind == "half done":
        conn.execute("call tandem.run_import(%s, p_batch_rows => 1, p_max_batches => 2)", (1,))
    if kind != "old path":
        conn.execute("update tandem.import_job set state = 'dead', finished_at = now()")
    conn.execute("select tandem.set_import_flag('stock', 'false')")
    conn.execute("call tandem.rollback('stock')")
    with pytest.raises(psycopg.Error, match="has imports that are not done") as caught:
        deploy(conn, [parse_import_mapping(HIGHER)])
    assert caught.value.sqlstate == "TD005"
    # as it is, it may be deployed again, and the import goes on
    deploy(conn, [parse_import_mapping(BARE + "# unchanged\n")])
    cure = str(caught.value.diag.message_hint).partition("later: ")[2]
    assert conn.execute(cure.encode()).fetchall() == [("cancelled",)]
    ready(bare_db, HIGHER, "stock")
    assert state(conn, import_id) == "cancelled"


def test_imports_that_wait_are_not_lost_by_undeploy(bare_db: Database) -> None:
    """And a mapping of the same name does not do them: its fields may stand elsewhere."""
    conn = ready(bare_db, BARE, "stock")
    conn.execute("alter table shelf add height smallint")
    import_id = one(conn, SUBMIT)
    with pytest.raises(TandemError) as caught:
        undeploy(conn, ["stock"])
    assert "1 imports that are not done" in str(caught.value.detail)
    undeploy(conn, ["stock"], discard_kept=True)
    ready(bare_db, HIGHER, "stock")
    assert state(conn, import_id) == "cancelled"
    conn.execute("call tandem.work_imports()")
    assert one(conn, "select count(*) from shelf") == 0
    again = one(conn, SUBMIT)
    conn.execute("call tandem.run_import(%s)", (again,))
    assert conn.execute("select boxes, height from shelf order by 1").fetchall() == [
        (7, None),
        (8, None),
    ]
