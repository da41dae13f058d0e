"""Writes while the sync is being switched, and after a rollback that broke off between."""

from __future__ import annotations

import time

import pytest

from support.databases import Connection, Database
from support.shop import migrate, one
from sync.shops import sqlstate
from sync.test_attacks import config, drift, schedule, synced
from sync.test_way_forward import until_rows
from sync.test_ways_back import rolled_back_to


def broken_off(owner: Connection, mode: str) -> None:
    """A rollback that was killed when the sync was off."""
    rolled_back_to(owner, "columns", mode, False)


@pytest.mark.parametrize("mode", ["keep", "remove"])
def test_broken_off_rename_of_the_parent_left(db: Database, mode: str) -> None:
    """A rollback broke off with the sync off; an old program gave row 1 the name Chair. The way
    forward is migrate; before row 1's batch a new program renames Lamp: row 1 stays Chair."""
    owner = synced(db, 2)
    broken_off(owner, mode)
    db.old_app().execute("update tblproduct set productname = 'Chair' where productid = 1")
    until_rows(owner)
    db.new_app().execute("update tblbaseproduct set name = 'Lampe' where name = 'Lamp'")
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select array_agg(productname order by productid) from tblproduct") == [
        "Chair",
        "Lampe",
    ]


@pytest.mark.parametrize("mode", ["keep", "remove"])
def test_broken_off_rename_reaches_new_row(db: Database, mode: str) -> None:
    """A rollback broke off with the sync off; an old program inserted row 3 below Lamp. Before its
    batch a new program renames Lamp: row 3 is renamed as well, there is no second product."""
    owner = synced(db, 2)
    broken_off(owner, mode)
    db.old_app().execute(
        "insert into tblproduct (productid, productname, version, catalogname, configname)"
        " values (3, 'Lamp', '1', 'home', 'new')"
    )
    until_rows(owner)
    db.new_app().execute("update tblbaseproduct set name = 'Lampe' where name = 'Lamp'")
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select array_agg(name) from tblbaseproduct") == ["Lampe"]


@pytest.mark.parametrize("mode", ["keep", "remove"])
def test_broken_off_key_change(db: Database, mode: str) -> None:
    """A rollback broke off with the sync off; an old program changed row 2. On the way forward its
    key goes where no batch of the run comes: what it says reaches the hierarchy all the same."""
    owner = synced(db, 3)
    broken_off(owner, mode)
    old = db.old_app()
    old.execute("update tblproduct set sku = 'new' where productid = 2")
    until_rows(owner)
    migrate(owner, p_max_batches=1, p_batch_rows=1)
    old.execute("update tblproduct set productid = 1000 where productid = 2")
    migrate(owner)
    assert drift(owner) == []


def test_broken_off_overdue_price(db: Database) -> None:
    """A price of 99 came into force while the flat table was alone (a rollback broke off), later
    the old program wrote 50. On the way forward 50 stays."""
    owner = synced(db, 1)
    schedule(owner, config(owner), 99, 1.5)
    broken_off(owner, "keep")
    time.sleep(2)
    db.old_app().execute("update tblproduct set amount = 50")
    migrate(owner)
    assert one(owner, "select amount from tblproduct") == 50
    assert drift(owner) == []


def test_broken_off_write_leaves_what_waits(db: Database) -> None:
    """A rollback broke off with the sync off; status and amount of row 1 wait. A write of one
    leaves the other."""
    owner = synced(db, 3)
    broken_off(owner, "keep")
    old = db.old_app()
    old.execute("update tblproduct set amount = 20, status = 'off' where productid = 1")
    until_rows(owner)
    old.execute("update tblproduct set status = 'on' where productid = 1")
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select amount from tblproduct where productid = 1") == 20


# --- while the sync is being switched on, table by table ------------------------------------------


def until_switched(owner: Connection, table: str) -> None:
    """The way forward, paused when the sync of this table has just been switched on."""
    query = (
        "select count(*) from pg_trigger where tgrelid = %s::regclass"
        " and tgname = 'tandem_21_update' and tgenabled <> 'D'"
    )
    while not one(owner, query, table):
        migrate(owner, p_max_batches=1)
    assert one(owner, "select phase from tandem.mapping") == "prepared"


def test_switch_window_delete_of_a_new_leafs_row(db: Database) -> None:
    """tblconfig is switched on, tblproduct is not yet. A new program adds a leaf, which gets a flat
    row; an old program deletes that row. The leaf goes as well, as it does for any other row that
    was deleted while nothing was synced: drift is 0 after the run."""
    owner = synced(db, 2)
    owner.execute("call tandem.rollback('products')")
    until_switched(owner, "tblconfig")
    db.new_app().execute(
        "insert into tblconfig (catalogid, name) select catalogid, 'n' from tblcatalog"
    )
    assert db.old_app().execute("delete from tblproduct where configname = 'n'").rowcount == 1
    migrate(owner)
    assert drift(owner) == []


@pytest.mark.parametrize("side", ["new", "old"])
def test_switch_window_overdue_price(db: Database, side: str) -> None:
    """A price of 99 came into force while the flat table was alone, later the old program wrote 50.
    The way forward is just switching the sync on; a write of another column, from either side,
    leaves 50."""
    owner = synced(db, 1)
    leaf = config(owner)
    schedule(owner, leaf, 99, 1)
    owner.execute("call tandem.rollback('products')")
    time.sleep(1.2)
    old = db.old_app()
    old.execute("update tblproduct set amount = 50")
    until_switched(owner, "tblconfig" if side == "new" else "tblproduct")
    if side == "new":
        db.new_app().execute("update tblconfig set sku = 'x' where configid = %s", (leaf,))
    else:
        old.execute("update tblproduct set sku = 'x'")
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select amount from tblproduct") == 50


# --- while rows wait -----------------------------------------------------------------------------


@pytest.mark.parametrize("renamed", [False, True])
def test_move_of_a_waiting_leaf_leaves_the_product(db: Database, renamed: bool) -> None:
    """Lamp was renamed in the hierarchy while nothing was synced: the flat table, which says Lamp,
    has the say. Row 1's batch has made Lamp again, row 2 waits. A new program renames Lamp to Lux,
    which reaches both flat rows; then it moves leaf 2 to another catalog of the same version: the
    catalog of row 2 changes, and nothing else."""
    owner = synced(db, 2)
    owner.execute("call tandem.rollback('products')")
    new = db.new_app()
    new.execute("update tblbaseproduct set name = 'Lampe' where name = 'Lamp'")
    until_rows(owner)
    migrate(owner, p_max_batches=1, p_batch_rows=1)
    query = "select productname from tblproduct where productid = 2"
    if renamed:
        new.execute("update tblbaseproduct set name = 'Lux' where name = 'Lamp'")
        assert one(owner, query) == "Lux"
    new.execute(
        "with c as (insert into tblcatalog (versionid, name)"
        " select versionid, 'else' from tblproductversion join tblbaseproduct using (baseproductid)"
        " where tblbaseproduct.name = 'Lampe' returning *)"
        " update tblconfig set catalogid = c.catalogid from c where configid = %s",
        (config(owner, 2),),
    )
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, query) == ("Lux" if renamed else "Lamp")
    assert one(owner, query.replace("productname", "catalogname")) == "else"


def test_rename_while_a_rollback_switches_off(db: Database) -> None:
    """A rollback has switched tblbaseproduct off, tblproductversion not yet. A new program renames
    Lamp, which the flat table does not learn; an old program moves row 1 to another catalog, so
    Lamp is made again for it; then the new program renames Lamp's version, and that trigger is on:
    both flat rows, which say Lamp and 1, get the new version, not one of the two."""
    owner = synced(db, 2)
    rolled_back_to(owner, "off", "keep", False)
    run = one(owner, "select max(run_id) from tandem.run")
    query = (
        "select tgenabled = 'D' from pg_trigger where tgrelid = 'tblconfig'::regclass"
        " and tgname = 'tandem_21_update'"
    )
    while not one(owner, query):
        owner.execute("select tandem.rollback_step('products', %s, 100, null)", (run,))
    new = db.new_app()
    new.execute("update tblbaseproduct set name = 'Lampe' where name = 'Lamp'")
    db.old_app().execute("update tblproduct set catalogname = 'else' where productid = 1")
    done = new.execute(
        "update tblproductversion set version = 'v9' where baseproductid ="
        " (select baseproductid from tblbaseproduct where name = 'Lamp')"
    )
    assert done.rowcount == 1
    owner.execute("call tandem.rollback('products')")
    rows = "select array_agg(version order by productid) from tblproduct"
    assert one(owner, rows) == ["v9", "v9"]
    migrate(owner)
    assert drift(owner) == []


def test_broken_off_apply_due(db: Database) -> None:
    """The scheduler calls apply_due after a rollback broke off with the sync off. It is refused, as
    after a rollback that ended: the flat table is alone, and 50 was written later."""
    owner = synced(db, 1)
    schedule(owner, config(owner), 99, 1)
    broken_off(owner, "keep")
    time.sleep(1.2)
    db.old_app().execute("update tblproduct set amount = 50")
    assert sqlstate(owner, "call tandem.apply_due('products')") == "TD002"
    assert one(owner, "select amount from tblproduct") == 50
