"""What would fail later stops prepare: said by analyze, with a cure that can be pasted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgtandem.deploy import deploy
from pgtandem.mapping import parse_mapping
from support.databases import Connection, Database, TestServer
from support.shop import assert_in_step, fill, migrate, one, prepared
from sync.shops import Shop, sqlstate
from sync.test_values import ITEMS


def blockers(conn: Connection, mapping: str = "products") -> list[tuple[str, str, str]]:
    """Finding, subject and cure of each blocker."""
    return conn.execute(
        "select finding, subject, cure from tandem.analyze(%s) where severity = 'blocker'",
        (mapping,),
    ).fetchall()


def statements(cure: str) -> str:
    """The part of a cure that is SQL: all of it, or what follows the last colon."""
    return cure.rpartition(": ")[2]


def since(db: Database, major: int) -> None:
    """Skip where the server is older than the feature."""
    if db.server.version < major * 10000:
        pytest.skip(f"a feature of PostgreSQL {major}")


# --- the flat key ---------------------------------------------------------------------------------

NULLABLE = (
    "alter table tblproduct drop constraint tblproduct_pkey, add unique (productid),"
    " alter productid drop identity, alter productid drop not null;"
    "create sequence numbers start 10;"
    "alter table tblproduct alter productid set default nextval('numbers');"
    "grant usage on sequence numbers to old_app;"
    "insert into tblproduct (productid, productname) values (1, 'A'), (null, 'no key')"
)
NOT_VALID = "; alter table tblproduct add constraint given not null productid not valid"


@pytest.mark.parametrize("since_major, more", [(15, ""), (18, NOT_VALID)])
def test_a_flat_key_that_may_be_null_stops_prepare(
    db: Database, since_major: int, more: str
) -> None:
    """A row without a key is in no batch. That of 18 that is not validated counts as NOT NULL."""
    since(db, since_major)
    conn = db.owner()
    conn.execute((NULLABLE + more).encode())
    ((finding, subject, cure),) = blockers(conn)
    assert (finding, subject) == ("the flat key may be null", "public.tblproduct")
    assert sqlstate(conn, "call tandem.prepare('products')") == "TD004"
    conn.execute("update tblproduct set productid = 2 where productid is null")
    conn.execute(statements(cure).encode())
    assert blockers(conn) == []
    conn.execute("call tandem.prepare('products')")
    migrate(conn)
    assert one(conn, "select count(configid) from tblproduct") == 2
    assert_in_step(conn)


# --- columns that the database generates ----------------------------------------------------------

INSERT = "insert into tblproduct (productname, sku) values ('of a new name', 'Abc')"
FLAT = (
    "alter table tblproduct drop column configname,"
    " add column configname text generated always as (upper(sku)) {}"
)


@pytest.mark.parametrize("since_major, how", [(15, "stored"), (18, "virtual")])
def test_a_generated_column_of_the_flat_table_stops_prepare(
    db: Database, since_major: int, how: str
) -> None:
    """Its values stay where the cure is taken."""
    since(db, since_major)
    conn, old = db.owner(), db.old_app()
    conn.execute(FLAT.format(how).encode())
    old.execute(INSERT)
    ((finding, subject, cure),) = blockers(conn)
    assert finding == "the database generates a mapped column"
    assert subject == "public.tblproduct.configname"
    assert sqlstate(conn, "call tandem.prepare('products')") == "TD004"
    conn.execute(statements(cure).encode())
    assert blockers(conn) == []
    conn.execute("call tandem.prepare('products')")
    migrate(conn)
    old.execute(INSERT)
    assert one(conn, "select array_agg(name order by name) from tblconfig") == ["ABC", None]
    assert_in_step(conn)


@pytest.mark.parametrize(
    "table, column, expression",
    [
        ("tblconfig", "sku", "text generated always as (upper(name)) stored"),
        ("tblcatalog", "name", "text generated always as ('c' || versionid::text) stored"),
        (
            "tblconfigprice",
            "currency",
            "char(3) generated always as (case when amount > 1 then 'EUR' end) stored",
        ),
    ],
)
def test_a_generated_column_of_the_hierarchy_stops_prepare(
    db: Database, table: str, column: str, expression: str
) -> None:
    """Of the leaf, of an upper level, of dated rows."""
    conn = db.owner()
    prepared(conn, 4)
    conn.execute(
        f"drop view tandem_products.hierarchy; alter table {table} drop column {column} cascade;"
        f"alter table {table} add column {column} {expression}".encode()
    )
    found = {subject: cure for finding, subject, cure in blockers(conn) if "generates" in finding}
    assert list(found) == [f"public.{table}.{column}"]
    assert sqlstate(conn, "call tandem.prepare('products')") == "TD004"
    conn.execute(statements(found[f"public.{table}.{column}"]).encode())
    assert not any("generates" in finding for finding, _, _ in blockers(conn))


def items(server_db: Database, source: str, columns: str) -> Shop:
    """The mapping of ITEMS over a flat table with these columns, deployed."""
    shop = Shop(server_db, replace(parse_mapping(source), source=source))
    shop.owner.execute(
        f"create table flat_items (model text, {columns});"
        "grant select, insert, update, delete on flat_items to old_app".encode()
    )
    deploy(shop.owner, [shop.mapping])
    return shop


def test_an_identity_column_that_takes_no_value_stops_prepare(server: TestServer) -> None:
    """GENERATED BY DEFAULT takes one, and goes on to give numbers to old programs' rows."""
    columns = "id bigserial primary key, qty bigint generated always as identity"
    with server.clone(None) as database:
        shop = items(database, ITEMS.format("bigint", "bigint"), columns)
        shop.owner.execute("grant usage on sequence flat_items_id_seq to old_app")
        ((_, subject, cure),) = blockers(shop.owner, "items")
        assert subject == "public.flat_items.qty"
        assert sqlstate(shop.owner, "call tandem.prepare('items')") == "TD004"
        shop.owner.execute(statements(cure).encode())
        shop.migrate()
        shop.old.execute("insert into flat_items (model) values ('m')")
        shop.new.execute("update items set qty = 7")
        assert shop.rows("select qty from flat_items") == [(7,)]
        shop.assert_in_step()


def test_an_identity_that_takes_no_value_is_no_fault_of_the_flat_key(server: TestServer) -> None:
    """The sync never writes it, but for what new_key makes."""
    columns = "id bigint generated always as identity primary key, qty bigint"
    source = ITEMS.format("bigint", "bigint")
    with server.clone(None) as database:
        shop = items(database, source, columns)
        assert blockers(shop.owner, "items") == []
        shop.migrate()
        shop.new.execute(
            "with m as (insert into models (model) values ('m') returning model_id)"
            " insert into items (model_id, qty) select model_id, 3 from m"
        )
        assert shop.rows("select id, model, qty from flat_items") == [(1, "m", 3)]
        shop.assert_in_step()
    with server.clone(None) as database:
        database.owner().execute(
            "create function next_id() returns bigint language sql"
            " set search_path = pg_catalog, pg_temp as 'select 5'"
        )
        shop = items(database, source.replace('"id"\n', '"id"\nnew_key = "next_id"\n', 1), columns)
        ((finding, subject, _),) = blockers(shop.owner, "items")
        assert finding == "the database generates a mapped column"
        assert subject == "public.flat_items.id"


# --- publications ---------------------------------------------------------------------------------

NO_IDENTITY = "it has no replica identity"
FILTER = "a row filter uses columns outside its replica identity"
LIST = "a column list does not go with its replica identity"
GENERATED = "generated columns of its replica identity are not published"
NOTHING = "alter table tblproduct replica identity nothing;"
FULL = "alter table tblproduct replica identity full;"
NO_KEY = (
    "alter table tblproduct drop constraint tblproduct_pkey, add constraint u unique (productid);"
)
SHORT = "alter table tblproduct add column short text generated always as (upper(sku)) {};"

PUBLISHED: dict[str, tuple[str, str | None]] = {
    "harmless": ("create publication p for table tblproduct", None),
    "nothing": (NOTHING + "create publication p for table tblproduct", NO_IDENTITY),
    "nothing, all tables": (NOTHING + "create publication p for all tables", NO_IDENTITY),
    "nothing, schema": (NOTHING + "create publication p for tables in schema public", NO_IDENTITY),
    "nothing, only deletes": (
        NOTHING + "create publication p for table tblproduct with (publish = 'delete')",
        NO_IDENTITY,
    ),
    "nothing, only inserts": (
        NOTHING + "create publication p for all tables with (publish = 'insert, truncate')",
        None,
    ),
    "nothing, another table": (
        NOTHING + "create table other (); create publication p for table other",
        None,
    ),
    "no primary key": (NO_KEY + "create publication p for table tblproduct", NO_IDENTITY),
    "no primary key, no index": (
        NO_KEY + "alter table tblproduct alter productid drop identity,"
        " alter productid set default 100, alter productid drop not null;"
        "create publication p for table tblproduct",
        NO_IDENTITY,
    ),
    "another index": (
        NO_KEY + "alter table tblproduct replica identity using index u;"
        "create publication p for table tblproduct",
        None,
    ),
    "filter": ("create publication p for table tblproduct where (amount > 1)", FILTER),
    "filter by the key": (
        "create publication p for table tblproduct where (productid > 1)",
        None,
    ),
    "filter, all columns": (
        FULL + "create publication p for table tblproduct where (amount > 1)",
        None,
    ),
    "filter, only inserts": (
        "create publication p for table tblproduct where (amount > 1) with (publish = 'insert')",
        None,
    ),
    "list": ("create publication p for table tblproduct (sku)", LIST),
    "list with the key": ("create publication p for table tblproduct (productid, sku)", None),
    "list and filter": (
        "create publication p for table tblproduct (sku, amount) where (productid > 1 and true)",
        LIST,
    ),
    "list, all columns": (
        FULL + "create publication p for table tblproduct (productid, sku)",
        LIST,
    ),
    "stored column": (SHORT.format("stored") + "create publication p for table tblproduct", None),
    "stored column, all columns": (
        SHORT.format("stored") + FULL + "create publication p for table tblproduct",
        GENERATED,
    ),
    "virtual column, all columns": (
        SHORT.format("virtual") + FULL + "create publication p for table tblproduct",
        GENERATED,
    ),
}


@pytest.mark.parametrize("how", PUBLISHED)
def test_a_publication_that_makes_updates_fail_stops_prepare(db: Database, how: str) -> None:
    """A table that only grows shows nothing of it. Where no UPDATE fails, there is but a note."""
    publish, fault = PUBLISHED[how]
    if "column, all columns" in how or "virtual" in how:
        since(db, 18)
    root, conn = db.superuser(), db.owner()
    fill(conn, 5)
    root.execute(publish.encode())
    update, delete = "update tblproduct set sku = sku", "delete from tblproduct where false"
    fails = [sqlstate(root, write) is not None for write in (update, delete)]
    assert any(fails) == (fault is not None)

    found = [one for one in blockers(conn) if one[0].startswith("publications make")]
    assert [one[0].partition(": ")[2] for one in found] == ([fault] if fault else [])
    notes = one(
        conn,
        "select count(*) from tandem.analyze('products')"
        " where severity = 'note' and finding = 'is published for logical replication'",
    )
    assert notes == (0 if fault or how == "nothing, another table" else 1)
    if fault:
        assert sqlstate(conn, "call tandem.prepare('products')") == "TD004"
        root.execute(found[0][2].encode())
    assert [sqlstate(root, write) for write in (update, delete)] == [None, None]
    if "no index" in how:
        return  # its key may be null, which is a blocker, too
    conn.execute("call tandem.prepare('products')")
    migrate(conn)
    assert_in_step(conn)


def test_all_tables_can_be_published(db: Database) -> None:
    """Those that prepare makes, and pgtandem's own, have a replica identity."""
    conn, old = db.owner(), db.old_app()
    db.superuser().execute("create publication p for all tables")
    prepared(conn, 5)
    migrate(conn)
    old.execute("insert into tblproduct (productname) values ('new')")
    old.execute("delete from tblproduct where productid = 2")
    old.execute("insert into tblproduct (productid, productname) values (2, 'again')")
    conn.execute("call tandem.apply_due('products')")
    conn.execute("call tandem.rollback('products')")
    migrate(conn)
    assert_in_step(conn)
