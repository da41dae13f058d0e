"""The end of the old path: it is taken away once nobody is on it, and stays away."""

from __future__ import annotations

import psycopg
import pytest

from imports.jobs import Counts, counts, items, run, state, submit
from pgtandem.deploy import deploy
from support.databases import Database
from support.locks import wait_for_lock_wait
from support.shop import Connection, in_background, one

SHIRT = {"name": "Shirt", "color": "Red", "size": "M"}
RETIRE = "select tandem.retire_import('items')"


def refused(conn: Connection, statement: str, *values: object) -> psycopg.errors.Diagnostic:
    """What is said of a statement that is refused."""
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement.encode(), values or None)
    diag = caught.value.diag
    assert diag.message_detail and diag.message_hint
    return diag


def old_paths(conn: Connection) -> int:
    count = one(conn, "select count(*) from pg_proc where proname = '_write_rows_locked'")
    return int(count)


def test_what_is_missing_is_said(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        "select tandem.set_import_flag('items', 'percentage:50', p_denied => '{9}',"
        " p_kill_switch => true)"
    )
    import_id = submit(conn, [SHIRT])
    diag = refused(conn, RETIRE)
    assert diag.sqlstate == "TD081"
    assert diag.message_detail == (
        "its flag is percentage:50; its kill switch is on; denied the new path: 9; "
        f"imports of the old path that are not done: {import_id}. Nothing was done."
    )
    assert diag.message_hint is not None
    conn.execute(diag.message_hint.partition(";")[0].encode())
    assert "its flag" not in str(refused(conn, RETIRE).message_detail)
    conn.execute("call tandem.run_import(%s)", (import_id,))
    conn.execute(RETIRE.encode())
    assert one(conn, "select phase from tandem.mapping") == "retired"


def test_a_retired_path_cannot_be_taken_or_chosen(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute("select tandem.set_import_flag('items', 'false')")
    dead = submit(conn, [SHIRT])
    conn.execute("update tandem.import_job set state = 'dead', finished_at = now()")
    conn.execute("select tandem.set_import_flag('items', 'true')")
    conn.execute(RETIRE.encode())
    assert old_paths(conn) == 0
    assert one(conn, "select count(*) from tandem.import_flag") == 0
    assert one(
        conn,
        "select array_agg(after ->> 'value' order by change_id) from tandem.import_flag_change",
    ) == ["false", "true", None]
    for statement in (
        RETIRE,
        "select tandem.set_import_flag('items', 'false')",
        "select tandem.set_import_flag('items', p_kill_switch => true)",
        f"call tandem.run_import_locked({submit(conn, [SHIRT])})",
        f"call tandem.run_import({dead})",
        "select * from tandem.compare_import('items', '[]', p_header => '{name}',"
        " p_allow_lock => true)",
    ):
        assert refused(conn, statement).sqlstate == "TD080", statement
    assert (state(conn, dead), counts(conn, dead)) == ("dead", Counts())
    assert one(conn, "select decided_by from tandem.import_flag_of('items', 'x')") == "retired"
    assert counts(conn, run(conn, [SHIRT])) == Counts(inserted=1)


def test_a_deployment_does_not_bring_it_back(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(RETIRE.encode())
    deploy(conn, [items()])
    assert (old_paths(conn), one(conn, "select phase from tandem.mapping")) == (0, "retired")
    assert counts(conn, run(conn, [SHIRT])) == Counts(inserted=1)


def test_a_deployment_leaves_it_where_it_is_not_retired(import_db: Database) -> None:
    conn = import_db.owner()
    deploy(conn, [items()])
    assert old_paths(conn) == 1


def test_it_waits_for_an_import_that_is_being_submitted(import_db: Database) -> None:
    conn, other = import_db.owner(), import_db.owner()
    conn.execute("select tandem.set_import_flag('items', 'false')")
    other.autocommit = False
    submit(other, [SHIRT])
    conn.execute("select tandem.set_import_flag('items', 'true')")

    def retire() -> None:
        assert refused(conn, RETIRE).sqlstate == "TD081"

    watcher = import_db.owner()
    with in_background(conn, retire) as done:
        wait_for_lock_wait(watcher, conn.info.backend_pid)
        other.commit()
        done.result(30)


def test_it_is_for_an_import_whose_tables_are_ready(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute("update tandem.mapping set phase = 'deployed'")
    assert refused(conn, RETIRE).sqlstate == "TD002"
