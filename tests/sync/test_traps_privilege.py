"""Traps 27 to 32: privileges, row level security, names and types, dump and restore."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgtandem.deploy import deploy
from pgtandem.mapping import parse_mapping
from pgtandem.sqltext import ident
from support.databases import Database, TestServer
from sync.catalogue import add, assert_same, counts, hierarchy
from sync.conftest import Templates
from sync.model import disagreements
from sync.shops import Shop, products, sqlstate

# 27 -----------------------------------------------------------------------------------------------


def test_trap_27_the_old_program_needs_no_new_right(shop: Shop) -> None:
    for table in (
        *shop.hierarchy,
        "tandem_products.hierarchy",
        "tandem.run",
        "tandem.rejected_row",
    ):
        assert sqlstate(shop.old, f"select from {table}") == "42501", table
    for schema in ("tandem", "tandem_products"):
        assert not shop.value("select has_schema_privilege('old_app', %s, 'usage')", schema)
    key = add(shop, "A", amount=1, configname="x")
    shop.old.execute("update tblproduct set productname = 'B', amount = 2, configname = 'y'")
    shop.old.execute("update tblproduct set productname = ' '")
    shop.old.execute("update tblproduct set productname = 'C'")
    assert_same(shop)
    shop.old.execute("delete from tblproduct where productid = %s", (key,))
    assert counts(shop)[3:] == (0, 0)
    assert_same(shop)


def test_trap_27_the_new_program_needs_no_right_on_the_flat_table(shop: Shop) -> None:
    add(shop, "A", configname="x", amount=1)
    assert sqlstate(shop.new, "select from tblproduct") == "42501"
    shop.new.execute("update tblbaseproduct set name = 'B'")
    shop.new.execute("update tblconfig set status = 's'")
    shop.new.execute(
        "insert into tblconfigprice (configid, amount) select configid, 2 from tblconfig"
    )
    shop.new.execute(
        "insert into tblconfig (catalogid, name) select catalogid, 'n' from tblcatalog"
    )
    shop.new.execute("delete from tblconfig where name = 'x'")
    assert [row[:4] for row in hierarchy(shop)] == [("B", "1", "default", "n")]
    assert_same(shop)


def test_trap_27_rights_on_some_columns_are_enough(shop: Shop) -> None:
    shop.owner.execute(
        "revoke all on tblproduct from old_app;"
        "grant insert (productname, configname), update (configname), select (productid)"
        " on tblproduct to old_app"
    )
    add(shop, "A", configname="x")
    shop.old.execute("update tblproduct set configname = 'y' where productid > 0")
    assert [row[:4] for row in hierarchy(shop)] == [("A", "1", "default", "y")]
    assert_same(shop)


def test_trap_27_truncate_of_the_flat_table_by_who_may(shop: Shop) -> None:
    add(shop, "A", amount=1)
    add(shop, "")
    shop.owner.execute("grant truncate on tblproduct to old_app")
    shop.old.execute("truncate tblproduct")
    assert counts(shop)[3:] == (0, 0)
    assert shop.value("select count(*) from tandem_products.kept") == 1
    assert_same(shop)


def test_trap_27_truncate_of_the_hierarchy_is_refused(shop: Shop) -> None:
    add(shop, "A", amount=1)
    for table in ("tblconfigprice", "tblconfig, tblconfigprice"):
        assert sqlstate(shop.owner, f"truncate {table}") == "TD042"
    assert sqlstate(shop.owner, "truncate tblbaseproduct cascade") == "TD042"
    assert_same(shop)


def test_trap_27_nothing_of_ours_is_open_to_everyone(shop: Shop) -> None:
    assert shop.rows(
        """
        select p.oid::regprocedure::text from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname in ('tandem', 'tandem_products')
          and has_function_privilege('new_app', p.oid, 'execute')
          and has_schema_privilege('new_app', n.oid, 'usage')
        """
    ) == []  # fmt: skip
    assert shop.rows(
        """
        select p.proname from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname in ('tandem', 'tandem_products') and p.prosecdef
          and not exists (
            select from unnest(p.proconfig) as c where c like 'search_path=pg_catalog,%%'
          )
        """
    ) == []  # fmt: skip


# 28 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["operator", "admin"])
def test_trap_27_a_level_needs_no_right_on_the_schema_of_the_tables(
    order_shop: Shop, level: str
) -> None:
    """Every verb that operators may call works without USAGE on the schema, plan among them; a
    role without a level gets no further by it."""
    shop = order_shop
    shop.owner.execute(f"revoke usage on schema {ident(shop.mapping.schema)} from old_app")
    shop.owner.execute(f"insert into {shop.flat} (\"select\", \"Kunde Name\") values ('B-1', 'A')")
    shop.owner.execute("analyze")
    assert sqlstate(shop.old, "select * from tandem.plan('orders')") == "42501"
    shop.owner.execute("select tandem.grant_to('old_app', %s)", (level,))
    assert sqlstate(shop.old, f"select from {shop.flat}") == "42501"
    verbs = (
        *(f"select * from tandem.{verb}('orders')" for verb in ("plan", "analyze", "validate")),
        "select * from tandem.plan('orders', 10)",
        "select * from tandem.drift('orders')",
        "select * from tandem.show('orders', 'B-1')",
        "call tandem.repair('orders', 'flat')",
        *(f"call tandem.{verb}('orders')" for verb in ("migrate", "retry_rejected", "apply_due")),
    )
    assert {verb: sqlstate(shop.old, verb) for verb in verbs} == dict.fromkeys(verbs)
    query = "select disk_bytes from tandem.plan('orders') where statement like 'call%migrate%'"
    assert shop.old.execute(query.encode()).fetchall() == shop.rows(query)


@pytest.mark.parametrize("table", ["tblproduct", "tblconfig"])
def test_trap_28_forced_row_level_security_is_refused_with_the_line_that_cures_it(
    db: Database, table: str
) -> None:
    owner = db.owner()
    if table == "tblconfig":
        owner.execute("call tandem.prepare('products')")
    owner.execute(f"alter table {table} enable row level security, force row level security")
    with pytest.raises(psycopg.Error) as caught:
        owner.execute("call tandem.prepare('products')")
    assert caught.value.sqlstate == "TD004"
    cure = caught.value.diag.message_hint or ""
    assert cure.startswith("create policy")
    owner.execute(cure.encode())
    owner.execute("call tandem.prepare('products')")
    owner.execute("call tandem.migrate('products')")


def test_trap_28_the_application_sees_only_its_rows_and_the_sync_sees_all(shop: Shop) -> None:
    add(shop, "Hidden", configname="h")
    shop.owner.execute(
        """
        alter table tblproduct enable row level security;
        alter table tblproduct force row level security;
        create policy tandem_all on tblproduct for all to shop_owner using (true) with check (true);
        create policy app on tblproduct for all to old_app
          using (productname <> 'Hidden') with check (productname <> 'Hidden')
        """
    )
    add(shop, "Seen", configname="s")
    assert len(shop.old.execute("select from tblproduct").fetchall()) == 1
    shop.old.execute("update tblproduct set status = 'app'")
    shop.new.execute("update tblconfig set sku = 'new'")
    assert shop.rows("select productname, status, sku from tblproduct order by 1") == [
        ("Hidden", None, "new"),
        ("Seen", "app", "new"),
    ]
    assert_same(shop)


# 29 -----------------------------------------------------------------------------------------------


def test_trap_29_audit_defaults_of_the_other_side(shop: Shop) -> None:
    """current_user is the deployer inside the sync; session_user is who wrote."""
    shop.owner.execute(
        "alter table tblconfig add made_by text default current_user,"
        " add by_session text default session_user;"
        "alter table tblproduct add made_by text default current_user,"
        " add by_session text default session_user"
    )
    add(shop, "A", configname="x")
    assert shop.rows("select made_by, by_session from tblconfig") == [("shop_owner", "old_app")]
    shop.new.execute(
        "insert into tblconfig (catalogid, name) select catalogid, 'n' from tblcatalog"
    )
    assert shop.rows("select made_by, by_session from tblproduct where configname = 'n'") == [
        ("shop_owner", "new_app")
    ]
    assert_same(shop)


def test_trap_29_the_actor_column_gets_who_wrote(order_shop: Shop) -> None:
    shop = order_shop
    actors = f"""select "geändert von" from {shop.table("position")}"""
    shop.old.execute(f"""insert into {shop.flat} ("select", "Kunde Name") values ('B-1', 'K')""")
    assert shop.rows(actors) == [("old_app",)]
    shop.new.execute(f"""update {shop.table("position")} set "geändert von" = 'new'""")
    shop.owner.execute(f"""update {shop.flat} set "Land" = 'DE'""")
    assert shop.rows(actors) == [("shop_owner",)]
    shop.old.execute(f"""update {shop.flat} set "Kunde Name" = 'Other'""")
    assert shop.rows(actors) == [("old_app",)]
    shop.assert_in_step()


# 30 -----------------------------------------------------------------------------------------------


def test_trap_30_temporary_tables_named_like_ours_catch_nothing(shop: Shop) -> None:
    key = add(shop, "A", configname="x", amount=1)
    for conn in (shop.old, shop.new):
        for table in "tblbaseproduct tblproductversion tblcatalog tblconfig tblconfigprice".split():
            conn.execute(f"create temp table {table} (configid uuid, name text)")
    shop.new.execute("drop table pg_temp.tblconfig, pg_temp.tblbaseproduct")
    shop.new.execute("create temp table tblproduct (productid bigint, configid uuid, name text)")
    shop.old.execute("create temp table kept (flat_key text)")
    shop.old.execute("create temp table run (run_id bigint)")
    shop.old.execute("set search_path = pg_temp, public")
    add(shop, "B", configname="y", amount=2)
    shop.old.execute(
        "update public.tblproduct set configname = 'z', amount = 3 where productid = %s", (key,)
    )
    shop.new.execute("update tblconfig set status = 's'")
    shop.new.execute("update tblbaseproduct set name = 'C' where name = 'B'")
    assert hierarchy(shop) == [
        ("A", "1", "default", "z", "s", 3),
        ("C", "1", "default", "y", "s", 2),
    ]
    assert_same(shop)


# 31 -----------------------------------------------------------------------------------------------

TYPES = """
name = "types"
schema = "public"
[flat]
table = "flat_types"
key = "id"
[flat.types]
id = "bigint"
top = "text"
j = "json"
p = "point"
f = "float8"
n = "numeric(8,2)"
m = "numeric"
c = "char(5)"
s = "varchar(10)"
i = "text"
d = "timestamp"
[[level]]
name = "head"
table = "heads"
id = "headid"
key = ["top"]
columns = { top = "top" }
missing = { top = { policy = "reject" } }
types = { top = "char(6)" }
[leaf]
name = "body"
table = "bodies"
id = "bodyid"
parent = "headid"

[leaf.columns]
j = "j"
p = "p"
f = "f"
n = "n"
m = "m"
c = "c"
s = "s"
i = "i"
d = "d"

[leaf.types]
j = "json"
p = "point"
f = "float8"
n = "numeric"
m = "numeric"
c = "text"
s = "char(10)"
i = "integer"
d = "timestamp"
"""

TYPES_TABLE = """
create table flat_types (id bigint generated by default as identity primary key, top text, j json,
  p point, f float8, n numeric(8,2), m numeric, c char(5), s varchar(10), i text, d timestamp);
grant select, insert, update, delete on flat_types to old_app;
"""


@pytest.fixture
def typed(server: TestServer) -> Iterator[Shop]:
    """A mapping whose columns differ in type between the sides, or have no equality operator."""
    mapping = parse_mapping(TYPES)
    with server.clone(None) as database:
        shop = Shop(database, mapping)
        shop.owner.execute(TYPES_TABLE)
        deploy(shop.owner, [mapping])
        shop.migrate()
        yield shop


def check_typed(shop: Shop) -> None:
    assert shop.drift() == []
    assert shop.rows("select * from tandem.validate('types') where not passed") == []


def body(shop: Shop, columns: str) -> tuple[Any, ...]:
    (row,) = shop.rows(f"select {columns} from bodies")
    return row


def test_trap_31_types_without_equality(typed: Shop) -> None:
    shop = typed
    shop.old.execute("""insert into flat_types (top, j, p) values ('t', '{"a": 1}', '(1,2)')""")
    assert body(shop, "j::text, p::text") == ('{"a": 1}', "(1,2)")
    check_typed(shop)
    before = shop.value("select xmin::text from bodies")
    shop.old.execute("update flat_types set j = j, p = p, s = s")
    assert shop.value("select xmin::text from bodies") == before
    shop.old.execute("""update flat_types set j = '{"a":1}', p = '(1,3)'""")
    assert body(shop, "j::text, p::text") == ('{"a":1}', "(1,3)")
    shop.new.execute("""update bodies set j = '[1]', p = null""")
    assert shop.rows("select j::text, p::text from flat_types") == [("[1]", None)]
    check_typed(shop)


def test_trap_31_nan_and_scale(typed: Shop) -> None:
    shop = typed
    shop.old.execute("insert into flat_types (top, f, n, m) values ('t', 'NaN', 'NaN', '1.0')")
    check_typed(shop)
    before = shop.value("select xmin::text from bodies")
    shop.old.execute("update flat_types set f = 'NaN', n = 'NaN', m = 1.00")
    assert shop.value("select xmin::text from bodies") == before  # equal values are no change
    shop.old.execute("update flat_types set f = '-0', n = 2.5, m = 'infinity'")
    assert body(shop, "n, m::text") == (Decimal("2.50"), "Infinity")
    check_typed(shop)
    shop.new.execute("update bodies set n = 1.005, f = 'infinity'")
    assert shop.value("select n from flat_types") == Decimal("1.01")
    check_typed(shop)
    # an unrelated write of the old program does not round what the hierarchy holds
    shop.old.execute("update flat_types set s = 'other', n = n")
    assert body(shop, "n") == (Decimal("1.005"),)
    check_typed(shop)


def test_trap_31_padding(typed: Shop) -> None:
    shop = typed
    shop.old.execute("insert into flat_types (top, c, s) values ('t', 'ab', 'cd')")
    assert body(shop, "c, s") == ("ab", "cd        ")
    check_typed(shop)
    shop.old.execute("update flat_types set c = 'xyz', s = 'yz ', top = 'abc'")
    assert body(shop, "c, s") == ("xyz", "yz        ")
    assert shop.rows("select top from heads order by top") == [("abc   ",), ("t     ",)]
    check_typed(shop)
    shop.new.execute("update bodies set c = 'qr', s = 'rs'")
    assert shop.rows("select c, s from flat_types") == [("qr   ", "rs")]
    check_typed(shop)
    before = shop.value("select xmin::text from bodies")
    shop.old.execute("update flat_types set c = 'qr', i = i")
    assert shop.value("select xmin::text from bodies") == before
    shop.new.execute("update heads set top = 'uvw' where top = 'abc'")
    assert shop.value("select top from flat_types") == "uvw"
    # the same natural key in a text and in a char(6) column
    shop.old.execute("insert into flat_types (top) values ('uvw')")
    assert shop.value("select count(*) from heads") == 2
    check_typed(shop)


def test_trap_31_a_value_that_does_not_fit_is_rejected_or_refused(typed: Shop) -> None:
    shop = typed
    shop.old.execute("insert into flat_types (top, i) values ('t', '12')")
    assert body(shop, "i") == (12,)
    check_typed(shop)
    shop.old.execute("update flat_types set i = 'twelve'")
    assert shop.rows("select i, syncstatus from flat_types") == [("twelve", "rejected")]
    assert shop.value("select message from tandem.rejected_row where resolved_at is null")
    assert body(shop, "i") == (12,)
    # looking at rejected rows must not fail at the value that cannot be converted
    check_typed(shop)
    assert shop.rows("select * from tandem.show('types', '1')")
    shop.old.execute("update flat_types set i = '0013'")
    assert body(shop, "i") == (13,)
    check_typed(shop)
    for text in (
        "update bodies set c = 'longer than 5'",
        "insert into bodies (headid, c) select headid, 'longer than 5' from heads",
    ):
        assert sqlstate(shop.new, text) == "TD040"
    check_typed(shop)
    shop.old.execute("insert into flat_types (top, i) values ('way too long', '1'), ('t', '1e3')")
    assert shop.rows("select syncstatus from flat_types order by id") == [
        ("active",),
        ("rejected",),
        ("rejected",),
    ]
    shop.old.execute("update flat_types set top = 'ok', i = '7'")
    check_typed(shop)
    assert shop.value("select count(*) from bodies") == 3


def test_trap_31_rows_that_cannot_be_converted_are_met_by_the_migration(server: TestServer) -> None:
    mapping = parse_mapping(TYPES)
    with server.clone(None) as database:
        shop = Shop(database, mapping)
        shop.owner.execute(TYPES_TABLE)
        shop.owner.execute(
            "insert into flat_types (top, i) values ('a', '1'), ('b', 'x'), ('way too long', '3'),"
            " ('a', ' 4 '), (null, '5')"
        )
        deploy(shop.owner, [mapping])
        shop.rows("select * from tandem.analyze('types')")
        shop.migrate()
        assert shop.rows("select i, syncstatus from flat_types order by id") == [
            ("1", "active"), ("x", "rejected"), ("3", "rejected"), (" 4 ", "active"),
            ("5", "rejected"),
        ]  # fmt: skip
        check_typed(shop)


def test_trap_31_keys_compare_exactly(shop: Shop) -> None:
    for name in ("Ünï", "U\u0308nï", "ünï", "Ünï ", " Ünï", "x" * 2600):
        add(shop, name)
    assert counts(shop)[0] == 6
    too_long = add(shop, "y" * 2601)
    assert (
        shop.value("select syncstatus from tblproduct where productid = %s", too_long) == "rejected"
    )
    assert_same(shop)


# 32 -----------------------------------------------------------------------------------------------


def fill(shop: Shop) -> None:
    for number in range(12):
        add(shop, f"P{number % 3}", version=[None, "v"][number % 2], amount=number or None,
            configname=f"c{number}")  # fmt: skip
    add(shop, "")
    shop.new.execute("update tblconfig set notes = 'only here' where name = 'c3'")
    shop.old.execute("update tblproduct set amount = 100 where configname = 'c3'")
    shop.old.execute("delete from tblproduct where configname = 'c4'")


def dump(shop: Shop, *options: str) -> bytes:
    programs = shop.db.server.programs
    script = subprocess.run(
        [programs.pg_dump, *options, "-d", shop.db.owner_dsn],
        check=True, capture_output=True, env={"PGCLIENTENCODING": "UTF8"},
    ).stdout  # fmt: skip
    # a newer pg_dump sets what a server before 17 does not know
    return script.replace(b"SET transaction_timeout = 0;", b"")


def restore(shop: Shop, target: Database, script: bytes, tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(script)
    done = subprocess.run(
        [shop.db.server.programs.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target.owner_dsn,
         "-f", path],
        check=False, capture_output=True, text=True, env={"PGCLIENTENCODING": "UTF8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_trap_32_everything_dumped_and_restored_elsewhere(
    server: TestServer, shop: Shop, tmp_path: Path
) -> None:
    fill(shop)
    with server.clone(None) as target:
        with server.admin(target.clone_name) as admin:
            admin.execute("drop schema public")
        target.owner().execute("create schema public; grant usage on schema public to public")
        script = dump(shop).replace(b"CREATE SCHEMA public;", b"")
        restore(shop, target, script, tmp_path)
        copy = Shop(target, products())
        assert hierarchy(copy) == hierarchy(shop)
        assert_same(copy)
        add(copy, "After", configname="a", amount=1)
        copy.new.execute("update tblbaseproduct set name = 'Renamed' where name = 'After'")
        assert_same(copy)


def test_trap_32_data_only_into_a_synced_schema_with_the_sync_switched_off(
    server: TestServer, templates: Templates, shop: Shop, tmp_path: Path
) -> None:
    """The documented way: set_sync off both ways, restore, on again, validate."""
    fill(shop)
    script = dump(shop, "--data-only", "--schema=public")
    with server.clone(templates.of(products())) as target:
        copy = Shop(target, products())
        for direction in ("flat_to_hierarchy", "hierarchy_to_flat"):
            copy.owner.execute("select tandem.set_sync('products', %s, false)", (direction,))
        restore(shop, target, script, tmp_path)
        for direction in ("flat_to_hierarchy", "hierarchy_to_flat"):
            copy.owner.execute("select tandem.set_sync('products', %s, true)", (direction,))
        assert hierarchy(copy) == hierarchy(shop)
        assert copy.drift() == []
        add(copy, "After", configname="a", amount=1)
        assert copy.drift() == []
        assert [row for row in disagreements(copy) if "status" not in row] == []


def test_trap_32_flat_rows_alone_into_a_synced_schema_are_synced_as_they_come(
    server: TestServer, templates: Templates, shop: Shop, tmp_path: Path
) -> None:
    fill(shop)
    script = dump(shop, "--data-only", "--table=public.tblproduct")
    with server.clone(templates.of(products())) as target:
        copy = Shop(target, products())
        restore(shop, target, script, tmp_path)
        assert hierarchy(copy) == hierarchy(shop)
        assert_same(copy)
