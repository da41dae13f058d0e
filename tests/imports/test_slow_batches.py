"""A batch that takes too long is ended from beside, and its rows are found out; a run is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from imports.jobs import Counts, counts, failures, run, state, submit, variants
from imports.test_worker_command import worker
from support.databases import Connection, Database
from support.locks import wait_until
from support.shop import in_background, one

ROWS = [{"name": "Shirt", "size": str(n), "quantity": str(n)} for n in range(6)]
HANGS = """
create function hang() returns trigger language plpgsql as $$
begin
    if new.quantity = 4 then perform pg_sleep(60); end if;
    return new;
end $$;
create trigger hang before insert on item_variant for each row execute function hang();
"""
TOO_LONG = [(5, None, "57014", "it took longer than 1 s")]


def limited(db: Database, seconds: int) -> Connection:
    """A shop where a row hangs, and a batch may take so long."""
    conn = db.owner()
    conn.execute(HANGS.encode())
    conn.execute("set statement_timeout = '60s'")  # should nobody end it
    conn.execute(
        "update tandem.setting set value = %s where name = 'import_batch_timeout_seconds'",
        (seconds,),
    )
    return conn


@contextmanager
def watched(conn: Connection) -> Iterator[None]:
    """Batches that take too long are cancelled meanwhile, over this session."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            conn.execute("select tandem.cancel_slow_batches()")

    with in_background(conn, look) as looking:
        try:
            yield
        finally:
            over.set()
            looking.result()


def hangs(conn: Connection) -> bool:
    """Whether a session is in the trigger."""
    query = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
    return bool(one(conn, query + " and datname = current_database()"))


def test_a_row_that_hangs_is_rejected_and_the_others_are_written(import_db: Database) -> None:
    conn = limited(import_db, 1)
    with watched(import_db.owner()):
        import_id = run(conn, ROWS, batch_rows=4)
    assert (state(conn, import_id), failures(conn, import_id)) == ("done", TOO_LONG)
    assert counts(conn, import_id) == Counts(inserted=5, failed=1)
    assert len(variants(conn)) == 5
    assert one(conn, "select hint from tandem.rejected_row").startswith("Look at what your")
    assert one(conn, "select count(*) from tandem.slow_batch") == 0


def test_a_worker_ends_its_slow_batches_itself(import_db: Database) -> None:
    conn = limited(import_db, 1)
    import_id = submit(conn, ROWS, batch_rows=1)
    with worker(import_db, "--once") as process:
        assert process.wait(60) == 0
    assert (state(conn, import_id), failures(conn, import_id)) == ("done", TOO_LONG)


@pytest.mark.parametrize("seconds", [0, 600])
def test_a_cancel_within_the_time_ends_the_run(import_db: Database, seconds: int) -> None:
    conn, worker = limited(import_db, seconds), import_db.owner()
    import_id = submit(conn, ROWS)

    def work() -> None:
        worker.execute("call tandem.run_import(%s)", (import_id,))

    with in_background(worker, work) as running:
        wait_until(lambda: hangs(conn), "the batch")
        assert one(conn, "select tandem.cancel_slow_batches()") == 0
        assert one(conn, "select tandem.cancel_slow_batches()") == 0
        assert not running.done()
        worker.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            running.result()
    assert one(conn, "select count(*) from tandem.rejected_row") == 0
    conn.execute("drop trigger hang on item_variant")
    conn.execute("call tandem.run_import(%s)", (import_id,))
    assert counts(conn, import_id) == Counts(inserted=6)


def test_a_mark_that_came_too_late_does_not_hide_a_cancel(import_db: Database) -> None:
    """The batch had ended when it was to be cancelled; the next one is somebody else's matter."""
    conn, worker = limited(import_db, 600), import_db.owner()
    import_id = submit(conn, ROWS)

    def work() -> None:
        worker.execute("call tandem.run_import(%s)", (import_id,))

    with in_background(worker, work) as running:
        wait_until(lambda: hangs(conn), "the batch")
        conn.execute(
            "select tandem._mark_slow_batch(r.run_id, now()) from tandem.run as r"
            " where r.kind = 'run_import'"
        )
        worker.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            running.result()


def test_what_takes_one_transaction_has_the_time_of_its_import(import_db: Database) -> None:
    conn = limited(import_db, 1)
    import_id = submit(conn, ROWS, timeout_seconds=3)
    with watched(import_db.owner()), pytest.raises(psycopg.Error) as caught:
        conn.execute("call tandem.run_import_locked(%s)", (import_id,))
    assert caught.value.sqlstate == "TD061"
    assert (state(conn, import_id), variants(conn)) == ("dead", set())
    conn.execute("drop trigger hang on item_variant")
    conn.execute("call tandem.run_import_locked(%s)", (import_id,))
    assert counts(conn, import_id) == Counts(inserted=6)


def test_a_purge_takes_marks_with_their_imports(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, ROWS)
    conn.execute(
        "select tandem._mark_slow_batch(r.run_id, now()) from tandem.run as r"
        " where r.kind = 'run_import'"
    )
    conn.execute("call tandem.purge('0 seconds')")
    assert one(conn, "select count(*) from tandem.slow_batch") == 0
