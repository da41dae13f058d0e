"""migrate once more; a rollback and prices that are due; parameters; prices that move."""

from __future__ import annotations

import time

import pytest

from support.databases import Database
from support.shop import migrate, one
from sync.test_attacks import config, drift, schedule, synced
from sync.test_way_forward import until_rows

OWN = (
    "create function public.own() returns trigger language plpgsql"
    " set search_path = public, pg_temp as"
    " $$ begin return new; end $$;"
    " create trigger own before insert or update on {} for each row execute function public.own()"
)


@pytest.mark.parametrize("table", ["tblconfig", "tblproduct"])
def test_migrate_once_more_with_an_own_trigger(db: Database, table: str) -> None:
    """A BEFORE trigger of the shop's own, which changes nothing. Phase migrated,
    flat_to_hierarchy is off for a while, an old program writes. migrate is called once more: it
    does not decide which side is right, and the old program's write stays."""
    owner = synced(db, 2)
    owner.execute(OWN.format(table))
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    db.old_app().execute("update tblproduct set status = 'old' where productid = 1")
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', true)")
    migrate(owner)
    assert one(owner, "select status from tblproduct where productid = 1") == "old"
    assert len(drift(owner)) == 1


def test_migrate_once_more_after_a_delete(db: Database) -> None:
    """Phase migrated, hierarchy_to_flat is off for a while, a new program deletes a leaf. migrate
    once more does not make it again: repair is told which side is right."""
    owner = synced(db, 2)
    leaf = config(owner)
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    db.new_app().execute("delete from tblconfig where configid = %s", (leaf,))
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    assert len(drift(owner)) == 1
    migrate(owner)
    assert one(owner, "select count(*) from tblconfig where configid = %s", leaf) == 0


DEFERRED = """
create function public.cheap() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if new.amount > 90 then
        raise exception 'too dear' using errcode = '{}';
    end if;
    return null;
end $$;
create constraint trigger cheap after update on tblproduct {}
for each row execute function public.cheap();
"""


@pytest.mark.parametrize(
    "when,code",
    [
        ("", "23514"),
        ("deferrable initially deferred", "23514"),
        ("", "42883"),
    ],
)
def test_rollback_is_not_held_up_by_a_due_price(db: Database, when: str, code: str) -> None:
    """A price of 99 is in force and not applied; a (deferred) constraint trigger of the shop's
    own refuses it on the flat row. rollback goes to its end: it is the way out, and never needed
    a write of the flat table before."""
    owner = synced(db, 2)
    owner.execute(DEFERRED.format(code, when))
    schedule(owner, config(owner), 99, 0.3)
    time.sleep(0.5)
    owner.execute("call tandem.rollback('products')")
    assert one(owner, "select phase from tandem.mapping") == "prepared"


@pytest.mark.parametrize("off", ["f2h", "both with log"])
def test_rollback_keeps_what_an_old_program_wrote_while_off(db: Database, off: str) -> None:
    """99 comes into force; flat_to_hierarchy (or both, with the log on) is off; an old program
    writes 50 after that. rollback: the flat table has the say and keeps 50."""
    owner = synced(db, 2)
    if off != "f2h":
        owner.execute("select tandem.set_sync('products', 'log', true)")
    schedule(owner, config(owner), 99, 0.3)
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    if off != "f2h":
        owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    time.sleep(0.5)
    db.old_app().execute("update tblproduct set amount = 50 where productid = 1")
    owner.execute("call tandem.rollback('products')")
    assert one(owner, "select amount from tblproduct where productid = 1") == 50


@pytest.mark.parametrize("number", [999999999, 2147483647])
def test_any_integer_is_a_parameter(db: Database, number: int) -> None:
    """p_max_batches and p_batch_rows are integers: 2147483647 is one."""
    owner = synced(db, 1)
    migrate(owner, p_max_batches=number)


@pytest.mark.parametrize("state", ["waiting", "rejected"])
def test_price_moved_to_another_leaf(db: Database, state: str) -> None:
    """A price row 10 is moved by a new program from leaf 1 to leaf 2 while the flat row of leaf 1
    waits or is rejected; nobody has written its amount. The price is not on leaf 1 afterwards."""
    owner = synced(db, 2)
    one_, two = config(owner, 1), config(owner, 2)
    db.new_app().execute("delete from tblconfigprice where configid = %s", (two,))
    old = db.old_app()
    if state == "waiting":
        owner.execute("call tandem.rollback('products')")
        until_rows(owner)
    else:
        old.execute("update tblproduct set productname = '' where productid = 1")
    db.new_app().execute("update tblconfigprice set configid = %s where configid = %s", (two, one_))
    if state == "waiting":
        migrate(owner)
    else:
        old.execute("update tblproduct set productname = 'Lamp' where productid = 1")
    assert drift(owner) == []
    assert one(owner, "select amount from tblproduct where productid = 1") is None
