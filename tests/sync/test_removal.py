"""A row of another table that comes while the hierarchy is taken out."""

from __future__ import annotations

import threading
import time

import psycopg

from support.databases import Database
from support.shop import one
from sync.test_attacks import config, synced


def test_row_committed_while_a_batch_waits(db: Database) -> None:
    """stock hangs on tblconfig by ON DELETE CASCADE and is empty. A program inserts its first
    row just when rollback(remove) comes, and commits while the batch waits for that leaf: the
    rollback refuses (TD018), or the row is there; it is not deleted in silence."""
    owner = synced(db, 2)
    leaf = config(owner)
    owner.execute("create table stock (configid uuid references tblconfig on delete cascade)")
    owner.execute("grant insert, select on stock to new_app")
    new, su = db.new_app(), db.superuser()
    new.execute("begin")
    new.execute("insert into stock values (%s)", (leaf,))
    errors: list[psycopg.Error] = []
    runner = db.owner()

    def run() -> None:
        try:
            runner.execute("call tandem.rollback('products', 'remove')")
        except psycopg.Error as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    query = (
        "select count(*) from pg_stat_activity as a where a.pid = %s and a.wait_event_type = 'Lock'"
        " and exists (select from pg_locks as l where l.pid = a.pid"
        " and l.relation = 'tblconfig'::regclass and l.mode = 'RowShareLock')"
    )
    while not one(su, query, runner.info.backend_pid) and thread.is_alive():
        time.sleep(0.005)
    new.execute("commit")
    thread.join()
    assert one(owner, "select count(*) from stock") == 1, errors
    assert [error.sqlstate for error in errors] == ["TD018"]
