"""Deploying: whole or not at all, nothing outside tandem*, refusals; the bundle does the same."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgtandem import bundle as bundle_module
from pgtandem.bundle import build_bundle
from pgtandem.deploy import Deployed, deploy
from pgtandem.mapping import Mapping, load_mapping, parse_mapping
from pgtandem.paths import db_dir
from support.databases import Database, dump
from support.locks import wait_until
from support.shop import (
    Connection,
    assert_in_step,
    catalog,
    contents,
    fill,
    in_background,
    migrate,
    one,
    prepared,
)

SOURCE = (db_dir() / "mappings" / "products.toml").read_text(encoding="utf-8")
OURS = ("tandem", "tandem_products")
ODD_NAME = "change  a leaf(uuid)) is 'mine"


@pytest.fixture(scope="module")
def products() -> Mapping:
    return load_mapping(db_dir() / "mappings" / "products.toml")


def registry(conn: Connection) -> list[tuple[object, ...]]:
    """What the deployment wrote, without times and who."""
    return [
        *conn.execute(
            "select what, version, hash, result from tandem.deployment order by deployment_id"
        ),
        *conn.execute("select name, hash, version, null from tandem.schema_change order by name"),
        *conn.execute("select name, source_hash, hash, phase from tandem.mapping order by name"),
    ]


def refused(conn: Connection, mappings: list[Mapping], code: str) -> psycopg.Error:
    """The error of a deployment that must be refused and must change nothing."""
    before = catalog(conn)
    with pytest.raises(psycopg.Error) as caught:
        deploy(conn, mappings)
    assert caught.value.sqlstate == code, str(caught.value)
    assert caught.value.diag.message_detail or code == "42501"
    assert caught.value.diag.message_hint
    assert catalog(conn) == before
    return caught.value


def test_the_same_twice_is_nothing_to_do(bare_db: Database, products: Mapping) -> None:
    conn = bare_db.owner()
    assert deploy(conn, [products]).changed == ("package", "products")
    rows, objects = registry(conn), catalog(conn)
    assert deploy(conn, [products]) == Deployed(one(conn, "select tandem.version()"), ())
    assert registry(conn) == rows
    assert catalog(conn) == objects


def test_settings_that_were_deleted_are_what_they_were_at_first(
    bare_db: Database, products: Mapping
) -> None:
    """Without its rows everything goes on as with the first ones; a deployment brings them back,
    and leaves alone those that are there."""
    conn = bare_db.owner()
    deploy(conn, [products])
    query = "select name, value, unit, description from tandem.setting order by name"
    first = conn.execute(query).fetchall()
    assert first == conn.execute(query.replace("setting", "_settings()")).fetchall()
    conn.execute("delete from tandem.setting")
    fill(conn, 20)
    for verb in ("prepare", "migrate"):
        conn.execute(f"call tandem.{verb}('products')".encode())
    assert one(conn, "select phase from tandem.status") == "migrated"
    assert_in_step(conn)
    assert deploy(conn, [products]).changed == ("package",)
    assert conn.execute(query).fetchall() == first
    assert deploy(conn, [products]).changed == ()
    conn.execute("delete from tandem.setting where name <> 'pause'")
    conn.execute("update tandem.setting set value = 'on'")
    conn.execute(build_bundle([products]).sql.encode())
    assert one(conn, "select value from tandem.setting where name = 'pause'") == "on"
    assert one(conn, "select count(*) from tandem.setting") == len(first)


def test_the_bundle_twice_is_harmless(bare_db: Database, products: Mapping) -> None:
    conn = bare_db.owner()
    script = build_bundle([products]).sql.encode()
    conn.execute(script)
    objects, held = catalog(conn), contents(conn)
    conn.execute(script)
    assert catalog(conn) == objects
    again = contents(conn)
    assert len(again.pop("tandem.deployment")) == 2 * len(held.pop("tandem.deployment"))
    for late in ("tandem.mapping", "tandem.deployment"):  # deployed_at
        again.pop(late, None), held.pop(late, None)
    assert again == held


def test_a_deployment_over_a_running_sync_keeps_it(db: Database, products: Mapping) -> None:
    conn = db.owner()
    fill(conn, 50)
    conn.execute("call tandem.prepare('products')")
    conn.execute("call tandem.migrate('products')")
    objects, held = catalog(conn), contents(conn, ("public",))
    conn.execute(build_bundle([products]).sql.encode())
    assert catalog(conn) == objects
    assert contents(conn, ("public",)) == held
    assert one(conn, "select phase from tandem.mapping") == "migrated"
    conn.execute("update tblproduct set status = 'off' where productid = 3")
    assert one(conn, "select status from tblconfig where name = 'c3'") == "off"
    assert_in_step(conn)


def test_a_routine_that_is_no_longer_rendered_goes(db: Database, products: Mapping) -> None:
    conn = db.owner()
    objects = catalog(conn)
    conn.execute(
        "create function tandem_products.drift(int) returns int language sql as 'select 1'"
    )
    conn.execute(build_bundle([products]).sql.encode())
    assert catalog(conn) == objects


ROUTINES = (
    "select p.oid, p.oid::regprocedure::text from pg_proc as p"
    " where p.pronamespace::regnamespace::text in ('tandem', 'tandem_products') order by 2"
)


@pytest.mark.parametrize("phase", ["deployed", "migrated", "rolled back"])
def test_every_routine_stays_where_it_is(db: Database, phase: str) -> None:
    """A program that has looked one up and is about to call it fails with XX000 if it is another
    one by then. So the script must know the signature of each, as the server does."""
    conn = db.owner()
    odd = SOURCE.replace('update_leaf = "update_config"', f'update_leaf = "{ODD_NAME}"')
    products = parse_mapping(odd)
    deploy(conn, [products])
    if phase != "deployed":
        prepared(conn, 5)
        migrate(conn)
    if phase == "rolled back":
        conn.execute("call tandem.rollback('products', 'keep', p_drop_columns => true)")
    before = conn.execute(ROUTINES).fetchall()
    assert len(before) > 200
    assert any(ODD_NAME in name for _, name in before)
    conn.execute(build_bundle([products]).sql.encode())
    assert conn.execute(ROUTINES).fetchall() == before


def test_parameters_may_be_called_otherwise_before_prepare(db: Database) -> None:
    conn = db.owner()
    other = re.sub(r"\bcatalogid\b", "catalog_id", SOURCE)
    assert other != SOURCE
    deploy(conn, [parse_mapping(other)])
    arguments = one(conn, "select proargnames from pg_proc where proname = 'add_configuration'")
    assert arguments[0] == "p_catalog_id"
    deploy(conn, [parse_mapping(SOURCE)])
    prepared(conn, 5)
    refused(conn, [parse_mapping(other)], "TD005")


def test_a_definition_of_another_version_is_replaced(db: Database, products: Mapping) -> None:
    conn = db.owner()
    wanted = one(conn, "select definition from tandem.mapping")
    conn.execute("update tandem.mapping set definition = definition - 'levels', hash = 'old'")
    conn.execute(
        "insert into tandem.deployment (what, version, hash, result)"
        " values ('products', '0', 'old', 'done')"
    )
    assert deploy(conn, [products]).changed == ("products",)
    assert one(conn, "select definition from tandem.mapping") == wanted


def test_nothing_outside_our_schemas_changes(bare_db: Database, products: Mapping) -> None:
    conn = bare_db.owner()
    conn.execute("create view cheap as select * from tblproduct where amount < 5")
    before, held = dump(bare_db, "--schema-only"), contents(conn, ("public",))
    deploy(conn, [products])
    outside = ("--schema-only", "--exclude-schema=tandem", "--exclude-schema=tandem_*")
    assert dump(bare_db, *outside) == before
    assert contents(conn, ("public",)) == held


def test_a_deployment_is_one_transaction(bare_db: Database, products: Mapping) -> None:
    conn = bare_db.owner()
    before = catalog(conn)
    script = build_bundle([products]).sql
    head, tail = script.rsplit("commit;", 1)
    with pytest.raises(psycopg.errors.DivisionByZero):
        conn.execute((head + "select 1 / 0;\ncommit;" + tail).encode())
    conn.execute("rollback")
    assert catalog(conn) == before
    assert one(conn, "select to_regnamespace('tandem') is null")


def test_a_second_deployer_does_not_wait_behind_the_first(
    bare_db: Database, products: Mapping
) -> None:
    first, second, watch = bare_db.owner(), bare_db.owner(), bare_db.owner()
    head, tail = build_bundle([products]).sql.rsplit("commit;", 1)
    first.execute(head.encode())
    started = time.monotonic()
    blocked: list[bool] = []
    with in_background(second, lambda: _refused_as_busy(second, products)) as done:
        pid = second.info.backend_pid
        while not done.done():
            query = "select exists (select from pg_locks where pid = %s and not granted)"
            blocked.append(one(watch, query, pid))
            time.sleep(0.05)
        done.result()
    assert time.monotonic() - started < 15  # it polls for 5 s; the rest is a busy machine
    assert not any(blocked), "it stood in the queue of a lock"
    first.execute(("commit;" + tail).encode())
    assert deploy(second, [products]).changed == ()


def _refused_as_busy(conn: Connection, products: Mapping) -> None:
    with pytest.raises(psycopg.Error) as caught:
        deploy(conn, [products])
    assert caught.value.sqlstate == "TD013", str(caught.value)


def test_a_deployment_while_a_run_is_under_way_is_refused(db: Database, products: Mapping) -> None:
    runner, conn = db.owner(), db.owner()
    fill(conn, 500)
    conn.execute("call tandem.prepare('products')")
    conn.execute("update tandem.setting set value = 'on' where name = 'pause'")
    changed = replace(products, source=products.source + "\n# changed")
    with in_background(runner, lambda: _cancelled(runner)) as done:
        wait_until(
            lambda: one(
                conn,
                "select exists (select from pg_locks where locktype = 'advisory' and objid <> 0)",
            ),
            "the run",
        )
        for _ in range(3):
            refused(conn, [changed], "TD013")
            time.sleep(0.2)
        conn.execute("select pg_cancel_backend(%s)", (runner.info.backend_pid,))
        done.result(30)
    assert deploy(conn, [changed]).changed == ("products",)


def _cancelled(conn: Connection) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        conn.execute("call tandem.migrate('products')")


def test_a_reader_of_a_view_that_stays_in_its_transaction(db: Database, products: Mapping) -> None:
    """A deployment makes the views anew, and does not wait for long: others would queue."""
    conn, reader = db.owner(), db.owner()
    reader.execute("begin")
    reader.execute("select * from tandem.status")
    changed = replace(products, source=products.source + "\n# said")
    error = refused(conn, [changed], "TD013")
    assert "tandem.status" in str(error)
    reader.execute("commit")
    assert deploy(conn, [changed]).changed == ("products",)


def test_a_failed_deployment_is_in_the_registry(db: Database, products: Mapping) -> None:
    conn = db.owner()
    conn.execute("update tandem.deployment set version = '999.0.0' where what = 'package'")
    changed = replace(products, source=products.source + "\n# changed")
    error = refused(conn, [changed], "TD015")
    assert "999.0.0" in str(error)
    row = conn.execute(
        "select what, result, error, deployed_by from tandem.deployment"
        " where result = 'failed' order by deployment_id"
    ).fetchall()
    assert ("products", "failed") in [r[:2] for r in row]
    assert all(str(r[2]).startswith("TD015: ") and r[3] == "shop_owner" for r in row)


@pytest.mark.parametrize("version", ["0.2.0rc1", "1.0.0.dev3"])
def test_a_newer_version_with_letters_is_refused_too(
    db: Database, products: Mapping, version: str
) -> None:
    conn = db.owner()
    conn.execute("update tandem.deployment set version = %s where what = 'package'", (version,))
    refused(conn, [replace(products, source=products.source + "\n# changed")], "TD015")


def test_a_foreign_schema_of_our_name_is_refused(bare_db: Database, products: Mapping) -> None:
    admin, conn = bare_db.superuser(), bare_db.owner()
    admin.execute("create schema tandem")
    refused(conn, [products], "TD014")
    admin.execute("drop schema tandem")
    admin.execute("create schema tandem_products")
    refused(conn, [products], "TD014")


def test_an_own_schema_of_our_name_that_is_not_ours_is_refused(
    bare_db: Database, products: Mapping
) -> None:
    conn = bare_db.owner()
    conn.execute("create schema tandem")
    conn.execute("create table tandem.ride (id int)")
    conn.execute("create function tandem.mine() returns int language sql as 'select 1'")
    refused(conn, [products], "TD014")
    assert one(conn, "select tandem.mine()") == 1


def test_an_edited_schema_change_is_refused(db: Database, products: Mapping) -> None:
    conn = db.owner()
    conn.execute("update tandem.schema_change set hash = 'edited'")
    refused(conn, [replace(products, source=products.source + "\n# changed")], "TD016")


def changed_mapping() -> Mapping:
    """The default mapping with another key column's default."""
    changed = SOURCE.replace('value = "1"', 'value = "one"')
    assert changed != SOURCE
    return parse_mapping(changed)


def test_a_changed_mapping_is_refused_once_it_is_prepared(db: Database) -> None:
    conn = db.owner()
    assert deploy(conn, [changed_mapping()]).changed == ("products",)
    deploy(conn, [parse_mapping(SOURCE)])
    conn.execute("call tandem.prepare('products')")
    error = refused(conn, [changed_mapping()], "TD005")
    way_out = "tandem.rollback('products', p_drop_columns => true)"
    assert way_out in (error.diag.message_hint or "")
    conn.execute(f"call {way_out}")
    assert deploy(conn, [changed_mapping()]).changed == ("products",)
    deploy(conn, [parse_mapping(SOURCE)])
    conn.execute("call tandem.prepare('products')")
    # comments may change at any time
    assert deploy(conn, [parse_mapping(SOURCE + "\n# said")]).changed == ("products",)


def test_a_second_mapping_of_a_flat_table_is_refused(db: Database) -> None:
    conn = db.owner()
    other = parse_mapping(SOURCE.replace('name = "products"', 'name = "wares"'))
    refused(conn, [other], "TD006")
    assert one(conn, "select to_regnamespace('tandem_wares') is null")


def test_a_mapping_joins_those_that_are_there(db: Database, products: Mapping) -> None:
    conn = db.owner()
    conn.execute("create table wares (like tblproduct including all)")
    source = SOURCE.replace('name = "products"', 'name = "wares"').replace('tblproduct"', 'wares"')
    for table in (
        "tblbaseproduct",
        "tblproductversion",
        "tblcatalog",
        "tblconfigprice",
        "tblconfig",
    ):
        source = source.replace(f'"{table}"', f'"w_{table}"')
    assert deploy(conn, [parse_mapping(source)]).changed == ("wares",)
    assert [r[0] for r in conn.execute("select name from tandem.mapping order by 1")] == [
        "products",
        "wares",
    ]


def test_without_create_on_the_database(bare_db: Database, products: Mapping) -> None:
    conn = bare_db.old_app()
    error = refused(conn, [products], "42501")
    assert "grant create on database" in (error.diag.message_hint or "")
    assert "old_app" in (error.diag.message_hint or "")


def test_a_server_that_is_too_old_is_refused(
    bare_db: Database, products: Mapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    future = bundle_module._CHECKS.replace("150000", "990000")
    monkeypatch.setattr(bundle_module, "_CHECKS", future)
    refused(bare_db.owner(), [products], "0A000")


def write_bundle_file(folder: Path, products: Mapping) -> Path:
    file = folder / "bundle.sql"
    file.write_text(build_bundle([products]).sql, encoding="utf-8")
    return file


def psql(db: Database, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(db.server.programs.psql), "-X", "-v", "ON_ERROR_STOP=1", "-d", db.owner_dsn]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_bundle_and_deploy_give_the_same(
    bare_db: Database, db: Database, products: Mapping, tmp_path: Path
) -> None:
    by_bundle, by_deploy = bare_db.owner(), db.owner()
    assert (
        one(
            by_bundle, "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
        )
        is False
    )
    done = psql(bare_db, "-f", str(write_bundle_file(tmp_path, products)))
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert catalog(by_bundle) == catalog(by_deploy)
    assert registry(by_bundle) == registry(by_deploy)
    assert dump(bare_db, "--schema-only", "--schema=tandem*") == dump(
        db, "--schema-only", "--schema=tandem*"
    )


def test_the_bundle_and_calls_alone_migrate_a_filled_table(
    bare_db: Database, products: Mapping, tmp_path: Path
) -> None:
    fill(bare_db.owner(), 500)
    file = write_bundle_file(tmp_path, products)
    for arguments in (
        ("-f", str(file)),
        ("-c", "select * from tandem.analyze('products')"),
        ("-c", "call tandem.prepare('products')"),
        ("-c", "call tandem.migrate('products')"),
    ):
        done = psql(bare_db, *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
    done = psql(bare_db, "-At", "-c", "select tandem.drift_count('products')")
    assert done.stdout.strip() == "0"
    assert_in_step(bare_db.owner())


def test_the_bundle_does_not_depend_on_the_session(
    bare_db: Database, db: Database, products: Mapping
) -> None:
    conn = bare_db.owner()
    conn.execute("create schema elsewhere")
    conn.execute("set search_path = elsewhere, public")
    conn.execute("set default_tablespace = ''")
    conn.execute("set quote_all_identifiers = on")
    conn.execute("set datestyle = 'German, DMY'")
    conn.execute(build_bundle([products]).sql.encode())
    assert catalog(bare_db.owner()) == catalog(db.owner())
    assert one(conn, "select current_setting('search_path')") == "elsewhere, public"


def test_a_mapping_that_another_build_left_here_is_not_left_behind(
    db: Database, products: Mapping
) -> None:
    """The rendered code of a mapping fits the routines of its own build alone."""
    conn = db.owner()
    source = products.source.replace('name = "products"', 'name = "others"', 1)
    other = parse_mapping(re.sub(r'table = "tbl', 'table = "other', source))
    assert deploy(conn, [other]).changed == ("others",)  # the same build: one at a time is right
    conn.execute("update tandem.deployment set hash = 'older' where what = 'package'")
    error = refused(conn, [products], "TD017")
    assert "others" in str(error)
    assert deploy(conn, [products, other]).changed == ("package",)
