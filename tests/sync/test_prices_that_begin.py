"""Prices that are given another begin while their flat row waits; next_step after a repair."""

from __future__ import annotations

import time

import psycopg
import pytest

from support.databases import Connection, Database
from support.locks import wait_for_lock_wait
from support.shop import in_background, migrate, one
from sync.test_attacks import config, drift, in_force, run_sql, schedule, synced
from sync.test_way_forward import until_rows


def waits(db: Database, owner: Connection, state: str, amount: object) -> None:
    """Flat row 1 waits for its batch, or is rejected; an old program wrote its amount."""
    if state == "waiting":
        owner.execute("call tandem.rollback('products')")
        if amount is not None:
            db.old_app().execute("update tblproduct set amount = %s where productid = 1", (amount,))
        until_rows(owner)
    else:
        db.old_app().execute("update tblproduct set productname = '' where productid = 1")
        if amount is not None:
            db.old_app().execute("update tblproduct set amount = %s where productid = 1", (amount,))


def ends(db: Database, owner: Connection, state: str) -> None:
    if state == "waiting":
        migrate(owner)
    else:
        db.old_app().execute("update tblproduct set productname = 'Lamp' where productid = 1")
    assert drift(owner) == []


@pytest.mark.parametrize("state", ["waiting", "rejected"])
def test_begin_and_amount_in_one_update(db: Database, state: str) -> None:
    """An old program wrote 50 into a row that waits. A new program then writes amount 20 and a
    new begin into the price row, in one UPDATE: 20 is the newest amount anybody wrote."""
    owner = synced(db, 2)
    leaf = config(owner)
    waits(db, owner, state, 50)
    db.new_app().execute(
        "update tblconfigprice set amount = 20, effectivefrom = now() where configid = %s", (leaf,)
    )
    ends(db, owner, state)
    assert one(owner, "select amount from tblproduct where productid = 1") == 20


@pytest.mark.parametrize("state", ["waiting", "rejected"])
def test_an_older_price_begins_again(db: Database, state: str) -> None:
    """Prices 5 (of last year) and 10 (in force). The flat row waits, and nobody wrote its
    amount. A new program gives 5 a new begin: 5 is in force, on both sides."""
    owner = synced(db, 2)
    leaf = config(owner)
    schedule(owner, leaf, 5, -86400 * 365)
    waits(db, owner, state, None)
    db.new_app().execute(
        "update tblconfigprice set effectivefrom = now() where configid = %s and amount = 5",
        (leaf,),
    )
    ends(db, owner, state)
    assert one(owner, "select amount from tblproduct where productid = 1") == 5


def test_next_step_after_a_failed_repair(db: Database) -> None:
    """A repair from flat ended with an error after some batches (a fault of the shop's own).
    Later hierarchy_to_flat is off for a while, a new program writes, it is on again. next_step
    says no statement that takes the new program's write away."""
    owner = synced(db, 2000)
    leaf = config(owner)
    owner.execute(
        "create function public.own() returns trigger language plpgsql"
        " set search_path = public, pg_temp as"
        " $$ begin if new.sku = 'bad' then raise exception 'no' using errcode = '42883'; end if;"
        " return new; end $$;"
        " create trigger own before update on tblconfig for each row execute function public.own()"
    )
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    db.old_app().execute("update tblproduct set sku = 'bad' where productid = 2000")
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', true)")
    with pytest.raises(psycopg.Error):
        owner.execute("call tandem.repair('products', 'flat', p_dry_run => false)")
    owner.execute("drop trigger own on tblconfig")
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    db.new_app().execute("update tblconfig set status = 'news' where configid = %s", (leaf,))
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    step = one(owner, "select next_step from tandem.status")
    print(step)
    owner.execute(step.split(";")[0])
    assert one(owner, "select status from tblconfig where configid = %s", leaf) == "news"


def test_rejected_row_corrected_while_a_price_commits_late(db: Database) -> None:
    """A new program inserts 99 for later and commits after that time; between, an old program
    corrects a rejected row and writes amount 50 by the same UPDATE. 50 is the newest."""
    owner = synced(db, 1)
    leaf = config(owner)
    new, old = db.new_app(), db.old_app()
    old.execute("update tblproduct set productname = '' where productid = 1")
    new.execute("begin")
    schedule(new, leaf, 99, 0.5)
    time.sleep(0.7)
    query = "update tblproduct set productname = 'Lamp', amount = 50"
    with in_background(old, lambda: run_sql(old, query)) as work:
        wait_for_lock_wait(owner, old.info.backend_pid)
        new.execute("commit")
        work.result(20)
    owner.execute("call tandem.apply_due('products')")
    assert drift(owner) == []
    assert one(owner, "select amount from tblproduct where productid = 1") == 50


@pytest.mark.parametrize("state", ["waiting", "rejected"])
def test_a_scheduled_price_is_brought_forward(db: Database, state: str) -> None:
    """10 is in force, 99 is scheduled for tomorrow. The flat row waits, and nobody wrote its
    amount. A new program lets 99 begin now: it is in force, on both sides."""
    owner = synced(db, 2)
    leaf = config(owner)
    schedule(owner, leaf, 99, 86400)
    waits(db, owner, state, None)
    db.new_app().execute(
        "update tblconfigprice set effectivefrom = now() where configid = %s and amount = 99",
        (leaf,),
    )
    ends(db, owner, state)
    assert one(owner, "select amount from tblproduct where productid = 1") == 99
    assert in_force(owner, leaf) == 99
