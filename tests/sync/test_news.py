"""What own triggers and foreign keys write beside the sync, within the sync's own write.

It reaches the other side, and takes nothing with it: what the sync meant to write, and what is
still on its way in the same statement, stays as it is.
"""

from __future__ import annotations

import threading
import time

import pytest

from sync.catalogue import add
from sync.shops import Shop, sqlstate
from sync.test_traps_events import own_trigger

Y_PRICE = (
    "update tblconfigprice set amount = 500"
    " where configid = (select configid from tblconfig where name = 'Y')"
)


def harmless(shop: Shop) -> None:
    """An own BEFORE trigger that has nothing to do with what is mapped."""
    own_trigger(
        shop,
        "tblconfig",
        "before update",
        "new.notes := coalesce(new.notes, '') || '.'; return new;",
    )


def waiting(shop: Shop) -> None:
    """Linked rows wait for their batch: migrated again, paused before the rows."""
    shop.owner.execute("call tandem.rollback('products')")
    q = (
        "select coalesce(max(cursor ->> 'stage'), '') from tandem.run"
        " where kind = 'migrate' and finished_at is null"
    )
    for _ in range(50):
        if shop.value(q) == "rows":
            return
        shop.owner.execute("call tandem.migrate('products', p_batch_rows => 1, p_max_batches => 1)")
    raise AssertionError(shop.rows("select * from tandem.run"))


@pytest.mark.parametrize("own", [False, True])
def test_version_moved_and_renamed(shop: Shop, own: bool) -> None:
    add(shop, "A", version="1", configname="X")
    add(shop, "N", version="9", configname="Y")
    if own:
        harmless(shop)
    shop.new.execute(
        "update tblproductversion set version = '2', baseproductid ="
        " (select baseproductid from tblbaseproduct where name = 'N') where version = '1'"
    )
    assert shop.value("select version from tblproduct where configname = 'X'") == "2"
    assert shop.value("select productname from tblproduct where configname = 'X'") == "N"
    assert shop.drift() == []


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_two_levels_renamed(shop: Shop, own: bool, order: int) -> None:
    add(shop, "A", version="1", catalogname="c", configname="X")
    if own:
        harmless(shop)
    w = [
        "with b as (update tblbaseproduct set name = 'B')"
        " update tblproductversion set version = '2'",
        "with v as (update tblproductversion set version = '2')"
        " update tblbaseproduct set name = 'B'",
        "with v as (update tblcatalog set name = 'c2') update tblbaseproduct set name = 'B'",
    ][order]
    shop.new.execute(w)
    row = shop.rows("select productname, version, catalogname from tblproduct")
    assert row == [("B", "1", "c2") if order == 2 else ("B", "2", "c")]
    assert shop.drift() == []


@pytest.mark.parametrize("own", [False, True])
def test_parents_moved_in_one_statement(shop: Shop, own: bool) -> None:
    add(shop, "A", version="1", catalogname="c", configname="X")
    add(shop, "Z", version="9", catalogname="d", configname="Y")
    if own:
        harmless(shop)
    shop.new.execute(
        "with b as (update tblcatalog set versionid ="
        " (select versionid from tblproductversion where version = '9') where name = 'c')"
        " update tblbaseproduct set name = name || '2'"
    )
    assert shop.rows(
        "select productname, version, catalogname from tblproduct where configname='X'"
    ) == [("Z2", "9", "c")]
    assert shop.drift() == []


def test_an_own_after_trigger_routes_on(shop: Shop) -> None:
    add(shop, "A", catalogname="first", configname="X")
    add(shop, "A", catalogname="default", configname="Y")
    own_trigger(
        shop,
        "tblconfig",
        "after update of catalogid",
        "update tblconfig set catalogid = (select catalogid from tblcatalog where name = 'default')"
        " where configid = new.configid and exists"
        " (select from tblcatalog where catalogid = new.catalogid and name = 'old');"
        " return null;",
    )
    assert (
        sqlstate(shop.old, "update tblproduct set catalogname = 'old' where configname = 'X'")
        is None
    )
    assert shop.drift() == []
    assert shop.rows("select catalogname from tblproduct where configname = 'X'") == [("default",)]


@pytest.mark.parametrize(
    ("table", "source"),
    [
        ("tblconfigprice", "select priceid from tblconfigprice where amount = 5"),
        ("tblconfig", "select configid from tblconfig where name = 'main'"),
    ],
)
def test_prices_that_go_by_a_cascade(both: Shop, table: str, source: str) -> None:
    both.owner.execute(
        f"alter table tblconfigprice add source uuid references {table} on delete cascade"
    )
    main = add(both, "A", configname="main", amount=5)
    add(both, "A", configname="part", amount=7)
    both.owner.execute(f"update tblconfigprice set source = ({source}) where amount = 7")
    both.old.execute("delete from tblproduct where productid = %s", (main,))
    assert both.drift() == []


def test_a_price_that_begins_later(shop: Shop) -> None:
    add(shop, "A", amount=5)
    own_trigger(
        shop,
        "tblconfigprice",
        "before insert",
        "new.effectivefrom := new.effectivefrom + interval '1 s'; return new;",
    )
    shop.old.execute("update tblproduct set amount = 6")
    time.sleep(1.3)
    shop.owner.execute("call tandem.apply_due('products')")
    assert shop.rows("select amount from tblproduct") == [(6,)]
    assert shop.rows("select * from tandem.drift('products')") == []


def test_rejected_row_that_goes_by_a_cascade(both: Shop) -> None:
    both.owner.execute(
        "alter table tblproduct add column main bigint references tblproduct on delete cascade"
    )
    main = add(both, "A", configname="main")
    add(both, " ", configname="part", main=main)
    assert both.value("select count(*) from tandem.rejected_row where resolved_at is null") == 1
    both.new.execute("delete from tblconfig where name = 'main'")
    assert both.rows("select configname from tblproduct") == []
    assert both.value("select count(*) from tandem.rejected_row where resolved_at is null") == 0


def test_a_rename_and_a_locked_version(shop: Shop) -> None:
    """One program reads a version FOR UPDATE, another renames the base; then the first writes."""
    add(shop, "A", version="1", configname="X")
    harmless(shop)
    one, two = shop.connect("new_app"), shop.connect("new_app")
    with one.transaction():
        one.execute("select from tblproductversion for update")
        errors: list[str | None] = []
        t = threading.Thread(
            target=lambda: errors.append(sqlstate(two, "update tblbaseproduct set name = 'B'"))
        )
        t.start()
        time.sleep(0.7)
        one.execute("update tblproductversion set version = '2'")
    t.join()
    assert errors == [None]
    assert shop.rows("select productname, version from tblproduct") == [("B", "2")]
    assert shop.drift() == []


@pytest.mark.parametrize("phase", ["migrated", "waiting"])
@pytest.mark.parametrize("order", [0, 1])
def test_price_and_leaf_normalised(shop: Shop, phase: str, order: int) -> None:
    """The flat table has status in small letters; a new program writes price and status at once."""
    add(shop, "A", configname="X", status="s", amount=5)
    add(shop, "A", configname="Y", status="s", amount=5)
    own_trigger(
        shop,
        "tblproduct",
        "before insert or update",
        "new.status := lower(new.status); return new;",
        "own1",
    )
    if phase == "waiting":
        waiting(shop)
    c = "update tblconfig set status = 'ABC' where name = 'Y'"
    shop.new.execute(f"with p as ({Y_PRICE}) {c}" if order == 0 else f"with c as ({c}) {Y_PRICE}")
    assert shop.value("select amount from tblproduct where productid = 2") == 500
    assert shop.value("select status from tblconfig where name = 'Y'") == "abc"


@pytest.mark.parametrize("phase", ["migrated", "waiting"])
@pytest.mark.parametrize("order", [0, 1])
def test_price_and_leaf_derived(shop: Shop, phase: str, order: int) -> None:
    add(shop, "A", configname="X", status="s", amount=5)
    add(shop, "A", configname="Y", status="s", amount=5)
    own_trigger(
        shop,
        "tblproduct",
        "before update",
        "new.status := 'dear'; return new;",
        "own1",
        condition="new.amount is distinct from old.amount",
    )
    own_trigger(
        shop,
        "tblconfig",
        "before insert or update",
        "new.status := upper(new.status); return new;",
        "own2",
    )
    if phase == "waiting":
        waiting(shop)
    c = "update tblconfig set name = 'O' where name = 'Y'"
    shop.new.execute(f"with p as ({Y_PRICE}) {c}" if order == 0 else f"with c as ({c}) {Y_PRICE}")
    assert shop.value("select count(*) from tblconfig where name = 'O'") == 1
    assert shop.value("select amount from tblproduct where productid = 2") == 500


@pytest.mark.parametrize("phase", ["migrated", "waiting"])
@pytest.mark.parametrize("order", [0, 1])
def test_flat_derives_and_a_parent_is_renamed_with_the_leaf(
    shop: Shop, phase: str, order: int
) -> None:
    add(shop, "A", version="1", catalogname="c", configname="X")
    add(shop, "A", version="1", catalogname="d", configname="Y")
    own_trigger(
        shop,
        "tblproduct",
        "before insert or update",
        "new.sku := lower(new.catalogname); return new;",
        "own1",
    )
    shop.old.execute("update tblproduct set updatedat = now()")
    if phase == "waiting":
        waiting(shop)
    u = (
        "update tblconfig set catalogid ="
        " (select catalogid from tblcatalog where name = 'd') where name = 'X'"
    )
    v = "update tblproductversion set version = '2'"
    shop.new.execute(f"with u as ({u}) {v}" if order else f"with v as ({v}) {u}")
    assert shop.rows("select distinct version, catalogname from tblproduct") == [("2", "d")]
    if phase == "waiting":
        shop.owner.execute("call tandem.migrate('products')")
    assert shop.drift() == []


@pytest.mark.parametrize("own", [False, True])
def test_a_version_that_was_renamed_while_the_flat_side_was_off(shop: Shop, own: bool) -> None:
    add(shop, "A", version="1", configname="X")
    if own:
        harmless(shop)
    shop.owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    shop.new.execute("update tblproductversion set version = '2'")
    shop.owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    shop.new.execute("update tblbaseproduct set name = 'B'")
    shop.owner.execute("call tandem.repair('products', 'hierarchy', p_dry_run => false)")
    assert shop.rows("select productname, version from tblproduct") == [("B", "2")]
    assert shop.drift() == []


def test_an_own_trigger_on_the_leaf_fills_unless_given(shop: Shop) -> None:
    add(shop, "A", catalogname="c", configname="X", sku="old")
    own_trigger(
        shop,
        "tblconfig",
        "before update",
        "new.sku := 'auto'; return new;",
        condition="new.catalogid <> old.catalogid and new.sku is not distinct from old.sku",
    )
    shop.old.execute("update tblproduct set catalogname = 'd', sku = 'mine'")
    assert shop.value("select sku from tblproduct") == "mine"
    assert shop.drift() == []


@pytest.mark.parametrize("table", ["tblconfig", "tblconfigprice"])
def test_rows_that_go_along_with_a_leaf_are_warned_of_and_never_removed(
    shop: Shop, table: str
) -> None:
    """An own foreign key between rows of the new tables: what goes along with a leaf would not be
    kept. analyze says so, rollback with remove refuses."""
    add(shop, "A", configname="main", amount=1)
    add(shop, "A", configname="part", amount=2)
    shop.owner.execute(
        f"alter table {table} add column main uuid references tblconfig on delete cascade;"
        f"update {table} set main = (select configid from tblconfig where name = 'main')"
        " where configid = (select configid from tblconfig where name = 'part')"
    )
    query = "select count(*) from tandem.analyze('products') where finding like %s"
    assert shop.value(query, "a foreign key of your own takes rows%") == 1
    assert sqlstate(shop.owner, "call tandem.rollback('products', 'remove')") == "TD018"
    assert shop.rows("select count(*) from tblconfig") == [(2,)]
