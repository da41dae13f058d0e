"""Two sessions write dated rows of one leaf: the flat row shows what is in force at the end."""

from __future__ import annotations

import psycopg
import pytest

from support.databases import Connection, Database
from support.locks import wait_for_lock_wait
from support.shop import in_background, one
from sync.test_attacks import config, drift, run_sql, synced

PRICE = (
    "insert into tblconfigprice (configid, amount, effectivefrom)"
    " values (%s, %s, now() - %s * interval '1 hour')"
)


def with_prices(db: Database) -> Connection:
    """A synced row whose leaf has three prices: 5, then 10, then 20, which is in force."""
    owner = synced(db)
    leaf = config(owner)
    owner.execute("delete from tblconfigprice")
    for amount, hours in ((5, 9), (10, 5), (20, 1)):
        owner.execute(PRICE, (leaf, amount, hours))
    assert drift(owner) == []
    return owner


@pytest.mark.parametrize("swapped", [False, True], ids=["first", "last"])
@pytest.mark.parametrize(
    "other",
    [
        "insert into tblconfigprice (configid, amount, effectivefrom)"
        " select configid, 15, now() - interval '3 hours' from tblconfig",
        "update tblconfigprice set amount = 19 where amount = 10",
        "delete from tblconfigprice where amount = 10",
    ],
    ids=["insert", "update", "delete"],
)
@pytest.mark.parametrize(
    "take_out",
    [
        "delete from tblconfigprice where amount = 20",
        "update tblconfigprice set effectivefrom = effectivefrom - interval '1 day'"
        " where amount = 20",
    ],
    ids=["deleted", "antedated"],
)
def test_the_price_in_force_goes_while_the_one_below_it_is_written(
    db: Database, take_out: str, other: str, swapped: bool
) -> None:
    """Each still sees the other's price as it was. What is in force is read when the other has
    committed."""
    owner = with_prices(db)
    a, b = db.new_app(), db.new_app()
    if swapped:
        a, b = b, a
        take_out, other = other, take_out
    a.execute("begin")
    a.execute(take_out.encode())
    b.execute("begin")
    with in_background(b, lambda: run_sql(b, other)) as waiting:
        wait_for_lock_wait(owner, b.info.backend_pid)
        a.execute("commit")
        waiting.result(30)
    b.execute("commit")
    assert drift(owner) == []


TOP_GOES = (
    "delete from tblconfigprice where amount = 20 and effectivefrom < now() - interval '40 minutes'"
)
SECOND_GOES = "delete from tblconfigprice where amount = 10"
EQUAL_COMES = (
    "insert into tblconfigprice (configid, amount, effectivefrom)"
    " select configid, 20, clock_timestamp() - {} * interval '1 minute' from tblconfig"
)
ANOTHER_COMES = "insert into tblconfigprice (configid, amount) select configid, 30 from tblconfig"


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
@pytest.mark.parametrize(
    ("unseen", "late"),
    [
        (SECOND_GOES, TOP_GOES),
        (TOP_GOES, SECOND_GOES),
        (EQUAL_COMES.format(30), TOP_GOES),
        (EQUAL_COMES.format(0), ANOTHER_COMES),
    ],
    ids=["the one below went", "the one in force went", "an equal one came", "a later one came"],
)
def test_an_old_snapshot_writes_no_price_that_is_not_in_force(
    db: Database, unseen: str, late: str, level: str
) -> None:
    """It cannot know what came after it, whether or not that changed what the flat row says."""
    owner = with_prices(db)
    a, b = db.new_app(), db.new_app()
    b.execute(f"begin isolation level {level}".encode())
    b.execute("select count(*) from tblconfigprice")
    a.execute(unseen.encode())
    with pytest.raises(psycopg.errors.SerializationFailure):
        b.execute(late.encode())
    b.execute("rollback")
    assert drift(owner) == []
    b.execute(late.encode())
    assert drift(owner) == []


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_snapshot_that_knows_all_prices_may_write_them(db: Database, level: str) -> None:
    owner = with_prices(db)
    new = db.new_app()
    new.execute(f"begin isolation level {level}".encode())
    for statement in (ANOTHER_COMES, SECOND_GOES, EQUAL_COMES.format(90), TOP_GOES):
        new.execute(statement.encode())
    new.execute("commit")
    assert one(owner, "select amount from tblproduct") == 30
    assert drift(owner) == []
