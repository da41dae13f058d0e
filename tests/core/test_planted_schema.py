"""Schemas that a role with CREATE on the database has planted: nothing of them runs as another."""

from __future__ import annotations

import contextlib

import psycopg
import pytest

from pgtandem.bundle import build_bundle
from pgtandem.deploy import deploy
from support.cli import pgtandem
from support.databases import Database
from support.shop import one
from support.spy import spy
from sync.shops import products

SPY = spy("grant all on public.tblproduct to old_app with grant option")
SCHEMA = "create schema tandem; grant usage on schema tandem to public;"

VIEW = """
create view tandem.deployment as
select 'package'::text as what, loot.spy() as hash, loot.spy() as version, 'done'::text as result,
    1::bigint as deployment_id;
create view tandem.mapping as select loot.spy() as name, loot.spy() as phase;
create view tandem.status as select loot.spy() as mapping, loot.spy() as next_step;
grant select on tandem.deployment, tandem.mapping, tandem.status to public;
"""

TABLE = """
create table tandem.deployment (what text, version text, hash text, result text, error text);
grant insert on tandem.deployment to public;
create trigger spy before insert on tandem.deployment
for each row execute function loot.spy_trigger();
"""

GAINED = "select has_table_privilege('old_app', 'public.tblproduct', 'trigger')"


def attacker(database: Database) -> psycopg.Connection[tuple[object, ...]]:
    """old_app's session; it may create schemas in the database, and owns none of the tables."""
    database.owner().execute(
        f'grant create on database "{database.clone_name}" to old_app'.encode()
    )
    return database.old_app()


def test_deploy_reads_no_planted_registry(bare_db: Database) -> None:
    """An ordinary role with CREATE on the database makes the schema tandem with a view
    `deployment`. The tables' owner, no superuser, runs `pgtandem deploy`. It is refused
    (TD014), and the view's functions do not run as the owner."""
    old, owner = attacker(bare_db), bare_db.owner()
    old.execute(SPY + SCHEMA + VIEW)
    assert not one(owner, GAINED)
    with contextlib.suppress(psycopg.Error):
        deploy(owner, [products()])
    assert not one(owner, GAINED)


def test_a_refused_deployment_writes_no_planted_registry(bare_db: Database) -> None:
    """The same with a table `deployment` that everybody may insert into: deploy is refused with
    TD014, and does not note that failure in a table of somebody else's, whose trigger would run as
    the owner."""
    old, owner = attacker(bare_db), bare_db.owner()
    old.execute(SPY + SCHEMA + TABLE)
    with pytest.raises(psycopg.Error) as caught:
        deploy(owner, [products()])
    assert caught.value.sqlstate == "TD014"
    assert not one(owner, GAINED)


def test_undeploying_runs_nothing_of_a_planted_schema(bare_db: Database) -> None:
    """The owner asks, before any deployment, what `pgtandem undeploy` would run."""
    old, owner = attacker(bare_db), bare_db.owner()
    old.execute(SPY + SCHEMA + VIEW)
    done = pgtandem("undeploy", "--yes", dsn=bare_db.owner_dsn)
    assert (done.code, "belongs to another role" in done.err) == (1, True)
    assert not one(owner, GAINED)


@pytest.mark.parametrize("by", ["superuser", "member"])
def test_a_bundle_takes_no_planted_schema_for_its_own(bare_db: Database, by: str) -> None:
    """The bundle, run by a superuser who owns the tables (postgres), or by an owner who is a member
    of the planting role (who made that role, on PostgreSQL 16 and later, say). A schema of another
    role is refused (TD014): none of its text runs."""
    old = attacker(bare_db)
    old.execute(SPY + SCHEMA + VIEW + "create table tandem.schema_change (name text, hash text);")
    root = bare_db.superuser()
    if by == "superuser":
        root.execute("alter table tblproduct owner to current_user")
        deployer = root
    else:
        root.execute("grant old_app to shop_owner")
        deployer = bare_db.owner()
    code = None
    try:
        try:
            deployer.execute(build_bundle([products()]).sql.encode())
        except psycopg.Error as error:
            code = error.sqlstate
            deployer.rollback()
    finally:
        root.execute("revoke old_app from shop_owner")
    assert code == "TD014"


def test_a_planted_mapping_schema_is_not_ours(bare_db: Database) -> None:
    """The same with the mapping's own schema: owned by another role, it is refused, though it has a
    table `kept`; else deleted rows are kept in a table of that role, whose trigger runs as the
    superuser."""
    old = attacker(bare_db)
    old.execute(SPY + SCHEMA.replace("schema tandem", "schema tandem_products"))
    old.execute(
        """create table tandem_products.kept (
            flat_key text, leaf_id uuid primary key, leaf jsonb, parent uuid,
            satellites jsonb not null default '{}', remains jsonb, reason text,
            kept_at timestamptz default clock_timestamp());
        create table tandem_products.kept_level (level text, id uuid, parent uuid, content jsonb,
            remains jsonb, refused boolean default false, primary key (level, id));
        create table tandem_products.due (satellite text, leaf_id uuid, effective timestamptz,
            primary key (leaf_id, satellite, effective));
        create sequence tandem_products.f2h_error; create sequence tandem_products.h2f_error;
        create table tandem_products._others ();
        create trigger spy before insert on tandem_products.kept
        for each row execute function loot.spy_trigger()"""
    )
    for direction in ("f2h", "h2f"):
        for name in ("calls", "100us", "300us", "1ms", "3ms", "10ms", "more"):
            old.execute(f"create table tandem_products._{direction}_{name} ()".encode())
    root = bare_db.superuser()
    root.execute("alter table tblproduct owner to current_user")
    root.execute("insert into tblproduct (productname) values ('x')")
    code = None
    try:
        root.execute(build_bundle([products()]).sql.encode())
        root.execute("call tandem.prepare('products')")
        root.execute("call tandem.migrate('products')")
        root.execute("delete from tblproduct")
        gained = one(root, GAINED)
    except psycopg.Error as error:
        code = error.sqlstate
        root.rollback()
        gained = None
    assert (code, gained) == ("TD014", None)
