"""What happens to prices that are for later, or due, beside writes of the amount."""

from __future__ import annotations

import time

import pytest

from support.databases import Database
from support.shop import one
from sync.test_attacks import config, drift, in_force, schedule, synced

LATER = {
    "deleted": "delete from tblconfigprice where configid = {leaf} and effectivefrom > now()",
    "changed": "update tblconfigprice set amount = 98"
    " where configid = {leaf} and effectivefrom > now()",
    "put off": "update tblconfigprice set effectivefrom = effectivefrom + interval '1 day'"
    " where configid = {leaf} and effectivefrom > now()",
    "moved": "update tblconfigprice"
    " set configid = (select configid from tblconfig where configid <> {leaf})"
    " where configid = {leaf} and effectivefrom > now()",
}


@pytest.mark.parametrize("change", LATER)
def test_a_price_for_later_that_goes_does_not_undo_the_amount(db: Database, change: str) -> None:
    """An own trigger cancels what is scheduled when an old program sets an amount. What is not in
    force says nothing about the flat row, whose new amount is on its way."""
    owner = synced(db, 2)
    leaf = config(owner)
    schedule(owner, leaf, 99, 3600)
    owner.execute(
        "create function cancel() returns trigger language plpgsql security definer"
        " set search_path = public, pg_temp as $$ begin "
        + LATER[change].format(leaf="new.configid")
        + "; return null; end $$;"
        " create trigger cancel after update on tblproduct for each row"
        " when (old.amount is distinct from new.amount) execute function cancel()"
    )
    db.old_app().execute("update tblproduct set amount = 20 where productid = 1")
    assert drift(owner) == []
    assert in_force(owner, leaf) == 20
    assert one(owner, "select amount from tblproduct where productid = 1") == 20


@pytest.mark.parametrize("change", LATER)
def test_a_price_for_later_and_the_amount_in_one_statement(db: Database, change: str) -> None:
    """The same in one statement with a writable CTE."""
    owner = synced(db, 2)
    leaf = config(owner)
    schedule(owner, leaf, 99, 3600)
    owner.execute(
        "with c as (update tblproduct set amount = 20 where productid = 1) "
        + LATER[change].format(leaf=f"'{leaf}'")
    )
    assert drift(owner) == []
    assert in_force(owner, leaf) == 20
    assert one(owner, "select amount from tblproduct where productid = 1") == 20


@pytest.mark.parametrize("how", ["an own trigger", "one statement"])
def test_a_due_price_does_not_undo_the_amount_that_is_being_written(db: Database, how: str) -> None:
    """flat_update keeps the amount that its statement wrote over a due price; leaf_update does not
    where the leaf is written before flat_update has run."""
    owner = synced(db)
    leaf = config(owner)
    schedule(owner, leaf, 99, 0.2)
    touch = "update tblconfig set status = 'seen' where configid = {}"
    write = "update tblproduct set amount = 20 where productid = 1"
    if how == "an own trigger":
        owner.execute(
            "create function touch() returns trigger language plpgsql security definer"
            f" set search_path = public, pg_temp as $$ begin {touch.format('new.configid')};"
            " return null; end $$;"
            " create trigger a_touch after update on tblproduct for each row"
            " when (old.amount is distinct from new.amount) execute function touch()"
        )
    else:
        write = "with c as ({}) {}".format(write, touch.format(f"'{leaf}'"))
    time.sleep(0.4)
    owner.execute(write.encode())
    assert drift(owner) == []
    assert in_force(owner, leaf) == 20
    assert one(owner, "select amount from tblproduct") == 20
