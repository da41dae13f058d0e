"""What others have built on what is pgtandem's, or with its names: said before anything is done."""

from __future__ import annotations

import psycopg
import pytest

from pgtandem.bundle import build_bundle
from pgtandem.deploy import deploy, undeploy
from pgtandem.errors import TandemError
from support.cli import pgtandem
from support.databases import Database
from support.locks import wait_until
from support.shop import (
    Connection,
    assert_in_step,
    fill,
    in_background,
    last_run,
    migrate,
    one,
    prepared,
)
from sync.shops import products
from sync.test_attacks import synced

FINDING = "select severity, sample from tandem.analyze('products') where finding like %s"
STAGE = "select cursor ->> 'stage' from tandem.run order by run_id desc limit 1"
DROP = "call tandem.rollback('products', p_drop_columns => true)"


def refused(conn: Connection, statement: str) -> psycopg.errors.Diagnostic:
    """What the server says of a statement that it refuses."""
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement.encode())
    return caught.value.diag


# --- rollback with p_drop_columns -----------------------------------------------------------------

BUILT = {
    "view of all columns": (
        "create view public.report as select * from tblproduct",
        "drop view public.report",
        "public.report",
    ),
    "view on ours": (
        "create materialized view public.pairs as select * from tandem_products.flat",
        "drop materialized view public.pairs",
        "public.pairs",
    ),
    "trigger of one column": (
        "create function public.t() returns trigger language plpgsql"
        " set search_path = pg_catalog, pg_temp as 'begin return new; end';"
        "create trigger mine before update of configid on tblproduct"
        " for each row execute function public.t()",
        "drop trigger mine on tblproduct",
        "trigger mine",
    ),
    "generated column": (
        "alter table tblproduct add column short text"
        " generated always as (substr(syncstatus::text, 1, 3)) stored",
        "alter table tblproduct drop column short",
        "short",
    ),
    # these use a view as a type
    "column": (
        "create table public.holder (r tandem_products.flat)",
        "drop table public.holder",
        "column r of table public.holder",
    ),
    "column of an array": (
        "create table public.holder (r tandem_products.flat[])",
        "drop table public.holder",
        "column r of table public.holder",
    ),
    "domain": (
        "create domain public.d as tandem_products.flat",
        "drop domain public.d",
        "type public.d",
    ),
    "argument": (
        "create function public.f(tandem_products.hierarchy) returns int language sql"
        " as 'select 1'",
        "drop function public.f",
        "function public.f(tandem_products.hierarchy)",
    ),
    "trigger with a name like ours": (
        "create function public.t() returns trigger language plpgsql"
        " set search_path = pg_catalog, pg_temp as 'begin return new; end';"
        "create trigger tandem_mine before update of syncstatus on tblproduct"
        " for each row execute function public.t()",
        "drop trigger tandem_mine on tblproduct",
        "trigger tandem_mine",
    ),
    "view of a child": (
        "create table public.child () inherits (tblproduct);"
        "create view public.report as select configid from public.child",
        "drop view public.report; drop table public.child",
        "public.report",
    ),
    "view in our schema": (
        "create view tandem_products.mine as select configid from tblproduct",
        "drop view tandem_products.mine",
        "tandem_products.mine",
    ),
    "CHECK of a domain": (
        "create domain public.d as tblproduct check ((value).configid is not null)",
        "drop domain public.d",
        "constraint d_check of domain public.d",
    ),
    # these PostgreSQL drops with the column, or the view, and says nothing
    "index": (
        "create unique index mine on tblproduct (productid) where syncstatus = 'active'",
        "drop index mine",
        "index public.mine",
    ),
    "index of a child": (
        "create table public.child () inherits (tblproduct);"
        "create index mine on public.child (configid)",
        "drop table public.child",
        "index public.mine",
    ),
    "foreign key": (
        "alter table tblproduct add constraint mine foreign key (configid) references tblconfig"
        " deferrable initially deferred",
        "alter table tblproduct drop constraint mine",
        "constraint mine on table public.tblproduct",
    ),
    "CHECK": (
        "alter table tblproduct add constraint mine check (syncstatus <> '' or sku <> '')",
        "alter table tblproduct drop constraint mine",
        "constraint mine on table public.tblproduct",
    ),
    "statistics": (
        "create statistics public.mine on sku, syncstatus from tblproduct",
        "drop statistics public.mine",
        "statistics object public.mine",
    ),
    "trigger of a view": (
        "create function public.t() returns trigger language plpgsql"
        " set search_path = pg_catalog, pg_temp as 'begin return new; end';"
        "create trigger mine instead of update on tandem_products.flat"
        " for each row execute function public.t()",
        "drop trigger mine on tandem_products.flat",
        "trigger mine",
    ),
}


@pytest.mark.parametrize("what", BUILT)
def test_dropping_the_columns_is_refused_before_anything_is_done(db: Database, what: str) -> None:
    build, remove, named = BUILT[what]
    conn = synced(db, 30)
    conn.execute(build.encode())
    (found,) = conn.execute(FINDING, ("objects of others use%",)).fetchall()
    assert found[0] == "warning" and named in found[1]

    said = refused(conn, DROP)
    assert said.sqlstate == "TD020"
    assert named in (said.message_detail or "")
    # still in step: the sync was not switched off first
    assert one(conn, "select phase from tandem.mapping") == "migrated"
    db.old_app().execute("update tblproduct set sku = 'still' where productid = 1")
    assert_in_step(conn)
    assert one(conn, "select count(*) from tblconfig where sku = 'still'") == 1

    conn.execute(remove.encode())
    conn.execute(DROP.encode())
    assert one(conn, "select phase from tandem.mapping") == "deployed"


def test_properties_of_the_columns_go_with_them(db: Database) -> None:
    """A default, NOT NULL, and statistics targets are the column's own; a child has copies."""
    conn = synced(db, 5)
    conn.execute(
        "create table public.child () inherits (tblproduct);"
        "alter table tblproduct alter configid set default gen_random_uuid(),"
        " alter syncstatus set not null, alter syncstatus set statistics 500"
    )
    assert conn.execute(FINDING, ("objects of others use%",)).fetchall() == []
    conn.execute(DROP.encode())
    assert one(conn, "select phase from tandem.mapping") == "deployed"


def test_what_is_built_during_the_rollback_stops_it_where_it_can_go_on(db: Database) -> None:
    conn = synced(db, 30)
    writer, other = db.old_app(), db.owner()
    writer.execute("begin")
    writer.execute("update tblproduct set sku = 'open' where productid = 1")
    said: list[str | None] = []
    with in_background(conn, lambda: said.append(refused(conn, DROP).sqlstate)) as rollback:
        wait_until(lambda: one(other, STAGE) in ("note", "off"), "the first batch")
        other.execute("create view public.late as select * from tblproduct")
        writer.execute("commit")
        rollback.result(30)
    assert said == ["TD020"]
    assert one(conn, "select phase from tandem.mapping") == "prepared"
    conn.execute("drop view public.late")
    conn.execute(DROP.encode())
    assert one(conn, "select phase from tandem.mapping") == "deployed"
    assert last_run(conn, "state", "attempt") == ("done", 2)


def deploy_anew(conn: Connection) -> None:
    """Run the whole bundle, whatever the registry says."""
    conn.execute(build_bundle([products()]).sql.encode())
    conn.commit()


def test_a_rollback_that_keeps_the_columns_needs_no_such_thing(db: Database) -> None:
    conn = synced(db, 10)
    conn.execute("create view public.report as select * from tblproduct")
    conn.execute("call tandem.rollback('products')")
    assert one(conn, "select phase from tandem.mapping") == "prepared"


# --- the row type of the flat table ---------------------------------------------------------------

HOLDERS = {
    "column": "create table public.archive (old tblproduct)",
    "array": "create table public.archive (old tblproduct[])",
    "domain": "create domain public.d as tblproduct; create table public.archive (old public.d)",
    "composite": (
        "create type public.pair as (one tblproduct, other text);"
        "create table public.archive (old public.pair[])"
    ),
    "temporary": "create temp table archive (old tblproduct)",
}


@pytest.mark.parametrize("how", HOLDERS)
def test_a_column_of_the_row_type_is_a_blocker(db: Database, how: str) -> None:
    conn = db.owner()
    fill(conn, 5)
    conn.execute(HOLDERS[how].encode())
    (found,) = conn.execute(FINDING, ("columns elsewhere have the row type%",)).fetchall()
    assert found[0] == "blocker" and "archive.old" in found[1]
    assert refused(conn, "call tandem.prepare('products')").sqlstate == "TD004"
    assert (
        one(
            conn,
            "select count(*) from pg_attribute where attrelid = 'tblproduct'::regclass"
            " and attname in ('syncstatus', 'configid') and not attisdropped",
        )
        == 0
    )
    conn.execute("drop table archive")
    prepared(conn, 0)
    migrate(conn)
    assert_in_step(conn)


def test_once_prepared_a_column_of_the_row_type_is_nobodys_concern(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 5)
    conn.execute("create table public.archive (old tblproduct)")
    assert conn.execute(FINDING, ("columns elsewhere have the row type%",)).fetchall() == []
    conn.execute("call tandem.prepare('products')")
    migrate(conn)
    assert_in_step(conn)


# --- names of our indexes -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["table", "sequence", "index"])
def test_the_name_of_an_index_taken_by_another_relation_is_no_invalid_index(
    db: Database, kind: str
) -> None:
    conn = db.owner()
    fill(conn, 5)
    name = one(
        conn,
        "select object from tandem._requirements('products')"
        " where kind = 'index' and relation = 'public.tblproduct' order by ordinal limit 1",
    )
    take = {
        "table": f"create table public.{name} (a int)",
        "sequence": f"create sequence public.{name}",
        "index": f"create table public.other (a int); create index {name} on public.other (a)",
    }[kind]
    conn.execute(take.encode())
    said = refused(conn, "call tandem.prepare('products')")
    assert said.sqlstate == "TD004"
    assert "has its name taken by a relation of shop_owner" in (said.message_primary or "")
    (planned,) = conn.execute(
        "select note from tandem.plan('products') where statement like %s", (f"%{name}%",)
    ).fetchall()
    assert "has its name taken" in planned[0]
    conn.execute(f"drop {kind} public.{name}".encode())
    conn.execute("call tandem.prepare('products')")


def test_where_indexes_are_left_to_be_built_the_hint_says_that_a_name_is_taken(
    db: Database,
) -> None:
    conn = db.owner()
    fill(conn, 5)
    conn.execute("update tandem.setting set value = '0' where name = 'index_build_rows'")
    conn.execute("call tandem.prepare('products')")
    (statement,) = conn.execute(
        "select name from tandem._index_statements('products') order by ordinal limit 1"
    ).fetchone() or ("",)
    name = statement.split()[1]
    conn.execute(f"create table public.{name} (a int)".encode())
    said = refused(conn, "call tandem.migrate('products')")
    assert said.sqlstate == "TD003"
    assert f"index {name} on" in (said.message_detail or "")
    assert "has its name taken by a relation of shop_owner" in (said.message_detail or "")
    assert "after what has such a name already was renamed or dropped" in (said.message_hint or "")


# --- deploying over what others have built --------------------------------------------------------

USERS = {
    "view": ("create view {schema}.v as select * from tandem.status", "drop view {schema}.v"),
    "default": (
        "create table {schema}.v (id uuid default tandem.new_id())",
        "drop table {schema}.v",
    ),
    "row type": ("create table {schema}.v (s tandem.progress)", "drop table {schema}.v"),
    "array": ("create table {schema}.v (s tandem.progress[])", "drop table {schema}.v"),
    "function": (
        "create function {schema}.v(tandem.status) returns int language sql as 'select 1'",
        "drop function {schema}.v(tandem.status)",
    ),
    "argument of an array": (
        "create function {schema}.v(tandem.status[]) returns int language sql as 'select 1'",
        "drop function {schema}.v(tandem.status[])",
    ),
    "CHECK of a domain": (
        "create domain {schema}.v as uuid check (value <> tandem.new_id())",
        "drop domain {schema}.v",
    ),
    "trigger with a name like ours": (
        "create function {schema}.f() returns trigger language plpgsql as 'begin return new; end';"
        "create table {schema}.v (id uuid);"
        "create trigger tandem_mine before insert on {schema}.v for each row"
        " when (new.id = tandem.new_id()) execute function {schema}.f()",
        "drop table {schema}.v; drop function {schema}.f()",
    ),
    "of a mapping": (
        "create view {schema}.v as select {upsert}",
        "drop view {schema}.v",
    ),
}
UPSERT = "tandem_products.add_catalog('a', 'b', 'c')"


@pytest.mark.parametrize("what", USERS)
def test_a_deployment_names_what_others_have_built_on_it(db: Database, what: str) -> None:
    root, conn = db.superuser(), synced(db, 5)
    root.execute("create schema theirs authorization new_app")
    conn.execute("select tandem.grant_to('new_app', 'reader')")
    theirs = db.new_app() if what != "of a mapping" else root
    build, remove = (text.format(schema="theirs", upsert=UPSERT) for text in USERS[what])
    theirs.execute(build.encode())
    said = refused(conn, build_bundle([products()]).sql)
    conn.rollback()
    assert said.sqlstate == "TD020"
    assert "theirs.v" in (said.message_detail or "")
    with pytest.raises(TandemError, match="depend on it"):
        undeploy(conn)
    # they stay as they are, and so does the sync
    assert theirs.execute("select count(*) from pg_depend").fetchone() is not None
    assert_in_step(conn)
    theirs.execute(remove.encode())
    deploy_anew(conn)
    assert_in_step(conn)


def test_the_command_line_says_so_too(db: Database) -> None:
    conn = db.owner()
    deploy(conn, [products()])
    conn.execute("create view public.mine as select * from tandem.progress")
    conn.execute("delete from tandem.deployment")  # so that deploy has something to do
    done = pgtandem("deploy", "products", dsn=db.owner_dsn)
    assert done.code == 1
    assert "TD020" in done.err and "view public.mine" in done.err


def test_tables_and_triggers_of_ours_are_not_replaced_and_may_be_used(db: Database) -> None:
    conn = synced(db, 5)
    conn.execute("create view public.runs as select run_id from tandem.run")
    deploy_anew(conn)
    assert one(conn, "select count(*) from public.runs") > 0


@pytest.mark.parametrize(
    "build",
    [
        "create view public.v as select * from tandem_products.flat",
        "create table public.v (r tandem_products.hierarchy)",
        "create table public.v (r tandem_products.flat[])",
    ],
)
def test_the_views_of_a_mapping_are_not_replaced_and_may_be_used(db: Database, build: str) -> None:
    """prepare made them; a deployment leaves them as they are."""
    conn = synced(db, 5)
    before = one(conn, "select 'tandem_products.flat'::regclass::oid")
    conn.execute(build.encode())
    deploy_anew(conn)
    assert one(conn, "select 'tandem_products.flat'::regclass::oid") == before
    with pytest.raises(TandemError, match="depend on it"):
        undeploy(conn)
