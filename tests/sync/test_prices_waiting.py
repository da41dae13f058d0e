"""Prices that wait: for their time, for their row's batch, or for a row to be corrected."""

from __future__ import annotations

import threading
import time

import pytest

from support.databases import Connection, Database
from support.locks import wait_for_lock_wait
from support.shop import in_background, migrate, one
from sync.test_attacks import config, drift, in_force, run_sql, schedule, synced
from sync.test_way_forward import until_rows
from sync.test_ways_back import rolled_back_to


def row(owner: Connection) -> tuple[object, ...]:
    found = owner.execute("select amount, currency from tblproduct where productid = 1").fetchone()
    assert found is not None
    return found


CHANGES = {
    "currency": "update tblconfigprice set currency = 'CHF' where configid = %s",
    "delete": "delete from tblconfigprice where configid = %s",
    "begin": "update tblconfigprice set effectivefrom = effectivefrom - interval '1 day'"
    " where configid = %s",
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_waiting_amount(db: Database, change: str) -> None:
    """Rolled back; an old program writes amount 50. On the way forward, before the row's batch,
    a new program changes the currency (or the begin) of the old price row 10, or deletes that
    row. 50 is the newest amount anybody wrote and stays, as it does for status and sku."""
    owner = synced(db, 2)
    leaf = config(owner)
    owner.execute("call tandem.rollback('products')")
    db.old_app().execute("update tblproduct set amount = 50 where productid = 1")
    until_rows(owner)
    db.new_app().execute(CHANGES[change], (leaf,))
    migrate(owner)
    assert drift(owner) == []
    assert row(owner)[0] == 50


@pytest.mark.parametrize("change", list(CHANGES))
def test_rejected_rows_amount(db: Database, change: str) -> None:
    """Phase migrated, both directions on. An old program blanks the name and writes amount 50:
    rejected. A new program changes the old price row. The old program gives the row a name:
    50 is there."""
    owner = synced(db, 2)
    leaf = config(owner)
    old = db.old_app()
    old.execute("update tblproduct set productname = '', amount = 50 where productid = 1")
    db.new_app().execute(CHANGES[change], (leaf,))
    old.execute("update tblproduct set productname = 'Chair' where productid = 1")
    assert drift(owner) == []
    assert row(owner)[0] == 50


@pytest.mark.parametrize("mode", ["keep", "remove"])
def test_in_force_before_the_rollback(db: Database, mode: str) -> None:
    """A price of 99 is in force, apply_due has not been called since; rollback, migrate. Nobody
    wrote the flat row's price: 99 is still in force."""
    owner = synced(db, 1)
    leaf = config(owner)
    schedule(db.new_app(), leaf, 99, 0.3)
    time.sleep(0.5)
    owner.execute(f"call tandem.rollback('products', '{mode}')")
    migrate(owner)
    owner.execute("call tandem.apply_due('products')")
    assert in_force(owner, leaf) == 99
    assert row(owner)[0] == 99


def test_in_force_while_the_rollback_notes(db: Database) -> None:
    """A price comes into force while a rollback notes the rows: phase migrated, sync on, but
    apply_due is refused (TD010). Rollback ends, migrate: 99 is still in force."""
    owner = synced(db, 2)
    leaf = config(owner)
    schedule(owner, leaf, 99, 0.5)
    rolled_back_to(owner, "off", "keep", False)
    assert one(owner, "select phase from tandem.mapping") == "migrated"
    time.sleep(0.7)
    owner.execute("call tandem.rollback('products')")
    migrate(owner)
    owner.execute("call tandem.apply_due('products')")
    assert in_force(owner, leaf) == 99


def test_comes_while_rows_wait(db: Database) -> None:
    """A price is scheduled while the flat table is alone, and comes into force when the phase is
    syncing and rows wait for their batch: it is in force."""
    owner = synced(db, 2)
    leaf = config(owner)
    owner.execute("call tandem.rollback('products')")
    schedule(owner, leaf, 99, 3)
    until_rows(owner)
    assert one(owner, "select phase from tandem.mapping") == "syncing"
    assert one(owner, "select count(*) from tblconfigprice where effectivefrom < now()") < 3
    time.sleep(3.2)
    migrate(owner)
    owner.execute("call tandem.apply_due('products')")
    assert in_force(owner, leaf) == 99
    assert row(owner)[0] == 99


def test_comes_after_the_rows_batch(db: Database) -> None:
    """The same, scheduled while rolled back, when the row's batch is done and the run is not: no
    drift that apply_due leaves."""
    owner = synced(db, 2)
    leaf = config(owner)
    owner.execute("call tandem.rollback('products')")
    schedule(owner, leaf, 99, 3)
    until_rows(owner)
    migrate(owner, p_max_batches=1)
    time.sleep(3.2)
    migrate(owner)
    owner.execute("call tandem.apply_due('products')")
    assert drift(owner) == []
    assert row(owner)[0] == 99


def test_repair_notes_a_price_for_later(db: Database) -> None:
    """A price for later is written with triggers off (a restore). repair ends with drift 0; when
    its time comes apply_due applies it, there is no new drift."""
    owner = synced(db, 2)
    leaf = config(owner)
    su = db.superuser()
    su.execute("set session_replication_role = replica")
    schedule(su, leaf, 99, 2)
    su.execute("update tblconfig set sku = 'x' where configid = %s", (leaf,))
    owner.execute("call tandem.repair('products', 'hierarchy', p_dry_run => false)")
    assert drift(owner) == []
    time.sleep(2.2)
    owner.execute("call tandem.apply_due('products')")
    assert drift(owner) == []
    assert row(owner)[0] == 99


def test_comes_while_an_old_write_waits(db: Database) -> None:
    """99 comes into force while an old program's UPDATE of the currency alone waits for the
    leaf, which a new program holds: 99 is in force afterwards."""
    owner = synced(db, 1)
    leaf = config(owner)
    new, old = db.new_app(), db.old_app()
    schedule(new, leaf, 99, 1.5)
    new.execute("begin")
    new.execute("update tblconfig set notes = 'x' where configid = %s", (leaf,))
    thread = threading.Thread(target=lambda: old.execute("update tblproduct set currency = 'EUR'"))
    thread.start()
    time.sleep(2)
    assert thread.is_alive()
    new.execute("commit")
    thread.join()
    owner.execute("call tandem.apply_due('products')")
    assert drift(owner) == []
    assert row(owner) == (99, "EUR")


def test_committed_after_its_time(db: Database) -> None:
    """A new program inserts 99 for later and commits after that time; between, an old program
    writes the currency alone. 99 is in force, as the old program did not write the amount."""
    owner = synced(db, 1)
    leaf = config(owner)
    new, old = db.new_app(), db.old_app()
    new.execute("begin")
    schedule(new, leaf, 99, 0.5)
    time.sleep(0.7)
    with in_background(old, lambda: run_sql(old, "update tblproduct set currency = 'EUR'")) as work:
        wait_for_lock_wait(owner, old.info.backend_pid)
        new.execute("commit")
        work.result(20)
    owner.execute("call tandem.apply_due('products')")
    assert drift(owner) == []
    assert row(owner)[0] == 99
