"""More attacks on imports: cancels from beside, and what an undo takes for its own."""

from __future__ import annotations

import time

import psycopg
import pytest

from imports.jobs import failures, run, state, submit
from imports.test_attacks import accounted, refused
from imports.test_slow_batches import ROWS, TOO_LONG, hangs, limited
from pgtandem import slow_batches
from pgtandem.connection import Target
from support.databases import Database
from support.locks import wait_for_lock_wait, wait_until
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


def test_one_of_two_watchers_cancels_a_batch_and_once(import_db: Database) -> None:
    """A second cancel would meet the loop outside of the batch, and end the import."""
    conn, worker, first, second = (import_db.owner() for _ in range(4))
    limited(import_db, 1)
    # the batch lives on, as one does for a moment whose rows are being rolled back
    conn.execute(
        "create or replace function hang() returns trigger language plpgsql as $$ begin"
        " begin perform pg_sleep(60); exception when query_canceled then perform pg_sleep(2); end;"
        " return new; end $$"
    )
    import_id = submit(conn, ROWS[:1])

    def work() -> None:
        worker.execute("call tandem.run_import(%s)", (import_id,))

    with in_background(worker, work) as running:
        wait_until(lambda: hangs(conn), "the batch")
        time.sleep(1.1)
        assert one(first, "select tandem.cancel_slow_batches()") == 0
        with first.transaction():
            assert one(first, "select tandem.cancel_slow_batches()") == 1
            assert one(second, "select tandem.cancel_slow_batches()") == 0
        assert one(second, "select tandem.cancel_slow_batches()") == 0
        assert one(first, "select tandem.cancel_slow_batches()") == 0
        running.result()
    assert state(conn, import_id) == "done"


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


# what an undo takes for its own

COUNTS = """
alter table item_master add variants integer not null default 0;
create function count_variants() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        update public.item_master set variants = variants + 1 where item_id = new.item_id;
    else
        update public.item_master set variants = variants - 1 where item_id = old.item_id;
    end if;
    return null;
end $$;
create trigger count_variants after insert or delete on item_variant
for each row execute function count_variants();
"""


def test_an_edit_that_a_trigger_of_another_table_wrote_over_is_not_lost(
    import_db: Database,
) -> None:
    """The undo of a variant has the trigger write its item again, before the item's turn."""
    conn = import_db.owner()
    conn.execute(COUNTS.encode())
    conn.execute("alter table item_master add notes text")
    first = run(conn, [{"name": "A", "size": "1"}])
    conn.execute("update item_master set notes = 'an app''s'")
    second = run(conn, [{"name": "A", "size": "2"}])
    conn.execute("call tandem.undo_import(%s)", (second,))
    conn.execute("call tandem.undo_import(%s)", (first,))
    assert one(conn, "select count(*) from item_master where notes = 'an app''s'") == 1


def test_an_import_that_was_handed_in_first_and_ran_last_hinders_no_undo(
    import_db: Database,
) -> None:
    conn = import_db.owner()
    late = submit(conn, [{"name": "A", "description": "a"}])
    early = run(conn, [{"name": "A", "description": "b"}])
    conn.execute("call tandem.run_import(%s)", (late,))
    conn.execute("call tandem.undo_import(%s)", (late,))
    conn.execute("call tandem.undo_import(%s)", (early,))
    assert one(conn, "select count(*) from item_master") == 0


@pytest.mark.parametrize("path", ["run_import", "run_import_locked"])
@pytest.mark.parametrize("is_undone", [True, False])
def test_an_edit_that_an_import_wrote_over_is_not_lost(
    import_db: Database, path: str, *, is_undone: bool
) -> None:
    """What the import and its undo have written since hides no edit of another column."""
    conn = import_db.owner()
    conn.execute("alter table item_master add notes text")
    first = run(conn, [{"name": "A", "description": "a"}])
    conn.execute("update item_master set notes = 'an app''s'")
    second = submit(conn, [{"name": "A", "description": "b"}])
    conn.execute(f"call tandem.{path}({second})".encode())
    if is_undone:
        conn.execute("call tandem.undo_import(%s)", (second,))
    else:
        third = submit(conn, [{"name": "A", "description": "a"}])
        conn.execute(f"call tandem.{path}({third})".encode())
    conn.execute("call tandem.undo_import(%s)", (first,))
    assert one(conn, "select count(*) from item_master where notes = 'an app''s'") == 1


def test_an_edit_that_an_undo_wrote_over_is_not_lost(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute("alter table item_master add notes text")
    first = run(conn, [{"name": "A", "description": "a"}])
    second = run(conn, [{"name": "A", "description": "b"}])
    conn.execute("update item_master set notes = 'an app''s'")
    conn.execute("call tandem.undo_import(%s)", (second,))
    conn.execute("call tandem.undo_import(%s)", (first,))
    assert one(conn, "select count(*) from item_master where notes = 'an app''s'") == 1


@pytest.mark.parametrize("path", ["run_import", "run_import_locked"])
def test_rows_that_smaller_batches_found_out_hinder_no_undo(import_db: Database, path: str) -> None:
    conn = import_db.owner()
    conn.execute(
        "create function bad() returns trigger language plpgsql as $$ begin"
        " if new.quantity = 4 then raise exception 'bad'; end if; return new; end $$;"
        "create trigger bad before insert on item_variant for each row execute function bad()"
    )
    rows = [{"name": str(n // 3), "size": str(n), "quantity": str(n)} for n in range(12)]
    import_id = submit(conn, rows, batch_rows=4)
    conn.execute(f"call tandem.{path}({import_id})".encode())
    accounted(conn, import_id)
    assert state(conn, import_id) == "done"
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert one(conn, "select count(*) from item_master") == 0


def test_a_purge_leaves_an_import_that_is_being_undone(import_db: Database) -> None:
    """Else the undo ends half way, or says that it is done, and can never go on."""
    conn, app, worker = (import_db.owner() for _ in range(3))
    import_id = run(conn, [{"name": str(n)} for n in range(30)], batch_rows=5)

    def undo() -> None:
        worker.execute("call tandem.undo_import(%s)", (import_id,))

    app.execute("begin")
    app.execute("select from item_master where name = '12' for update")
    with in_background(worker, undo) as undoing:
        wait_for_lock_wait(conn, worker.info.backend_pid)
        conn.execute("call tandem.purge('0 seconds')")
        app.execute("commit")
        undoing.result()
    assert one(conn, "select count(*) from item_master") == 0
    conn.execute("call tandem.purge('0 seconds')")
    assert one(conn, "select count(*) from tandem.import_job") == 0


def test_an_undo_whose_import_is_purged_says_so(import_db: Database) -> None:
    """The purge was first, and has not yet committed when the undo begins."""
    conn, purger, worker = (import_db.owner() for _ in range(3))
    import_id = run(conn, [{"name": str(n)} for n in range(30)], batch_rows=5)

    def undo() -> None:
        worker.execute("call tandem.undo_import(%s)", (import_id,))

    purger.execute("begin")
    purger.execute("select tandem._purge_imports(clock_timestamp(), 5000)")
    with in_background(worker, undo) as undoing:
        wait_for_lock_wait(conn, worker.info.backend_pid)
        purger.execute("commit")
        with pytest.raises(psycopg.errors.NoDataFound):
            undoing.result()
    assert one(conn, "select count(*) from item_master") == 30
