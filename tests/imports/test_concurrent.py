"""Imports of the same names at once, with a session that works on those rows all the while."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from imports.jobs import Counts, counts, run, submit
from support.databases import Database
from support.locks import wait_for_lock_wait
from support.shop import one

WORKERS = 8
NAMES = 5000


@pytest.mark.slow
def test_opposite_orders_and_an_interactive_session(import_db: Database) -> None:
    """No job ends in a deadlock and none is tried again; an UPDATE waits for less than a batch."""
    conn = import_db.owner()
    rows = [
        {"name": f"Item {n}", "color": f"Colour {n % 7}", "size": str(n % 11), "price": "0"}
        for n in range(NAMES)
    ]
    run(conn, rows[::2])
    ids = []
    for worker in range(WORKERS):
        own = [row | {"price": str(worker)} for row in rows]
        ids.append(submit(conn, own[::-1] if worker % 2 else own, batch_rows=500))
    waits: list[float] = []
    over = threading.Event()

    def interact() -> None:
        session, rnd = import_db.owner(), random.Random(1)
        update = (
            "update item_variant as v set sku = 'by hand' from item_master as i"
            " where i.item_id = v.item_id and i.name = %s"
        )
        touch = "update item_master set description = 'by hand' where name = %s"
        while not over.is_set():
            for statement in (update, touch):
                begun = time.monotonic()
                session.execute(statement.encode(), (f"Item {rnd.randrange(NAMES)}",))
                waits.append(time.monotonic() - begun)

    def work(_: int) -> None:
        import_db.owner().execute("call tandem.work_imports()")

    with ThreadPoolExecutor(WORKERS + 1) as pool:
        interactive = pool.submit(interact)
        try:
            list(pool.map(work, range(WORKERS)))
        finally:
            over.set()
        interactive.result()
    jobs = conn.execute(
        "select state, tries, error_sqlstate from tandem.import_job where import_id = any (%s)",
        (ids,),
    ).fetchall()
    assert jobs == [("done", 0, None)] * WORKERS
    found = [counts(conn, each) for each in ids]
    assert [(each.failed, each.superseded, each.suppressed) for each in found] == [
        (0, 0, 0)
    ] * WORKERS
    assert sum(each.inserted for each in found) == NAMES // 2
    for table in ("item_master", "item_variant"):
        assert one(conn, f"select count(*) from {table}") == NAMES
    assert one(conn, "select count(*) from item_variant where price is null") == 0
    longest = "select max(milliseconds) / 1000.0 from tandem.run_batch where read_rows > 0"
    assert len(waits) > WORKERS
    assert max(waits) < 1.5 * float(one(conn, longest)) + 0.25


def test_an_import_locks_rows_alone(import_db: Database) -> None:
    """While a batch has written, others read, write and lock rows of all four tables."""
    conn, holder, importer = import_db.owner(), import_db.owner(), import_db.owner()
    rows = [{"name": f"Item {n}", "color": "Red", "size": "M", "price": "1"} for n in range(9)]
    run(conn, rows)
    conn.execute("update item_master set deleted_at = now() where name = 'Item 1'")
    conn.execute(
        """
        create function wait() returns trigger language plpgsql as $$
        begin
            perform pg_catalog.pg_advisory_xact_lock_shared(77);
            return null;
        end $$;
        create trigger wait after insert or update on item_variant
        for each statement execute function wait();
        """
    )
    holder.execute("select pg_advisory_lock(77)")
    changed = [
        row | {"description": "x", "price": "2", "color": f"C {n}"} for n, row in enumerate(rows)
    ]
    import_id = submit(conn, [*rows[:2], *changed])
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(importer.execute, f"call tandem.run_import({import_id})".encode())
        try:
            wait_for_lock_wait(conn, importer.info.backend_pid)
            held = conn.execute(
                """
                select relation::regclass::text, array_agg(distinct mode order by mode)
                from pg_locks where pid = %s and locktype = 'relation'
                    and relation::regclass::text = any (%s)
                group by 1 order by 1
                """,
                (
                    importer.info.backend_pid,
                    ["color_master", "size_master", "item_master", "item_variant"],
                ),
            ).fetchall()
            conn.execute(
                "set lock_timeout = '5s'; insert into color_master (color_name) values ('Other');"
                "insert into item_master (name) values ('Other');"
                "update size_master set size_name = 'M' where size_name = 'M'"
            )
        finally:
            holder.execute("select pg_advisory_unlock(77)")
        done.result()
    assert [table for table, _ in held] == [
        "color_master", "item_master", "item_variant", "size_master",
    ]  # fmt: skip
    assert {mode for _, modes in held for mode in modes} <= {
        "AccessShareLock",
        "RowShareLock",
        "RowExclusiveLock",
    }
    assert counts(conn, import_id) == Counts(inserted=9, updated=1, unchanged=1)
