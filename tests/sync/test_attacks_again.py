"""Resumed runs, prices while the sync is switched, less room, owners and publications."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from pgtandem.deploy import deploy, undeploy
from pgtandem.mapping import parse_mapping
from support.databases import Connection, Database
from support.shop import migrate, one, prepared
from sync.shops import products, sqlstate
from sync.test_attacks import ROW, config, drift, schedule, synced
from sync.test_foreign_code import blockers
from sync.test_switching import until_switched
from sync.test_ways_back import rolled_back_to

LESS_ROOM = "a column has another type than the mapping says"


@pytest.mark.parametrize("kind", ["numeric(16,0)", "integer", "numeric(20,1)"])
def test_column_with_fewer_decimals_stops_prepare(db: Database, kind: str) -> None:
    """tblproduct.amount is numeric(14,2); tblconfigprice.amount is there already, with fewer
    digits behind the point. It would round an old program's amount."""
    owner = db.owner()
    deployed_anew(owner, f"alter table tblconfigprice alter amount type {kind}")
    assert {row[0] for row in blockers(owner)} == {LESS_ROOM}


def test_references_of_a_column_stop_prepare(db: Database) -> None:
    """GRANT REFERENCES (configid) is a right on a column (pg_attribute.attacl), not on the table.
    prepare refuses it as it does the table's."""
    owner = db.owner()
    owner.execute("call tandem.prepare('products')")
    owner.execute("grant references (configid) on tblconfig to old_app")
    finding = "a role beside the owner could run code as the owner"
    assert finding in {row[0] for row in blockers(owner)}


def test_owners_code_does_not_run_as_the_role_that_deployed(bare_db: Database) -> None:
    """The sync writes as the role that deployed, as whom the owner's triggers would run: the owner
    deploys, and nobody else."""
    owner, root = bare_db.owner(), bare_db.superuser()
    owner.execute(ROW, (1,))
    deploy(root, [products()])
    assert [row[0] for row in blockers(root)] == ["not owned by the role that deployed"]
    assert sqlstate(root, "call tandem.prepare('products')") == "TD004"


def test_prepare_that_goes_on_looks_for_blockers_again(db: Database) -> None:
    """prepare met a lock that somebody held, and is paused. Meanwhile old_app gets TRIGGER, which
    a new prepare refuses. The same CALL refuses it, too."""
    owner, holder = db.owner(), db.owner()
    owner.execute(ROW, (1,))
    owner.execute("update tandem.setting set value = '20' where name = 'batch_lock_timeout'")
    owner.execute("update tandem.setting set value = '1' where name = 'batch_attempts'")
    holder.execute("begin; lock table tblproduct in share mode")
    assert sqlstate(owner, "call tandem.prepare('products')") == "55P03"
    holder.execute("rollback")
    owner.execute("grant trigger on tblproduct to old_app")
    assert len(blockers(owner)) == 1
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"
    assert one(owner, "select phase from tandem.mapping") == "deployed"


def test_rollback_that_goes_on_looks_again_for_rows_that_hang_on_leaves(db: Database) -> None:
    """A rollback with remove met a lock that somebody held, and is paused. Meanwhile a table that
    hangs on tblconfig by ON DELETE CASCADE gets rows, for which a new rollback is refused (TD018).
    The same CALL is refused, too."""
    owner, holder = synced(db, 2), db.owner()
    owner.execute("update tandem.setting set value = '20' where name = 'batch_lock_timeout'")
    owner.execute("update tandem.setting set value = '1' where name = 'batch_attempts'")
    owner.execute(
        "create table line (id bigint primary key, configid uuid references tblconfig"
        " on delete cascade)"
    )
    call = "call tandem.rollback('products', p_hierarchy => 'remove')"
    holder.execute("begin; lock table tblcatalog in share mode")
    assert sqlstate(owner, call) == "55P03"
    holder.execute("rollback")
    owner.execute("insert into line select 1, configid from tblproduct where productid = 1")
    assert sqlstate(owner, call) in ("TD018", None)
    migrate(owner)
    assert one(owner, "select count(*) from line") == 1


def test_repair_that_goes_on_mends_all(db: Database) -> None:
    """A fault stopped repair at row 1,101; when its cause is gone, row 1 differs (a direction was
    off). The same CALL makes the two sides equal, which is what it is for."""
    owner = db.owner()
    prepared(owner, 1200)
    migrate(owner)
    owner.execute(
        "create function full_disk() returns trigger language plpgsql"
        " set search_path = public, pg_temp as $$ begin"
        " raise exception 'disk full' using errcode = '53100'; end $$;"
        "create trigger full_disk before update on tblconfig for each row"
        " when (new.sku = 'new') execute function full_disk()"
    )
    off = "select tandem.set_sync('products', 'flat_to_hierarchy', %s)"
    owner.execute(off, (False,))
    owner.execute("update tblproduct set sku = 'new' where productid = 1101")
    owner.execute(off, (True,))
    repair = "call tandem.repair('products', 'flat', p_dry_run => false)"
    assert sqlstate(owner, repair) == "53100"
    owner.execute("drop trigger full_disk on tblconfig")
    owner.execute(off, (False,))
    owner.execute("update tblproduct set sku = 'other' where productid = 1")
    owner.execute(off, (True,))
    owner.execute(repair.encode())
    assert one(owner, "select state from tandem.run order by run_id desc limit 1") == "done"
    assert drift(owner) == []


@pytest.mark.parametrize("publication", ["for table tblproduct", "for table other"])
def test_a_publication_stops_nothing(db: Database, publication: str) -> None:
    """A publication that goes with the replica identity is a note, of whatever table."""
    owner = db.owner()
    owner.execute("create table other (id bigint primary key)")
    owner.execute(f"create publication pub {publication}".encode())
    assert sqlstate(owner, "select count(*) from tandem.analyze('products')") is None
    assert sqlstate(owner, "call tandem.prepare('products')") is None


def test_switch_window_overdue_price_and_a_new_key(db: Database) -> None:
    """A price of 99 came into force while the flat table was alone, later the old program wrote 50.
    The way forward is just switching the sync on; the old program gives the row another key: 50
    stays."""
    owner = synced(db, 1)
    schedule(owner, config(owner), 99, 1)
    owner.execute("call tandem.rollback('products')")
    time.sleep(1.2)
    old = db.old_app()
    old.execute("update tblproduct set amount = 50")
    until_switched(owner, "tblproduct")
    old.execute("update tblproduct set productid = 7")
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select amount from tblproduct") == 50


def test_rollback_window_overdue_price_and_a_new_key(db: Database) -> None:
    """The same while a rollback switches off: the flat table has the say since the hierarchy's
    side is off."""
    owner = synced(db, 1)
    schedule(owner, config(owner), 99, 1)
    rolled_back_to(owner, "off", "keep", False)
    run = one(owner, "select max(run_id) from tandem.run")
    owner.execute("select tandem.rollback_step('products', %s, 100, null)", (run,))
    assert one(owner, "select phase from tandem.mapping") == "prepared"
    time.sleep(1.2)
    old = db.old_app()
    old.execute("update tblproduct set sku = 'x'")
    assert one(owner, "select amount from tblproduct") == 10
    old.execute("update tblproduct set productid = 7")
    assert one(owner, "select amount from tblproduct") == 10


def test_overdue_price_and_a_rejected_row_mended_in_the_switch_window(db: Database) -> None:
    """As above, but the old program makes the row rejected, then mends it, while the sync is being
    switched on: 50 stays."""
    owner = synced(db, 1)
    schedule(owner, config(owner), 99, 1)
    owner.execute("call tandem.rollback('products')")
    time.sleep(1.2)
    old = db.old_app()
    old.execute("update tblproduct set amount = 50")
    until_switched(owner, "tblproduct")
    old.execute("update tblproduct set productname = ''")
    old.execute("update tblproduct set productname = 'Lamp'")
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select amount from tblproduct") == 50


def deployed_anew(owner: Connection, change: str, source: str | None = None) -> None:
    """pgtandem anew over tables that are there already, one of them changed."""
    owner.execute(ROW, (1,))
    owner.execute("call tandem.prepare('products')")
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    undeploy(owner, ["products"], discard_kept=True)
    owner.execute(change.encode())
    mapping = products()
    if source is not None:
        mapping = replace(parse_mapping(source), source=source)
    deploy(owner, [mapping])


@pytest.mark.parametrize("kind", ["timestamptz(0)", "date"])
def test_time_of_prices_with_less_room(db: Database, kind: str) -> None:
    """tblconfigprice.effectivefrom is there already, in whole seconds or days. Two
    changes of a price within one would meet there."""
    owner = db.owner()
    deployed_anew(owner, f"alter table tblconfigprice alter effectivefrom type {kind}")
    assert {row[0] for row in blockers(owner)} == {LESS_ROOM}


def test_numeric_without_a_scale_against_one_with(db: Database) -> None:
    """The mapping and tblproduct say numeric, tblconfigprice.amount is numeric(14,2): an amount of
    1.005 would be rounded."""
    owner = db.owner()
    owner.execute("alter table tblproduct alter amount type numeric")
    source = products().source.replace("numeric(14,2)", "numeric")
    deployed_anew(owner, "alter table tblproduct alter amount type numeric", source)
    assert {row[0] for row in blockers(owner)} == {LESS_ROOM}


def test_next_step_says_with_what_a_repair_ended(db: Database) -> None:
    """It begins again, unlike a migration or a rollback; its error comes before the same call."""
    owner = synced(db, 2)
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    owner.execute("update tblproduct set sku = 'adrift'")
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', true)")
    owner.execute(
        "create function full_disk() returns trigger language plpgsql"
        " set search_path = public, pg_temp"
        " as $$ begin raise exception 'no room' using errcode = 'disk_full'; end $$;"
        "create trigger full_disk before update on tblconfig"
        " for each row execute function full_disk()"
    )
    call = "call tandem.repair('products', 'flat', p_dry_run => false)"
    assert sqlstate(owner, call) == "53100"
    assert one(owner, "select state from tandem.run order by run_id desc limit 1") == "failed"
    step = one(owner, "select next_step from tandem.status")
    assert "tandem.repair" in step and "it ended with 53100: no room" in step
