"""Verbs for every mapping, called for one of an import: plan, status, doctor, rollback, purge."""

from __future__ import annotations

import psycopg
import pytest

from imports.jobs import items, run, submit
from pgtandem.deploy import deploy, undeploy
from pgtandem.errors import TandemError
from support.cli import pgtandem
from support.databases import Database, TestServer, dump
from support.shop import Connection, one

SYNC_VERBS = (
    "select * from tandem.drift('items')",
    "select * from tandem.show('items', '1')",
    "select tandem.set_sync('items', 'log', true)",
    "call tandem.migrate('items')",
    "call tandem.repair('items', 'flat')",
    "call tandem.retry_rejected('items')",
    "call tandem.apply_due('items')",
)
UNIQUE = (
    "idx_color_master_color_name_unique",
    "idx_item_master_name_unique",
    "idx_item_variant_item_id_color_id_size_id_unique",
    "idx_size_master_size_name_unique",
)


def unique_indexes(conn: Connection) -> tuple[str, ...]:
    """The names that the old guide's query finds."""
    found = conn.execute(
        """
        SELECT indexname, indexdef
        FROM pg_indexes
        WHERE tablename IN ('item_master', 'color_master', 'size_master', 'item_variant')
        AND indexname LIKE 'idx_%unique';
        """
    ).fetchall()
    return tuple(sorted(name for name, _ in found))


@pytest.mark.parametrize("statement", SYNC_VERBS)
def test_what_is_for_a_flat_table_is_refused(import_db: Database, statement: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        import_db.owner().execute(statement.encode())
    assert caught.value.sqlstate in ("TD002", "TD007")
    assert "submit_import" in str(caught.value.diag.message_hint)


def test_status_metrics_and_doctor_know_it(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [{"name": ""}])
    phase = "select phase, rejected_rows from tandem.status"
    assert conn.execute(phase).fetchone() == ("ready", 1)
    metrics = "select value from tandem.metrics where metric = 'tandem_rejected_rows'"
    assert one(conn, metrics) == 1
    submit(conn, [{"name": "Hat"}])
    of_imports = "select metric, value from tandem.metrics where metric like 'tandem_import%'"
    figures = {(name, value) for name, value in conn.execute(of_imports).fetchall()}
    assert {("tandem_imports_queued", 1), ("tandem_imports_dead", 0)} <= figures
    failed = 'select value from tandem.metrics where labels @> \'{"outcome": "failed"}\''
    assert one(conn, failed) == 1
    states: dict[str, str] = dict(
        conn.execute(
            "select check_name, state from tandem.doctor('items') where subject = 'items'"
        ).fetchall()
    )
    assert states == {
        "phase": "ok",
        "what it needs": "ok",
        "imports that stand still": "ok",
        "failed rows": "note",
    }
    conn.execute("drop index idx_item_master_name_unique")
    needs = "select state from tandem.doctor('items') where check_name = 'what it needs'"
    assert one(conn, needs) == "problem"


def test_the_plan_is_what_prepare_does(server: TestServer) -> None:
    steps = "select count(*) from tandem.plan('items') where verb = 'prepare'"
    with server.clone(None) as shop:
        conn, dsn = shop.owner(), shop.owner_dsn
        deploy(conn, [items()])
        planned = one(conn, steps)
        assert one(conn, f"{steps} and statement like 'alter table%'") == 0
        assert "on the parent table on" not in pgtandem("plan", "items", dsn=dsn).out
        done = pgtandem("prepare", "items", dsn=dsn)
        assert f"{planned} statements, prepared" in done.err
        assert "Next:  pgtandem import run items FILE" in done.err
        assert one(conn, steps) == 0
        assert "Nothing to report" in pgtandem("analyze", "items", dsn=dsn).err


def test_a_missing_or_other_index_stops_an_import(import_db: Database) -> None:
    conn = import_db.owner()
    import_id = submit(conn, [{"name": "Shirt"}])
    conn.execute("drop index idx_item_master_name_unique")
    # of the same name, but over all rows
    conn.execute("create unique index idx_item_master_name_unique on item_master (name)")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("call tandem.run_import(%s)", (import_id,))
    assert caught.value.sqlstate == "TD003"
    conn.execute("drop index idx_item_master_name_unique")
    conn.execute("call tandem.prepare('items')")
    conn.execute("call tandem.run_import(%s)", (import_id,))
    assert unique_indexes(conn) == UNIQUE


def test_rollback_is_refused_while_the_new_path_is_on(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [{"name": "Shirt"}])
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("call tandem.rollback('items')")
    assert caught.value.sqlstate == "TD068"
    waiting = submit(conn, [{"name": "Hat"}])
    conn.execute("select tandem.set_import_flag('items', 'false')")
    with pytest.raises(psycopg.Error):
        conn.execute("call tandem.rollback('items')")
    conn.execute("select tandem.cancel_import(%s)", (waiting,))
    shown = pgtandem("rollback", "items", dsn=import_db.owner_dsn)
    assert (shown.code, "flat" in shown.out, "CONCURRENTLY" in shown.out) == (1, False, True)
    assert unique_indexes(conn) == UNIQUE
    done = pgtandem("rollback", "items", "--yes", dsn=import_db.owner_dsn)
    assert done.code == 0, done.err
    assert unique_indexes(conn) == ()
    assert one(conn, "select phase from tandem.mapping") == "deployed"
    assert one(conn, "select count(*) from item_master") == 1
    assert one(conn, "select to_regclass('public.import_jobs') is null")
    conn.execute("call tandem.prepare('items')")
    assert unique_indexes(conn) == UNIQUE


def test_a_deployment_touches_nothing_of_the_shop(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [{"name": "Shirt", "color": "Red"}])
    conn.execute("delete from tandem.deployment")
    before = dump(import_db, "--schema", "public")
    deploy(conn, [items()])
    assert dump(import_db, "--schema", "public") == before
    run(conn, [{"name": "Hat"}])


def test_the_package_stays_while_an_index_calls_it(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [{"name": "Shirt"}])
    with pytest.raises(TandemError) as caught:
        undeploy(conn)
    assert "idx_color_master_color_name_unique" in str(caught.value.detail)
    assert undeploy(conn, ["items"]) == ("items",)
    assert one(conn, "select count(*) from item_master") == 1


def test_purge_forgets_old_imports_whole(import_db: Database) -> None:
    conn = import_db.owner()
    old = run(conn, [{"name": "Shirt"}, {"name": ""}, {"name": "Shirt"}])
    conn.execute("update tandem.import_job set finished_at = now() - interval '100 days'")
    new = run(conn, [{"name": "Hat"}])
    conn.execute("call tandem.purge('90 days')")
    for table in ("import_job", "import_row", "import_change"):
        found = conn.execute(f"select distinct import_id from tandem.{table}".encode()).fetchall()
        assert found == [(new,)], table
    assert one(conn, "select count(*) from tandem.rejected_row") == 0
    assert one(conn, "select count(*) from tandem.import_mark") == 0
    assert old != new


def test_analyze_tells_what_will_fail_late(import_db: Database) -> None:
    conn = import_db.owner()
    assert conn.execute("select * from tandem.analyze('items')").fetchall() == []
    conn.execute(
        """
        alter table item_master alter column description type varchar(20);
        create function loose() returns trigger language plpgsql as 'begin return new; end';
        create trigger loose before insert on item_variant for each row execute function loose();
        insert into size_master (size_name) values ('M');
        insert into size_master (size_name, deleted_at) values ('M', now());
        """
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        conn.execute("create unique index concurrently broken on size_master (size_name)")
    found = conn.execute("select severity, finding from tandem.analyze('items')").fetchall()
    assert sorted(found) == [
        ("warning", "an index that was not finished is there beside its own"),
        ("warning", "column description is character varying(20), the mapping says text"),
        ("warning", "public.loose() has no search_path of its own"),
    ]
