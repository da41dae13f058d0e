"""Attacks on the ways back, on kept rows, on names and on sessions' settings."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgtandem.deploy import deploy
from pgtandem.mapping import parse_mapping
from support.databases import Connection, Database
from support.locks import wait_for_lock_wait
from support.shop import in_background, migrate, one
from sync.shops import Shop, products, sqlstate
from sync.test_attacks import ROW, config, drift, run_sql, synced


def noted(owner: Connection, key: int, text: str) -> Any:
    """Give the leaf of a flat row a note, which the flat table cannot hold; its id."""
    leaf = config(owner, key)
    owner.execute("update tblconfig set notes = %s where configid = %s", (text, leaf))
    return leaf


def notes(owner: Connection, key: int) -> Any:
    return one(
        owner,
        "select notes from tblconfig join tblproduct using (configid) where productid = %s",
        key,
    )


# --- rollback: whose row is it ---------------------------------------------------------------


def test_a_key_taken_over_after_a_rollback_keeps_its_own_leaf(db: Database) -> None:
    """Row 1 takes the key of row 2, which was deleted. `remove` keeps leaf 2 last, under that key, so
    the way forward gives row 1 the id, notes and prices of the deleted row; its own are orphans."""
    owner = synced(db, 2)
    first = noted(owner, 1, "one")
    noted(owner, 2, "two")
    owner.execute("call tandem.rollback('products')")
    old = db.old_app()
    old.execute("delete from tblproduct where productid = 2")
    old.execute("update tblproduct set productid = 2 where productid = 1")
    owner.execute("call tandem.rollback('products', 'remove', p_drop_columns => true)")
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert notes(owner, 2) == "one"
    assert config(owner, 2) == first


def test_a_resumed_rollback_keeps_the_leaf_of_a_key_that_another_row_had_meanwhile(
    db: Database,
) -> None:
    """The rollback was killed after its notes; days later it is called again. In between row 1 lent its
    key to row 2, which was then deleted. The deleted leaf is kept later than the note."""
    owner = synced(db, 2)
    first = noted(owner, 1, "one")
    noted(owner, 2, "two")
    run = one(
        owner,
        "select run_id from tandem._run_begin('rollback', 'products', %s)",
        Jsonb({"hierarchy": "keep", "drop_columns": True, "on_reject": "stop"}),
    )
    for _ in range(2):
        cursor = one(owner, "select (tandem.rollback_step('products', %s, 100, null)).cursor", run)
        owner.execute("update tandem.run set cursor = %s where run_id = %s", (Jsonb(cursor), run))
    old = db.old_app()
    old.execute("update tblproduct set productid = 50 where productid = 1")
    old.execute("update tblproduct set productid = 1 where productid = 2")
    old.execute("delete from tblproduct where productid = 1")
    old.execute("update tblproduct set productid = 1 where productid = 50")
    assert drift(owner) == []
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    assert one(owner, "select attempt from tandem.run where run_id = %s", run) == 2
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert notes(owner, 1) == "one"
    assert config(owner, 1) == first


# --- lost column values ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["delete", "rollback"])
def test_a_price_that_is_being_changed_is_kept_as_it_was_committed(db: Database, how: str) -> None:
    """_keep locks the leaf and reads its prices; a price that another session is just changing is read
    as it was, waited for by the DELETE, and deleted as it is. The kept copy is the old one."""
    owner = synced(db)
    new, worker = db.new_app(), db.old_app() if how == "delete" else db.owner()
    if how == "rollback":
        owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    new.execute("begin")
    new.execute("update tblconfigprice set note = 'mine'")
    text = {
        "delete": "delete from tblproduct",
        "rollback": "call tandem.rollback('products', 'remove')",
    }[how]
    with in_background(worker, lambda: run_sql(worker, text)) as run:
        wait_for_lock_wait(owner, worker.info.backend_pid)
        new.execute("commit")
        run.result(60)
    if how == "delete":
        db.old_app().execute(ROW, (1,))
    else:
        migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select note from tblconfigprice") == "mine"


def test_kept_values_do_not_depend_on_the_datestyle_of_who_deletes(db: Database) -> None:
    """An unmapped range of dates is kept by the deleting session's DateStyle and read by another's:
    February 1st comes back as January 2nd."""
    owner = synced(db)
    owner.execute("alter table tblconfig add validity daterange, add weight float8")
    owner.execute(
        "update tblconfig set validity = '[2026-02-01,2026-03-05)', weight = 0.1::float8 + 0.2"
    )
    before = owner.execute("select validity, weight from tblconfig").fetchone()
    old = db.old_app()
    old.execute("set datestyle = 'SQL, DMY'")
    old.execute("set extra_float_digits = 0")
    old.execute("delete from tblproduct")
    db.old_app().execute(ROW, (1,))
    assert owner.execute("select validity, weight from tblconfig").fetchone() == before


# --- stuck -----------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [1, 3])
def test_a_parent_comes_back_together_with_what_was_below_it(db: Database, levels: int) -> None:
    """Between two batches a new program deletes what has just come back and has no leaf yet. Kept
    children must not be left without their parent: the way forward would be closed."""
    owner = synced(db, 2)
    owner.execute("update tblcatalog set description = 'mine'")
    owner.execute("call tandem.rollback('products', 'remove')")
    while not one(owner, "select count(*) from tblbaseproduct"):
        migrate(owner, p_max_batches=1)
    new = db.new_app()
    for table in ("tblcatalog", "tblproductversion", "tblbaseproduct")[-levels:]:
        state = sqlstate(new, f"delete from {table}")
        assert state == ("23503" if levels == 1 else None)
    migrate(owner)
    assert one(owner, "select count(*) from tandem.rejected_row where resolved_at is null") == 0
    assert one(owner, "select count(*) from tblconfig") == 2
    expected = "mine" if levels == 1 else None
    assert one(owner, "select description from tblcatalog") == expected
    assert drift(owner) == []


# --- roles -----------------------------------------------------------------------------------


def test_an_operator_does_not_steer_an_admins_rollback(db: Database) -> None:
    """An interrupted rollback that keeps the hierarchy; an operator, who may not roll back, writes its
    cursor. The admin's same CALL goes on in the stage that removes the hierarchy."""
    owner = synced(db, 3)
    owner.execute("select tandem.grant_to('old_app', 'operator')")
    run = one(
        owner,
        "select run_id from tandem._run_begin('rollback', 'products', %s)",
        Jsonb({"hierarchy": "keep", "drop_columns": False, "on_reject": "stop"}),
    )
    state = sqlstate(
        db.old_app(),
        'select tandem._run_batch(%s, 1, row(false, \'{"stage": "levels"}\', 0, 0, 0, 0, null,'
        " null)::tandem.step_result, 0, 0)",
        (run,),
    )
    owner.execute("call tandem.rollback('products')")
    assert one(owner, "select count(*) from tblconfig") == 3
    assert state is not None
