"""`pgtandem worker` as a process: woken, stopped cleanly, killed, without its server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from imports.jobs import Counts, counts, state, submit
from imports.test_worker import ROWS, WAIT_AT
from support.databases import Database
from support.locks import wait_until
from support.shop import Connection, one


@contextmanager
def worker(db: Database, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A worker's process; it is killed in the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pgtandem", "--dsn", db.owner_dsn, "worker", *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def known(conn: Connection) -> int:
    """How many workers say that they are there."""
    return int(one(conn, "select count(*) from tandem.import_worker"))


def test_it_does_what_there_is_and_ends(import_db: Database) -> None:
    conn = import_db.owner()
    ids = [submit(conn, [row]) for row in ROWS[:3]]
    with worker(import_db, "--once") as process:
        assert process.wait(60) == 0
    assert [state(conn, each) for each in ids] == ["done"] * 3
    assert known(conn) == 0


def test_it_is_woken_by_an_import_and_ends_when_told_to(import_db: Database) -> None:
    conn = import_db.owner()
    with worker(import_db, "--poll", "3600") as process:
        wait_until(lambda: known(conn) == 1, "a worker")
        import_id = submit(conn, ROWS)
        wait_until(lambda: state(conn, import_id) == "done", "the import")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert known(conn) == 0


def test_it_ends_between_two_batches(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(WAIT_AT)
    holder = import_db.owner()
    holder.execute("begin; select pg_advisory_xact_lock(77)")
    import_id = submit(conn, ROWS, batch_rows=5)
    where = "select next_row from tandem.import_job"
    with worker(import_db) as process:
        wait_until(lambda: one(conn, where) == 16, "batch 4")
        process.send_signal(signal.SIGTERM)
        stopping = "select stop_requested from tandem.import_worker"
        wait_until(lambda: bool(one(conn, stopping)), "a worker that stops")
        holder.rollback()
        assert process.wait(60) == 0
    assert state(conn, import_id) == "queued"
    assert 16 < one(conn, where) < 31
    with worker(import_db, "--once") as process:
        assert process.wait(60) == 0
    assert counts(conn, import_id) == Counts(inserted=30)


def test_another_one_goes_on_when_it_is_killed(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(WAIT_AT)
    holder = import_db.owner()
    holder.execute("begin; select pg_advisory_xact_lock(77)")
    import_id = submit(conn, ROWS, batch_rows=5)
    with worker(import_db) as process:
        wait_until(lambda: one(conn, "select next_row from tandem.import_job") == 16, "batch 4")
        pid = one(conn, "select backend_pid from tandem.import_worker")
        process.kill()
        process.wait(60)
    conn.execute("select pg_terminate_backend(%s)", (pid,))
    holder.rollback()
    with worker(import_db, "--poll", "1"):
        wait_until(lambda: state(conn, import_id) == "done", "the import")
    assert counts(conn, import_id) == Counts(inserted=30)


def test_it_connects_again_when_its_session_is_lost(import_db: Database) -> None:
    conn = import_db.owner()
    with worker(import_db, "--poll", "1"):
        wait_until(lambda: known(conn) == 1, "a worker")
        pid = one(conn, "select backend_pid from tandem.import_worker")
        conn.execute("select pg_terminate_backend(%s)", (pid,))
        import_id = submit(conn, ROWS)
        wait_until(lambda: state(conn, import_id) == "done", "the import")
        assert one(conn, "select max(backend_pid) from tandem.import_worker") != pid


def test_a_role_that_may_not_is_told_so(import_db: Database) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "pgtandem", "--dsn", import_db.old_app_dsn, "worker", "--once"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 1
    assert "42501" in process.stderr
