"""Names of ours that are free, taken by a role that may create there. Nothing in them runs as ours.

Tables of the hierarchy before prepare, or dropped by hand since; the schema of a mapping that was
dropped by hand, or that a deployment is about to make.
"""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from pgtandem.bundle import build_bundle
from pgtandem.deploy import deploy, undeploy
from support.cli import pgtandem
from support.databases import HIERARCHY, Database
from support.locks import wait_for_lock_wait
from support.shop import Connection, assert_in_step, fill, in_background, migrate, one, prepared
from support.spy import spy
from sync.shops import products

SPY = spy("raise warning 'spy as %', current_user")

STORES = """
create schema tandem_products;
grant usage on schema tandem_products to public;
create view tandem_products.kept as select loot.spy() as flat_key, null::uuid as leaf_id,
    null::jsonb as satellites, null::jsonb as remains where loot.spy() is null;
create view tandem_products.kept_level as select loot.spy() as level where loot.spy() is null;
create view tandem_products.due as select now() as effective where loot.spy() is null;
grant select on all tables in schema tandem_products to public
"""

CALLS = (
    "select * from tandem.status",
    "select * from tandem.metrics",
    "select * from tandem.doctor()",
    "select * from tandem.progress",
    "select * from tandem.analyze('products')",
    "select * from tandem.plan('products')",
    "select * from tandem.plan('products', 100)",
    "select * from tandem.show('products', '1')",
    "select * from tandem.drift('products')",
    "select tandem.drift_count('products')",
    "select * from tandem.validate('products')",
    "select * from tandem._level_rows('products')",
    "select * from tandem._kept_parts('products')",
    "call tandem.prepare('products')",
    "call tandem.migrate('products')",
    "call tandem.migrate('products', p_dry_run => true)",
    "call tandem.repair('products', 'flat')",
    "call tandem.retry_rejected('products')",
    "call tandem.apply_due('products')",
    "select tandem.set_sync('products', 'log', true)",
    "select tandem.set_sync('products', 'flat_to_hierarchy', true)",
    "call tandem.rollback('products')",
    "call tandem.rollback('products', p_hierarchy => 'remove')",
    "call tandem.rollback('products', p_drop_columns => true)",
    "call tandem.purge('1 day')",
    "select tandem.grant_to('new_app', 'operator')",
)


def attacker(db: Database) -> Connection:
    """old_app's session; it may create schemas in the database and tables in public."""
    db.superuser().execute(
        f'grant create on database "{db.clone_name}" to old_app;'
        " grant create on schema public to old_app".encode()
    )
    old = db.old_app()
    old.execute(SPY)
    return old


def spied(conn: Connection) -> list[str]:
    """As whom the spy runs in a session, from now on."""
    found: list[str] = []

    def look(diagnostic: psycopg.errors.Diagnostic) -> None:
        text = diagnostic.message_primary or ""
        if text.startswith("spy as"):
            found.append(text)

    conn.add_notice_handler(look)
    return found


def ran_by(conn: Connection, calls: tuple[str, ...] = CALLS) -> dict[str, list[str]]:
    """The calls in which the spy ran, and as whom; refusals are fine."""
    found, seen = spied(conn), {}
    for call in calls:
        found.clear()
        try:
            conn.execute(call.encode())
        except psycopg.Error:
            conn.rollback()
        if found:
            seen[call] = sorted(set(found))
    return seen


def shape(conn: Connection) -> dict[str, str]:
    """The columns of the tables of the hierarchy, as CREATE TABLE has them."""
    return {
        table: ", ".join(
            f"{name} {kind}"
            for name, kind in conn.execute(
                "select attname, format_type(atttypid, atttypmod) from pg_attribute"
                " where attrelid = %s::regclass and attnum > 0 order by attnum",
                (table,),
            )
        )
        for table in map(str.lower, HIERARCHY)
    }


def plant(old: Connection, table: str, columns: str, kind: str) -> None:
    """A relation with these columns; whoever reads it runs the spy."""
    name = f"public.{table}"
    if kind == "view":
        old.execute(
            f"create table loot.{table} ({columns}); insert into loot.{table} default values;"
            f" grant select on loot.{table} to public;"
            f" create view {name} as select * from loot.{table} where loot.spy() is null".encode()
        )
    else:
        old.execute(
            f"create table {name} ({columns}); insert into {name} default values;"
            f" alter table {name} enable row level security;"
            f" create policy spy on {name} using (loot.spy() is null)".encode()
        )
    old.execute(f"grant all on {name} to public".encode())


@pytest.mark.parametrize("kind", ["view", "policy"])
@pytest.mark.parametrize("phase", ["deployed", "migrated", "rolled back", "undone"])
def test_planted_hierarchy_tables_are_not_read(db: Database, kind: str, phase: str) -> None:
    """Owner and operators call everything there is. The spy runs for nobody."""
    owner = db.owner()
    prepared(owner, 20)
    columns = shape(owner)
    if phase != "deployed":
        migrate(owner)
    if phase != "migrated":
        drop = "false" if phase == "rolled back" else "true"
        owner.execute(f"call tandem.rollback('products', p_drop_columns => {drop})".encode())
    owner.execute("select tandem.grant_to('new_app', 'operator')")
    owner.execute(f"drop table {', '.join(HIERARCHY)} cascade".encode())
    old = attacker(db)
    for table, listed in columns.items():
        plant(old, table, listed, kind)
    assert ran_by(owner) == {}
    assert ran_by(db.new_app()) == {}
    assert one(db.old_app(), "select loot.spy() is null")


def test_what_is_planted_is_named(db: Database) -> None:
    """analyze calls it a blocker; drift, show and validate refuse with TD003 and name it."""
    owner = db.owner()
    prepared(owner, 20)
    columns = shape(owner)
    owner.execute("drop table tblconfigprice cascade")
    plant(attacker(db), "tblconfigprice", columns["tblconfigprice"], "policy")
    found = owner.execute(
        "select finding, sample from tandem.analyze('products')"
        " where severity = 'blocker' and subject = 'public.tblconfigprice'"
    ).fetchall()
    assert ("not owned by the role that deployed", "owner is old_app") in found
    for call in (
        "select * from tandem.drift('products')",
        "select * from tandem.show('products', '1')",
        "select * from tandem.validate('products')",
    ):
        with pytest.raises(psycopg.Error) as caught:
            owner.execute(call.encode())
        assert caught.value.sqlstate == "TD003"
        assert caught.value.diag.message_detail == (
            "No ordinary table of shop_owner: public.tblconfigprice. Nothing of it was read."
        )
        assert "tandem.analyze" in (caught.value.diag.message_hint or "")


@pytest.mark.parametrize("kind", ["view", "policy"])
def test_a_report_reads_no_planted_table(db: Database, kind: str, tmp_path: Path) -> None:
    """`pgtandem report` by the owner, before prepare."""
    owner = db.owner()
    fill(owner, 5)
    old = attacker(db)
    old.execute(
        "create or replace function loot.spy() returns text language plpgsql as $$ begin"
        " if current_user <> 'old_app' then grant all on public.tblproduct to old_app; end if;"
        " return null; end $$"
    )
    plant(old, "tblbaseproduct", "baseproductid uuid, name text", kind)
    done = pgtandem("report", "products", dsn=db.owner_dsn, folder=tmp_path)
    assert done.code == 0, done.err
    assert not one(owner, "select has_table_privilege('old_app', 'tblproduct', 'trigger')")


@pytest.mark.parametrize("phase", ["migrated", "undone"])
def test_a_mapping_whose_schema_was_dropped_by_hand(db: Database, phase: str) -> None:
    """Another role takes its name. Nothing of it runs; status and doctor say what to do."""
    owner = db.owner()
    prepared(owner, 5)
    migrate(owner)
    owner.execute("select tandem.grant_to('new_app', 'operator')")
    if phase == "undone":
        owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    owner.execute("drop schema tandem_products cascade")
    old = attacker(db)
    old.execute(STORES)
    assert ran_by(owner) == {}
    assert ran_by(db.new_app()) == {}
    cure = one(owner, "select next_step from tandem.status where mapping = 'products'")
    assert cure == (
        "DELETE FROM tandem.mapping WHERE name = 'products';"
        "  -- its schema tandem_products is gone; or deploy it again"
    )
    assert owner.execute(
        "select state, value, cure from tandem.doctor() where subject = 'products'"
    ).fetchall() == [("problem", "its schema tandem_products is gone", cure)]
    with pytest.raises(psycopg.Error) as caught:
        owner.execute("select * from tandem.drift('products')")
    assert caught.value.sqlstate == "TD001"
    assert "tandem_products" in (caught.value.diag.message_detail or "")
    assert "DELETE FROM tandem.mapping" in (caught.value.diag.message_hint or "")
    # what others serve is granted all the same, and the mapping can go
    owner.execute("select tandem.grant_to('new_app', 'reader')")
    found = spied(owner)
    assert undeploy(owner) == ("products", "package")
    assert found == []
    assert one(owner, "select count(*) from pg_namespace where nspname = 'tandem_products'") == 1


@pytest.mark.parametrize("row", ["stays", "is deleted as well"])
def test_a_mapping_whose_schema_was_dropped_by_hand_comes_back(db: Database, row: str) -> None:
    """Deployed again it is prepared again, and goes on: nothing that was kept is there any more."""
    owner = db.owner()
    prepared(owner, 5)
    migrate(owner)
    owner.execute("drop schema tandem_products cascade")
    owner.execute("update tblproduct set status = 'late' where productid = 1")
    if row != "stays":
        owner.execute("delete from tandem.mapping where name = 'products'")
    assert deploy(owner, [products()]).changed == ("products",)
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    owner.execute("call tandem.repair('products', 'flat', p_dry_run => false)")
    assert_in_step(owner)


@pytest.mark.parametrize("who", ["superuser", "owner", "member"])
def test_a_table_planted_while_prepare_waits(bare_db: Database, who: str) -> None:
    """One name is held by an open transaction, so that prepare waits for it; another is taken then.
    prepare refuses, and has put nothing on the other role's table: no trigger that would run as the
    deployer, no foreign key."""
    old, root, deployer = attacker(bare_db), bare_db.superuser(), bare_db.owner()
    fill(root, 5)
    if who == "superuser":
        root.execute("alter table tblproduct owner to current_user")
        deployer = bare_db.superuser()
    if who == "member":
        root.execute("grant old_app to shop_owner")

    def prepare() -> None:
        deployer.execute("call tandem.prepare('products')")

    try:
        deployer.execute(build_bundle([products()]).sql.encode())
        holder = bare_db.old_app(autocommit=False)
        holder.execute("create table public.tblbaseproduct (x int)")
        with in_background(deployer, prepare) as preparing:
            wait_for_lock_wait(root, deployer.info.backend_pid)
            old.execute(
                "create table public.tblconfig (configid uuid primary key"
                " default gen_random_uuid(), catalogid uuid, name text, sku text,"
                " attributes jsonb, status varchar(20)); grant all on public.tblconfig to public"
            )
            holder.rollback()
            with pytest.raises(psycopg.Error) as caught:
                preparing.result(60)
        assert caught.value.sqlstate == "TD003"
        assert "public.tblconfig" in (caught.value.diag.message_detail or "")
        for found in (
            "select count(*) from pg_trigger where tgrelid = 'tblconfig'::regclass",
            "select count(*) from pg_constraint where confrelid = 'tblconfig'::regclass",
        ):
            assert one(root, found) == 0
    finally:
        root.execute("revoke old_app from shop_owner")


@pytest.mark.parametrize("mark", ["do $change$", "do $drop$", "-- schema/mapping"])
@pytest.mark.parametrize("schema", ["tandem", "tandem_products"])
def test_a_schema_planted_during_a_deployment(bare_db: Database, schema: str, mark: str) -> None:
    """The deployment has the names from its first check on: who wants one waits, and is refused."""
    old, owner = attacker(bare_db), bare_db.owner()
    text = build_bundle([products()]).sql
    at = text.index(mark)
    owner.execute(text[:at].encode())
    codes: list[str | None] = []

    def take() -> None:
        try:
            old.execute(f"create schema {schema}".encode())
        except psycopg.Error as error:
            codes.append(error.sqlstate)

    thread = threading.Thread(target=take)
    thread.start()
    owner.execute(text[at:].encode())
    thread.join(10)
    assert codes in (["23505"], ["42P06"])
    assert (
        one(
            owner,
            "select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = %s",
            schema,
        )
        == "shop_owner"
    )


def test_a_schema_planted_just_before_a_deployment_makes_it(bare_db: Database) -> None:
    """Its CREATE is not committed when ours is sent: ours waits, fails, and changes nothing."""
    old, owner = attacker(bare_db), bare_db.owner()
    old.autocommit = False
    old.execute("create schema tandem_products")
    codes: list[str | None] = []

    def run() -> None:
        try:
            deploy(owner, [products()])
        except psycopg.Error as error:
            codes.append(error.sqlstate)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(1)
    old.commit()
    thread.join(20)
    assert codes in (["23505"], ["TD014"], ["55P03"])
    assert one(bare_db.superuser(), "select to_regnamespace('tandem') is null")
