"""More attacks on imports: cancels from beside."""

from __future__ import annotations

import time

import pytest

from imports.jobs import failures, submit
from imports.test_attacks import refused
from imports.test_slow_batches import ROWS, TOO_LONG, hangs, limited
from pgtandem import slow_batches
from pgtandem.connection import Target
from support.databases import Database
from support.locks import wait_until
from support.shop import in_background, one

# cancels from beside


def test_calls_in_one_transaction_cancel_nothing(import_db: Database) -> None:
    """Its mark is not there yet for the batch, to which the cancel would be that of a user."""
    conn, worker, watcher = limited(import_db, 1), import_db.owner(), import_db.owner()
    import_id = submit(conn, ROWS, batch_rows=1)

    def work() -> None:
        worker.execute("call tandem.run_import(%s)", (import_id,))

    with in_background(worker, work) as running:
        wait_until(lambda: hangs(conn), "the batch")
        time.sleep(1.1)
        with watcher.transaction():
            assert one(watcher, "select tandem.cancel_slow_batches()") == 0
            assert one(watcher, "select tandem.cancel_slow_batches()") == 0
        assert not running.done()
        while not running.done():
            watcher.execute("select tandem.cancel_slow_batches()")
            time.sleep(0.2)
        running.result()
    assert TOO_LONG[0] in failures(conn, import_id)


def test_who_sees_all_and_may_not_cancel_all_cancels_its_own(import_db: Database) -> None:
    """A role for monitoring has pg_read_all_stats, and not always pg_signal_backend."""
    conn, worker = limited(import_db, 1), import_db.owner()
    boss = import_db.superuser()
    boss.execute("select tandem.grant_to('new_app', 'operator')")
    boss.execute("grant pg_read_all_stats to new_app")
    import_id = submit(conn, ROWS, batch_rows=1)

    def work() -> None:
        worker.execute("call tandem.run_import(%s)", (import_id,))

    try:
        app = import_db.new_app()
        with in_background(worker, work) as running:
            wait_until(lambda: hangs(conn), "the batch")
            time.sleep(1.1)
            assert one(app, "select tandem.cancel_slow_batches()") == 0
            assert refused(app, "select tandem.cancel_slow_batches()") == ""
            assert not running.done()
            while not running.done():
                one(app, "select tandem.cancel_slow_batches()")
                conn.execute("select tandem.cancel_slow_batches()")
                time.sleep(0.2)
            running.result()
        assert TOO_LONG[0] in failures(conn, import_id)
    finally:
        boss.execute("revoke pg_read_all_stats from new_app")


def test_a_look_that_hangs_or_is_lost_keeps_no_command(
    import_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_batches, "GRACE_SECONDS", 1)
    monkeypatch.setattr(slow_batches, "AGAIN_SECONDS", 0.1)
    conn, other = import_db.owner(), import_db.owner()
    watch = "from pg_stat_activity where application_name = 'pgtandem watch'"
    watch += " and datname = current_database()"
    said: list[str] = []
    with slow_batches.slow_batches_cancelled(Target(import_db.owner_dsn, "a test"), said.append):
        wait_until(lambda: one(conn, f"select count(*) {watch}") == 1, "the first look")
        assert one(conn, f"select pg_terminate_backend(pid, 5000) {watch}") is True
        wait_until(lambda: one(conn, f"select count(*) {watch}") == 1, "another connection")
        other.execute("begin")
        other.execute("lock table tandem.slow_batch")
        query = f"select count(*) {watch} and wait_event_type = 'Lock'"
        wait_until(lambda: one(conn, query) == 1, "a look that hangs")
        begun = time.monotonic()
    assert time.monotonic() - begun < 4
    assert len(said) == 1
