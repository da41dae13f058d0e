"""Attacks by the shop's own triggers, names, collations and other mappings."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import psycopg
import pytest

from pgtandem.deploy import deploy
from pgtandem.mapping import parse_mapping
from support.databases import Connection, Database
from support.locks import wait_for_lock_wait, wait_until
from support.shop import in_background, migrate, one
from sync.shops import products, sqlstate
from sync.test_attacks import drift
from sync.test_ways_back import mapping_of


def waiting(db: Database, rows: int) -> Connection:
    """shop_owner's session in a prepared shop with flat rows 1, 2, ... of three products."""
    owner = db.owner()
    owner.execute(
        "insert into tblproduct (productid, productname, version, catalogname, configname, amount)"
        " select i, 'P' || i %% 3, '1', 'home', 'c' || i, i from generate_series(1, %s) as i",
        (rows,),
    )
    owner.execute("call tandem.prepare('products')")
    db.grant_new_app()
    return owner


NO_DEAR_PRICES = """
create function cheap() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if new.amount > 10 then return null; end if;
    return new;
end $$;
create trigger cheap before insert on tblconfigprice for each row execute function cheap();
"""


SECOND = """
name = "second"
[flat]
table = "tblconfig"
key = "configid"
status = "state2"
[flat.types]
configid = "uuid"
name = "text"
sku = "text"
[[level]]
name = "family"
table = "tblfamily"
id = "familyid"
sync = "familyid"
key = ["name"]
columns = { name = "name" }
missing = { name = { policy = "default", value = "none" } }
types = { name = "text" }
[leaf]
name = "item"
table = "tblitem"
id = "itemid"
sync = "itemid"
parent = "family"
columns = { sku = "sku" }
match = ["sku"]
types = { sku = "text" }
"""


@pytest.mark.parametrize("how", ["migration", "insert", "update"])
def test_an_own_trigger_that_suppresses_a_price_does_not_wipe_the_amount(
    db: Database, how: str
) -> None:
    """docs/limits.md: one that suppresses the write is an error."""
    owner = waiting(db, 2)
    owner.execute("update tblproduct set amount = 20 where productid = 2")
    if how == "migration":
        owner.execute(NO_DEAR_PRICES)
        with contextlib.suppress(psycopg.Error):
            migrate(owner)
        assert one(owner, "select amount from tblproduct where productid = 2") == 20
        return
    migrate(owner)
    owner.execute(NO_DEAR_PRICES)
    text = {
        "insert": "insert into tblproduct (productid, productname, amount) values (9, 'x', 30)",
        "update": "update tblproduct set amount = 30 where productid = 2",
    }[how]
    state = sqlstate(db.old_app(), text)
    assert state == "TD044" or one(owner, "select count(*) from tblproduct where amount = 30") == 1


@pytest.mark.parametrize("change", ["productname = 'Else'", "sku = 'new'"])
def test_a_key_that_changes_while_a_batch_waits_for_it_does_not_widen_the_batch(
    db: Database, change: str
) -> None:
    owner = waiting(db, 12)
    owner.execute("delete from tblproduct where productid = 9")
    while not one(owner, "select count(configid) from tblproduct"):
        migrate(owner, p_batch_rows=1, p_max_batches=1)
    jumper, writer, runner = db.old_app(), db.old_app(), db.owner()
    pid = runner.info.backend_pid
    jumper.execute("begin")
    jumper.execute("update tblproduct set productid = 9 where productid = 2")
    with in_background(runner, lambda: migrate(runner, p_batch_rows=3)) as run:
        wait_for_lock_wait(owner, pid)
        writer.execute("begin")
        writer.execute(f"update tblproduct set {change} where productid = 7".encode())
        jumper.execute("commit")
        wait_until(
            lambda: (
                run.done()
                or one(
                    owner, "select %s = any (pg_blocking_pids(%s))", writer.info.backend_pid, pid
                )
            ),
            "the batch waits for the writer of row 7",
        )
        writer.execute("commit")
        run.result(60)
    assert one(owner, "select count(*) from tblconfig") == 11
    assert drift(owner) == []


@pytest.mark.parametrize("when", ["live", "migration"])
def test_an_own_trigger_that_makes_a_default_child_of_each_parent(db: Database, when: str) -> None:
    owner = waiting(db, 0)
    owner.execute(
        """
        create function child() returns trigger language plpgsql
        set search_path = public, pg_temp as $$
        begin
            insert into tblproductversion (versionid, baseproductid, version)
            values (gen_random_uuid(), new.baseproductid, '1');
            return null;
        end $$;
        create trigger child after insert on tblbaseproduct
        for each row execute function child();
        """
    )
    if when == "live":
        migrate(owner)
    db.old_app().execute("insert into tblproduct (productname) values ('A'), ('B')")
    if when == "migration":
        migrate(owner)
    assert one(owner, "select count(*) from tblproduct where syncstatus = 'rejected'") == 0
    assert drift(owner) == []


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("perform no_such_function()", "42883"),
        ("insert into not_there values (1)", "42P01"),
        ("raise exception using errcode = 'disk_full'", "53100"),
    ],
)
def test_a_fault_that_all_rows_share_rejects_none(db: Database, body: str, state: str) -> None:
    owner = waiting(db, 20)
    owner.execute(
        f"""
        create function broken() returns trigger language plpgsql
        set search_path = public, pg_temp as $$
        begin
            {body};
            return new;
        end $$;
        create trigger broken before insert on tblconfig for each row execute function broken();
        """.encode()
    )
    with pytest.raises(psycopg.Error) as caught:
        migrate(owner)
    assert caught.value.sqlstate == state
    assert one(owner, "select count(*) from tandem.rejected_row") == 0
    assert one(owner, "select state from tandem.run order by run_id desc limit 1") == "paused"
    owner.execute("drop trigger broken on tblconfig")
    migrate(owner)
    assert one(owner, "select count(*) from tblconfig") == 20


@pytest.mark.parametrize("name", ["p_from", "v_from", "v_now", "p_key", "v_leaf"])
def test_other_columns_of_the_flat_table_are_named_like_variables(
    bare_db: Database, name: str
) -> None:
    owner = bare_db.owner()
    owner.execute(f"alter table tblproduct add {name} text".encode())
    owner.execute("insert into tblproduct (productid, productname) values (1, 'A'), (2, 'B')")
    deploy(owner, [products()])
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert one(owner, "select count(*) from tblproduct where syncstatus = 'rejected'") == 0
    bare_db.old_app().execute("insert into tblproduct (productid, productname) values (3, 'Z')")
    assert drift(owner) == []


def test_a_level_named_todo(bare_db: Database) -> None:
    owner = bare_db.owner()
    source = products().source.replace('name = "base"', 'name = "todo"')
    owner.execute("insert into tblproduct (productid, productname) values (1, 'A')")
    deploy(owner, [replace(parse_mapping(source), source=source)])
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert one(owner, "select syncstatus from tblproduct") == "active"


def test_two_collations_are_a_blocker_before_anything_is_made(bare_db: Database) -> None:
    owner = bare_db.owner()
    owner.execute(
        'alter table tblproduct alter productname type text collate "C";'
        "create table tblbaseproduct (baseproductid uuid primary key default gen_random_uuid(),"
        ' name text collate "POSIX" not null unique, description text, status text)'
    )
    deploy(owner, [products()])
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"
    cure = one(
        owner,
        "select cure from tandem.analyze('products')"
        " where severity = 'blocker' and finding like '%collation%'",
    )
    owner.execute(cure.encode())
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    bare_db.old_app().execute("insert into tblproduct (productname) values ('A')")
    assert drift(owner) == []


def test_new_tables_have_the_collations_of_the_flat_columns(bare_db: Database) -> None:
    """Else each look-up of a parent reads the whole table: the index has another order."""
    owner = bare_db.owner()
    owner.execute(
        'alter table tblproduct alter productname type text collate "C",'
        ' alter sku type text collate "POSIX", alter currency type char(3) collate "C"'
    )
    owner.execute("insert into tblproduct (productname, sku) values ('B', 'x')")
    deploy(owner, [products()])
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    bare_db.old_app().execute("insert into tblproduct (productname) values ('A')")
    owner.execute("update tblbaseproduct set name = 'Q' where name = 'A'")
    assert drift(owner) == []
    rows = owner.execute(
        "select attname, attcollation::regcollation::text from pg_attribute where attcollation"
        " not in (0, 'pg_catalog.default'::regcollation) and attrelid = any (array['tblconfig',"
        " 'tblbaseproduct', 'tblconfigprice']::regclass[]) order by 1"
    ).fetchall()
    assert rows == [("currency", '"C"'), ("name", '"C"'), ("sku", '"POSIX"')]


def test_a_collation_that_takes_different_texts_for_equal_hides_no_change(
    bare_db: Database,
) -> None:
    """Non-deterministic: 'x' becomes 'X' on the flat side alone, and drift is 0. (docs/limits.md:
    values are compared exactly.) Or prepare refuses. The embedded server has no ICU: run it with
    PGTANDEM_PG_BIN."""
    owner = bare_db.owner()
    try:
        owner.execute(
            "create collation ci (provider = icu, locale = 'und-u-ks-level2',"
            " deterministic = false)"
        )
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("needs ICU")
    owner.execute(
        "alter table tblproduct alter sku type text collate ci,"
        " alter productname type text collate ci;"
        "insert into tblproduct (productid, productname, sku) values (1, 'Acme', 'x')"
    )
    deploy(owner, [products()])
    owner.execute("select * from tandem.analyze('products')")  # 0A000: regular expressions
    if sqlstate(owner, "call tandem.prepare('products')") == "TD004":
        return
    migrate(owner)
    bare_db.old_app().execute("update tblproduct set sku = 'X'")
    assert one(owner, 'select sku collate "C" from tblconfig') == "X"
    assert one(owner, "select tandem.drift_count('products')") == 0


@pytest.mark.parametrize("how", ["hierarchy of both", "hierarchy and flat"])
def test_a_table_of_another_mapping_is_refused_or_kept_in_step(bare_db: Database, how: str) -> None:
    """Triggers of two mappings on one table have one name: prepare of the second finds them there,
    says prepared, and its own are never made. Nothing of the second is synced from that table."""
    owner = bare_db.owner()
    owner.execute("create table tblarticle (like tblproduct including all)")
    owner.execute("insert into tblproduct (productid, productname) values (1, 'A')")
    deploy(owner, [products()])
    owner.execute("call tandem.prepare('products')")
    owner.execute("alter table tblconfig alter catalogid set default gen_random_uuid()")
    migrate(owner)
    if how == "hierarchy of both":
        name = "articles"
        source = products().source.replace('name = "products"', 'name = "articles"', 1)
        source = source.replace('"tblproduct"', '"tblarticle"')
    else:
        name, source = "second", SECOND
    try:
        deploy(owner, [products(), mapping_of(source)])
        owner.execute("call tandem.prepare(%s)", (name,))
    except psycopg.Error as error:
        assert error.sqlstate in ("TD004", "TD006")
        return
    owner.execute("call tandem.migrate(%s)", (name,))
    owner.execute("insert into tblarticle (productid, productname) values (1, 'A')")
    owner.execute("update tblbaseproduct set name = 'B'")
    owner.execute("update tblproduct set sku = 's' where productid = 1")
    rows = owner.execute(
        "select * from tandem.drift(%s) where kind <> 'hierarchy_only'", (name,)
    ).fetchall()
    assert rows == []
