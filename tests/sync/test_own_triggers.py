"""BEFORE triggers of the shop's own that change what the sync writes.

What they store is news, also in columns that the sync did not mean to change; where they keep a row
from moving, the statement fails.
"""

from __future__ import annotations

import time

import pytest

from sync.catalogue import add
from sync.shops import Shop, sqlstate
from sync.test_traps_events import own_trigger

MOVE = (
    "with c as (insert into tblcatalog (versionid, name)"
    " select versionid, 'Second' from tblproductversion returning catalogid)"
    " update tblconfig set catalogid = c.catalogid from c"
)
DEAR = "new.status := case when new.amount > 100 then 'dear' else 'cheap' end; return new;"
FLAT = {
    "leaf": ("new.sku := lower(new.configname); return new;", "update tblconfig set name = 'O'"),
    "rename": (
        "new.sku := lower(new.productname); return new;",
        "update tblbaseproduct set name = 'O'",
    ),
    "move": ("new.sku := lower(new.catalogname); return new;", MOVE),
    "price": (DEAR, "update tblconfigprice set amount = 500"),
    "new price": (
        DEAR,
        "insert into tblconfigprice (configid, amount, currency)"
        " select configid, 500, 'EUR' from tblconfig",
    ),
    "key": (
        "new.productname := 'P ' || new.configname; return new;",
        "update tblconfig set name = 'O'",
    ),
}


@pytest.mark.parametrize("what", FLAT)
def test_a_flat_column_derived_from_one_that_the_sync_writes(both: Shop, what: str) -> None:
    body, write = FLAT[what]
    add(both, "A", configname="X", amount=5)
    own_trigger(both, "tblproduct", "before insert or update", body)
    both.old.execute("update tblproduct set updatedat = now()")
    assert both.drift() == []
    both.new.execute(write)
    assert both.drift() == []


def test_the_same_by_a_due_price(both: Shop) -> None:
    add(both, "A", configname="X", amount=5)
    own_trigger(both, "tblproduct", "before insert or update", DEAR)
    both.old.execute("update tblproduct set updatedat = now()")
    both.new.execute(
        "insert into tblconfigprice (configid, amount, currency, effectivefrom)"
        " select configid, 500, 'EUR', clock_timestamp() + interval '0.5 s' from tblconfig"
    )
    time.sleep(0.7)
    both.owner.execute("call tandem.apply_due('products')")
    assert both.drift() == []


LEAF = {
    "column": (
        "new.sku := lower(new.name); return new;",
        "update tblproduct set configname = 'O'",
    ),
    "move": (
        "new.sku := new.catalogid::text; return new;",
        "update tblproduct set catalogname = 'O'",
    ),
}


@pytest.mark.parametrize("what", LEAF)
def test_a_column_of_the_leaf_derived_from_one_that_the_sync_writes(both: Shop, what: str) -> None:
    body, write = LEAF[what]
    add(both, "A", configname="X", amount=5)
    own_trigger(both, "tblconfig", "before insert or update", body)
    both.old.execute(write)
    assert both.drift() == []


def test_the_time_of_a_price(shop: Shop) -> None:
    """Prices begin with the day, says the new application's trigger."""
    add(shop, "A", amount=5)
    own_trigger(
        shop, "tblconfigprice", "before insert",
        "new.effectivefrom := date_trunc('day', new.effectivefrom); return new;",
    )  # fmt: skip
    shop.old.execute("update tblproduct set amount = 6")
    assert shop.drift() == []


def test_a_trigger_of_your_own_may_be_called_like_one_of_ours(shop: Shop) -> None:
    add(shop, "A", configname="X")
    body = "new.productname := upper(new.productname); return new;"
    own_trigger(shop, "tblproduct", "before update", body, "tandem_mine")
    shop.new.execute("update tblbaseproduct set name = 'o'")
    assert shop.value("select productname from tblproduct") == "O"
    assert shop.drift() == []


LEAF_MOVES = (
    "with c as (insert into tblcatalog (versionid, name)"
    " select versionid, 'Second' from tblproductversion returning catalogid)"
    " update tblconfig set catalogid = c.catalogid from c"
)
VERSION_MOVES = (
    "with b as (insert into tblbaseproduct (name) values ('N') returning baseproductid)"
    " update tblproductversion set baseproductid = b.baseproductid from b"
)


@pytest.mark.parametrize("write", [LEAF_MOVES, VERSION_MOVES], ids=["leaf", "version"])
def test_a_move_that_the_flat_table_refuses(shop: Shop, write: str) -> None:
    add(shop, "A", configname="X")
    own_trigger(
        shop, "tblproduct", "before update", "return null;",
        condition="new.productname is distinct from old.productname"
        " or new.catalogname is distinct from old.catalogname",
    )  # fmt: skip
    assert sqlstate(shop.new, write) in (None, "TD044")
    assert shop.drift() == []


def test_a_rename_that_the_flat_table_refuses(shop: Shop) -> None:
    add(shop, "A", configname="X")
    own_trigger(
        shop, "tblproduct", "before update", "return null;",
        condition="new.productname is distinct from old.productname",
    )  # fmt: skip
    assert sqlstate(shop.new, "update tblbaseproduct set name = 'O'") in (None, "TD044")
    assert shop.drift() == []


@pytest.mark.parametrize("body", ["return null;", "new.catalogid := old.catalogid; return new;"])
def test_a_move_that_the_leaf_refuses(shop: Shop, body: str) -> None:
    add(shop, "A", configname="X")
    own_trigger(
        shop, "tblconfig", "before update", body,
        condition="new.catalogid is distinct from old.catalogid",
    )  # fmt: skip
    state = sqlstate(shop.old, "update tblproduct set catalogname = 'Other'")
    assert state in (None, "TD044")
    assert shop.drift() == []
