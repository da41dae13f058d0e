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


@pytest.mark.parametrize("kind", ["numeric(16,0)", "integer", "numeric(20,1)"])
def test_column_with_fewer_decimals_stops_prepare(db: Database, kind: str) -> None:
    """tblproduct.amount is numeric(14,2); tblconfigprice.amount is there already, with fewer
    digits behind the point. An amount of an old program is never rounded: prepare refuses (as it
    does numeric(12,2)), or 77.25 is refused or stays. Today: a warning, and 77.25 becomes 77.00
    in tblproduct itself, without an error, a note or drift."""
    owner = db.owner()
    deployed_anew(owner, f"alter table tblconfigprice alter amount type {kind}")
    if any(str(row[0]).startswith("a column has another type") for row in blockers(owner)):
        return
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    db.old_app().execute("update tblproduct set amount = 77.25")
    assert one(owner, "select amount::text from tblproduct") == "77.25"


def test_references_of_a_column_stop_prepare(db: Database) -> None:
    """GRANT REFERENCES (configid) is a right on a column (pg_attribute.attacl), not on the table.
    prepare refuses it as it does the table's. Today: no finding; a foreign key ON DELETE CASCADE
    and a trigger on the referencing table run as the owner (before PostgreSQL 18)."""
    owner = db.owner()
    owner.execute("call tandem.prepare('products')")
    owner.execute("grant references (configid) on tblconfig to old_app")
    finding = "a role beside the owner could run code as the owner"
    assert finding in {row[0] for row in blockers(owner)}


def test_way_in_by_references_of_a_column(db: Database) -> None:
    """What the missing blocker lets in: old_app, which has REFERENCES on one column, hangs a table
    of its own on tblconfig and deletes a flat row: its trigger never runs as shop_owner."""
    owner = db.owner()
    owner.execute(ROW, (1,))
    owner.execute("call tandem.prepare('products')")
    owner.execute("create schema mine; grant all on schema mine to old_app")
    owner.execute("grant references (configid) on tblconfig to old_app")
    if blockers(owner):
        return
    migrate(owner)
    old = db.old_app()
    leaf = one(old, "select configid from tblproduct")
    old.execute(
        "create table mine.loot (who text); grant usage on schema mine to public;"
        "grant insert on mine.loot to public;"
        "create table mine.hook (configid uuid references tblconfig (configid) on delete cascade);"
        "create function mine.note() returns trigger language plpgsql as $$"
        " begin insert into mine.loot values (current_user::text); return null; end $$;"
        "create trigger t after delete on mine.hook for each row execute function mine.note()"
    )
    old.execute("insert into mine.hook values (%s)", (leaf,))
    old.execute("delete from tblproduct")
    assert old.execute("select who from mine.loot").fetchall() in ([], [("old_app",)])


def test_owners_code_does_not_run_as_the_role_that_deployed(bare_db: Database) -> None:
    """The sync writes as the role that deployed, here a superuser that owns none of the tables.
    The tables' owner's trigger then runs as that superuser. Either prepare refuses (code of a role
    beside the one that deployed), or the trigger runs as the tables' owner."""
    owner, root = bare_db.owner(), bare_db.superuser()
    owner.execute("create table loot (who text)")
    owner.execute(ROW, (1,))
    deploy(root, [products()])
    if blockers(root):
        return
    root.execute("call tandem.prepare('products')")
    migrate(root)
    owner.execute(
        "create function note() returns trigger language plpgsql set search_path = public, pg_temp"
        " as $$ begin insert into loot values (current_user::text);"
        " return new; end $$;"
        "create trigger t before update on tblproduct for each row execute function note()"
    )
    root.execute("grant select, update on tblconfig to new_app")
    bare_db.new_app().execute("update tblconfig set sku = 'x'")
    assert ("postgres",) not in owner.execute("select who from loot").fetchall()


def test_prepare_that_goes_on_looks_for_blockers_again(db: Database) -> None:
    """prepare met a lock that somebody held, and is paused. Meanwhile old_app gets TRIGGER, which
    a new prepare refuses. The same CALL refuses it, too. Today: it goes on at its cursor, where
    nothing is looked at any more, and the mapping is prepared."""
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
    The same CALL is refused, too. Today: it goes on, and those rows are gone for ever."""
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
    off). The same CALL makes the two sides equal, which is what it is for. Today: it goes on at
    row 1,001 with no word on the rows before, is done, and row 1 still differs."""
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
    """A publication, of whatever table, is a note for the mapped tables and no more. Today: analyze
    and prepare end with 42501 (permission denied for schema pg_toast) wherever the database has a
    publication, because to_regclass is asked of all relations before the join."""
    owner = db.owner()
    owner.execute("create table other (id bigint primary key)")
    owner.execute(f"create publication pub {publication}".encode())
    assert sqlstate(owner, "select count(*) from tandem.analyze('products')") is None
    assert sqlstate(owner, "call tandem.prepare('products')") is None


def test_switch_window_overdue_price_and_a_new_key(db: Database) -> None:
    """A price of 99 came into force while the flat table was alone, later the old program wrote 50.
    The way forward is just switching the sync on; the old program gives the row another key: 50
    stays. Today: a row whose key changes is pushed whole, and _push brings the overdue price in."""
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
    switched on: 50 stays. Today 99: the way of a rejected row is _push, too."""
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
    """tblconfigprice.effectivefrom is there already, in whole seconds or days. Two changes of a
    price by an old program within one go on, or prepare is blocked. Today: prepare says nothing at
    all (timestamptz(0)) or warns (date), and the old program's UPDATE ends with 23505."""
    owner = db.owner()
    deployed_anew(owner, f"alter table tblconfigprice alter effectivefrom type {kind}")
    if any(str(row[0]).startswith("a column has another type") for row in blockers(owner)):
        return
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    old = db.old_app()
    for amount in (20, 21, 22):
        assert sqlstate(old, f"update tblproduct set amount = {amount}") is None
    assert drift(owner) == []


def test_numeric_without_a_scale_against_one_with(db: Database) -> None:
    """The mapping and tblproduct say numeric, tblconfigprice.amount is numeric(14,2): an amount of
    1.005 is not rounded, or prepare is blocked. Today: no finding of any severity, and 1.005
    becomes 1.01 in tblproduct itself. (_room is never asked where the mapping names no length.)"""
    owner = db.owner()
    owner.execute("alter table tblproduct alter amount type numeric")
    source = products().source.replace("numeric(14,2)", "numeric")
    deployed_anew(owner, "alter table tblproduct alter amount type numeric", source)
    if any(str(row[0]).startswith("a column has another type") for row in blockers(owner)):
        return
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    db.old_app().execute("update tblproduct set amount = 1.005")
    assert one(owner, "select amount::text from tblproduct") == "1.005"
