"""Imports whose client, session or server is lost, or stands still: each row is in once, and the
counts are right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from imports.jobs import Counts, counts, items, state, submit, variants
from pgtandem.deploy import deploy
from pgtandem.server import ThrowawayServer
from support.cli import environment
from support.databases import Connection, Database, TestServer
from support.locks import wait_for_blocked_by, wait_for_end, wait_for_lock_wait, wait_until
from support.shop import one

ROWS = [{"name": f"Item {n}", "color": "Red", "price": str(n)} for n in range(30)]
ALL = Counts(inserted=30)

# the row with the price 15 is in the fourth batch of five
WAIT = """
create function wait() returns trigger language plpgsql as $$
begin
    perform pg_catalog.pg_advisory_xact_lock_shared(77);
    return null;
end $$;
"""
IN_A_BATCH = f"""{WAIT}
create trigger wait after insert on item_variant
for each row when (new.price = 15) execute function wait();
"""
# what the loop itself writes at a batch's end is deferred to the COMMIT
IN_COMMIT = f"""{WAIT}
create constraint trigger wait after insert on tandem.run_batch deferrable initially deferred
for each row when (new.batch = 4) execute function wait();
"""


@contextmanager
def in_background(conn: Connection, statement: str) -> Iterator[Future[object]]:
    """What is still under way when the test fails is cancelled."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(conn.execute, statement.encode())
        except BaseException:
            conn.cancel()
            raise


def assert_all_in_once(conn: Connection, import_id: int) -> None:
    assert (state(conn, import_id), counts(conn, import_id)) == ("done", ALL)
    assert sorted(int(row[4]) for row in variants(conn)) == list(range(30))
    for table in ("item_master", "item_variant"):
        assert one(conn, f"select count(*) from {table}") == 30
    assert one(conn, "select count(*) from color_master") == 1
    read = "select sum(read_rows) from tandem.run_batch where read_rows > 0"
    assert one(conn, read) == 30


def is_at_the_fourth(conn: Connection) -> None:
    wait_until(lambda: one(conn, "select max(next_row) from tandem.import_job") == 16, "batch 4")


@pytest.mark.parametrize("where", ["in a batch", "in COMMIT"])
def test_a_session_that_is_ended(import_db: Database, where: str) -> None:
    conn, holder, worker = import_db.owner(), import_db.owner(), import_db.owner()
    conn.execute((IN_A_BATCH if where == "in a batch" else IN_COMMIT).encode())
    import_id = submit(conn, ROWS, batch_rows=5)
    holder.execute("select pg_advisory_lock(77)")
    pid = worker.info.backend_pid
    with in_background(worker, "call tandem.work_imports()") as lost:
        wait_for_blocked_by(conn, pid, holder.info.backend_pid)
        before = one(conn, "select next_row from tandem.import_job")
        conn.execute("select pg_terminate_backend(%s)", (pid,))
        with pytest.raises(psycopg.OperationalError):
            lost.result()
    wait_for_end(conn, pid)
    holder.execute("select pg_advisory_unlock(77)")
    assert one(conn, "select next_row from tandem.import_job") == before
    assert 1 < before < 31
    assert len(variants(conn)) == before - 1
    conn.execute("call tandem.work_imports()")
    assert_all_in_once(conn, import_id)


@contextmanager
def between_two_batches(db: Database) -> Iterator[tuple[Connection, Connection, Future[object]]]:
    """A worker that has committed its fourth batch and waits without the lock of its run: it reads
    the settings, which another session has locked. Yields the worker, that session, the call."""
    conn, holder, keeper, worker = db.owner(), db.owner(), db.owner(), db.owner()
    conn.execute(IN_A_BATCH.encode())
    submit(conn, ROWS, batch_rows=5)
    holder.execute("select pg_advisory_lock(77)")
    pid = worker.info.backend_pid
    with in_background(worker, "call tandem.work_imports()") as done:
        wait_for_blocked_by(conn, pid, holder.info.backend_pid)
        with in_background(
            keeper, "begin; lock table tandem.setting in access exclusive mode"
        ) as locked:
            wait_for_blocked_by(conn, keeper.info.backend_pid, pid)
            holder.execute("select pg_advisory_unlock(77)")
            locked.result()
        wait_for_blocked_by(conn, pid, keeper.info.backend_pid)
        assert one(conn, "select next_row from tandem.import_job") == 21
        held = "select count(*) from pg_locks where pid = %s and locktype = 'advisory'"
        assert one(conn, held, pid) == 0
        yield worker, keeper, done


def test_a_session_that_is_ended_between_two_batches(import_db: Database) -> None:
    conn = import_db.owner()
    with between_two_batches(import_db) as (worker, keeper, lost):
        pid = worker.info.backend_pid
        conn.execute("select pg_terminate_backend(%s)", (pid,))
        with pytest.raises(psycopg.OperationalError):
            lost.result()
        wait_for_end(conn, pid)
        keeper.rollback()
    conn.execute("call tandem.work_imports()")
    assert_all_in_once(conn, 1)


def test_a_client_that_is_killed(import_db: Database) -> None:
    """Its session goes on until it has something to say to the client, and may do all."""
    conn, holder = import_db.owner(), import_db.owner()
    conn.execute(IN_A_BATCH.encode())
    import_id = submit(conn, ROWS, batch_rows=5, durable=False)
    holder.execute("select pg_advisory_lock(77)")
    program = (
        "import psycopg, sys\n"
        "psycopg.connect(sys.argv[1], autocommit=True, application_name='killed')"
        ".execute('call tandem.run_import(1)')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, import_db.owner_dsn], env=environment(None)
    ) as client:
        is_at_the_fourth(conn)
        pid = one(conn, "select pid from pg_stat_activity where application_name = 'killed'")
        wait_for_lock_wait(conn, pid)
        client.kill()
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("call tandem.run_import(%s)", (import_id,))
    assert caught.value.sqlstate == "TD010"
    holder.execute("select pg_advisory_unlock(77)")
    wait_for_end(conn, pid)
    if state(conn, import_id) != "done":
        conn.execute("call tandem.run_import(%s)", (import_id,))
    assert_all_in_once(conn, import_id)


@contextmanager
def stopped(db: Database, worker: Connection) -> Iterator[None]:
    """The process of a session stands still."""
    if db.server.kind != "embedded":
        pytest.skip("the server's processes are not ours to stop")
    pid = worker.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_session_that_stands_still_in_a_batch_keeps_its_import(import_db: Database) -> None:
    """It holds the lock of its run: nobody takes it over, however long that is."""
    conn, holder, worker = import_db.owner(), import_db.owner(), import_db.owner()
    conn.execute(IN_A_BATCH.encode())
    import_id = submit(conn, ROWS, batch_rows=5, timeout_seconds=1000)
    holder.execute("select pg_advisory_lock(77)")
    with in_background(worker, "call tandem.work_imports()") as done:
        wait_for_blocked_by(conn, worker.info.backend_pid, holder.info.backend_pid)
        with stopped(import_db, worker):
            holder.execute("select pg_advisory_unlock(77)")
            conn.execute("call tandem.work_imports()")
            with pytest.raises(psycopg.Error) as caught:
                conn.execute("call tandem.run_import(%s)", (import_id,))
            assert caught.value.sqlstate == "TD010"
            assert (state(conn, import_id), counts(conn, import_id).inserted) == ("running", 15)
        done.result()
    assert_all_in_once(conn, import_id)
    assert one(conn, "select max(attempt) from tandem.run where kind = 'run_import'") == 1


@pytest.mark.parametrize("ends", [True, False])
def test_a_session_that_stood_still_between_two_batches_was_replaced(
    import_db: Database, ends: bool
) -> None:
    """Awake again, it learns that before it writes anything."""
    conn = import_db.owner()
    with between_two_batches(import_db) as (worker, keeper, zombie):
        with stopped(import_db, worker):
            keeper.rollback()
            if ends:
                conn.execute("call tandem.work_imports()")
            else:
                conn.execute("call tandem.run_import(1, p_max_batches => 1)")
            there = one(conn, "select next_row from tandem.import_job")
        with pytest.raises(psycopg.Error) as caught:
            zombie.result()
    assert caught.value.sqlstate == "TD011"
    assert one(conn, "select next_row from tandem.import_job") == there == (31 if ends else 26)
    if not ends:
        assert state(conn, 1) == "queued"
        conn.execute("call tandem.work_imports()")
    assert_all_in_once(conn, 1)


@pytest.mark.slow
@pytest.mark.parametrize("durable", [True, False])
def test_a_server_that_crashes(durable: bool) -> None:
    """What a worker is to do goes on; what somebody had at hand has to be handed in again."""
    with ThrowawayServer() as embedded:
        own = TestServer(embedded.conninfo(), embedded.binaries, "embedded", embedded)
        own.make_roles()
        with own.clone(None) as db:
            conn, worker = db.owner(), db.owner()
            deploy(conn, [items()])
            conn.execute("call tandem.prepare('items')")
            conn.execute(IN_A_BATCH.encode())
            import_id = submit(conn, ROWS, batch_rows=5, durable=durable)
            holder = db.owner()
            holder.execute("select pg_advisory_lock(77)")
            with in_background(worker, f"call tandem.run_import({import_id})") as lost:
                wait_for_blocked_by(conn, worker.info.backend_pid, holder.info.backend_pid)
                embedded.kill()
                with pytest.raises(psycopg.OperationalError):
                    lost.result()
            embedded.start()
            conn = db.owner()
            assert len(variants(conn)) == 15
            assert (state(conn, import_id), counts(conn, import_id).inserted) == ("running", 15)
            if durable:
                conn.execute("call tandem.work_imports()")
                assert_all_in_once(conn, import_id)
                return
            with pytest.raises(psycopg.Error) as caught:
                conn.execute("call tandem.run_import(%s)", (import_id,))
            assert (caught.value.sqlstate, state(conn, import_id)) == ("TD062", "dead")
            again = submit(conn, ROWS, batch_rows=5)
            conn.execute("call tandem.run_import(%s)", (again,))
            assert counts(conn, again) == Counts(inserted=15, unchanged=15)
            assert len(variants(conn)) == 30
