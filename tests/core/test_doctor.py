"""tandem.doctor: each fault that it knows is made once, and found, with a cure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from support.cli import pgtandem
from support.databases import Connection, Database, TestServer
from support.shop import fill, migrate, one, prepared

ALL_ROLES = ("shop_owner", "new_app", "old_app")


def check(conn: Connection, name: str, subject: str = "products") -> tuple[str, str, str | None]:
    """State, value and cure of one check."""
    row = conn.execute(
        "select state, value, cure from tandem.doctor() where check_name = %s and subject = %s",
        (name, subject),
    ).fetchone()
    assert row is not None
    state, value, cure = row
    assert (cure is None) == (state == "ok") or name == "next step", row
    return state, value, cure


@pytest.fixture
def owner(db: Database) -> Connection:
    conn = db.owner()
    prepared(conn, 20)
    migrate(conn)
    return conn


def test_a_mapping_in_order_has_no_warning(owner: Connection) -> None:
    states = owner.execute(
        "select check_name, state from tandem.doctor('products') where subject = 'products'"
    ).fetchall()
    assert len(states) == 11
    assert {name for name, state in states if state != "ok"} == {"next step"}


def test_every_check_says_something(owner: Connection) -> None:
    rows = owner.execute("select subject, check_name, state, value, cure from tandem.doctor()")
    found = rows.fetchall()
    assert len(found) == len({(subject, name) for subject, name, *_ in found})
    assert all(value for _, _, _, value, _ in found)
    assert {state for _, _, state, _, _ in found} <= {
        "ok", "note", "warning", "problem", "unknown",
    }  # fmt: skip


def test_a_mapping_that_is_not_prepared(db: Database) -> None:
    owner = db.owner()
    assert check(owner, "made ready")[:2] == ("ok", "not yet")
    assert check(owner, "phase")[1].startswith("deployed since ")
    _, step, then = check(owner, "next step")
    assert (step, then) == (
        "SELECT * FROM tandem.plan('products');",
        "then CALL tandem.prepare('products')",
    )


def test_an_unknown_mapping_is_refused(owner: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        owner.execute("select * from tandem.doctor('nothing')")
    assert caught.value.sqlstate == "TD001"


FAULTS: dict[str, tuple[str, str, str, str]] = {
    "a direction off": (
        "select tandem.set_sync('products', 'hierarchy_to_flat', false)",
        "sync switches", "warning", "hierarchy_to_flat off",
    ),
    "a trigger off": (
        "alter table tblcatalog disable trigger tandem_21_update",
        "sync switches", "problem", "hierarchy_to_flat partly",
    ),
    "a new column": (
        "alter table tblproduct add colour text", "mapping fits the tables", "warning", "colour",
    ),
    "a rejected row": (
        "insert into tblproduct (productname) values (' ')", "rejected rows", "warning", "1; the",
    ),
    "a run that broke off": (
        "insert into tandem.run (kind, mapping) values ('repair', 'products')",
        "runs", "warning", "broke off: repair",
    ),
    "an overdue price": (
        "insert into tandem_products.due select 'price', configid, now() - interval '1 hour'"
        " from tblproduct limit 1",
        "dated rows", "warning", "1 overdue",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_mapping_is_found(owner: Connection, fault: str) -> None:
    statement, name, state, words = FAULTS[fault]
    assert check(owner, name)[0] == "ok"
    owner.execute(statement.encode())
    found, value, cure = check(owner, name)
    assert (found, words in value) == (state, True), value
    assert cure


@pytest.mark.parametrize(
    ("fault", "cure"),
    [
        ("alter table tblproduct enable trigger all", "'log', false"),
        ("alter table tblcatalog disable trigger tandem_21_update", "'hierarchy_to_flat', true"),
        ("select tandem.set_sync('products', 'flat_to_hierarchy', false)",
            "'flat_to_hierarchy', true"),
    ],
)  # fmt: skip
def test_the_cure_of_a_switch_can_be_pasted(owner: Connection, fault: str, cure: str) -> None:
    owner.execute(fault.encode())
    _, _, statement = check(owner, "sync switches")
    assert (statement or "").startswith(f"SELECT tandem.set_sync('products', {cure});"), statement
    owner.execute((statement or "").encode())
    assert check(owner, "sync switches")[0] == "ok"


def test_a_switch_that_a_broken_run_has_left_is_cured_by_the_run(db: Database) -> None:
    owner = db.owner()
    prepared(owner, 20)
    migrate(owner, p_max_batches=1)
    while one(owner, "select count(*) from tandem._switches('products') as s where s.enabled") == 0:
        migrate(owner, p_max_batches=1)
    assert one(owner, "select phase from tandem.mapping") == "prepared"
    state, _, cure = check(owner, "sync switches")
    assert (state, (cure or "").startswith("CALL tandem.migrate(")) == ("problem", True), cure


def test_the_cure_of_rejected_rows_fits_the_phase(owner: Connection) -> None:
    owner.execute("insert into tblproduct (productname) values (' ')")
    assert "CALL tandem.retry_rejected('products');" in str(check(owner, "rejected rows")[2])
    owner.execute("call tandem.rollback('products')")
    cure = str(check(owner, "rejected rows")[2])
    assert ("retry_rejected" in cure, "CALL tandem.migrate('products')" in cure) == (False, True)
    owner.execute("call tandem.migrate('products')")


def test_what_a_rollback_drops_is_no_change_of_the_users(owner: Connection) -> None:
    """The sync columns go with p_drop_columns: status, metrics and doctor do not call that
    stale, and prepare begins anew."""
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    assert one(owner, "select stale from tandem.status") is None
    assert one(owner, "select value from tandem.metrics where metric = 'tandem_stale'") == 0
    assert check(owner, "mapping fits the tables")[:2] == ("ok", "not prepared")
    owner.execute("alter table tblproduct add colour text")
    owner.execute("call tandem.prepare('products')")
    assert check(owner, "mapping fits the tables")[0] == "ok"
    owner.execute("alter table tblproduct add size text")
    assert "size" in check(owner, "mapping fits the tables")[1]


def test_an_index_that_is_gone_is_found(owner: Connection) -> None:
    index = one(
        owner,
        "select min(indexname) from pg_indexes"
        " where tablename = 'tblproduct' and indexdef ~ 'configid'",
    )
    owner.execute(f"drop index {index}".encode())
    state, value, cure = check(owner, "made ready")
    assert (state, index in value) == ("problem", True), value
    assert cure == "SELECT * FROM tandem.plan('products');"


def test_an_error_of_the_sync_is_noted(db: Database, owner: Connection) -> None:
    with pytest.raises(psycopg.Error), owner.transaction():
        owner.execute("truncate tblconfig cascade")
    state, value, _ = check(owner, "errors of the sync")
    assert (state, "TD042" in value) == ("note", True), value


def test_a_table_that_was_never_analysed_and_dead_rows(db: Database) -> None:
    owner = db.owner()
    owner.execute("alter table tblproduct set (autovacuum_enabled = off)")
    fill(owner, 1500)
    owner.execute("update tblproduct set status = 'x'")
    owner.execute("select pg_stat_force_next_flush()")
    state, value, _ = check(owner, "statistics")
    assert (state, "tblproduct" in value) == ("warning", True), value
    assert "tblproduct (50 %)" in check(owner, "dead rows")[1]


@pytest.fixture
def own_settings(db: Database, server: TestServer) -> Iterator[None]:
    """Roles' settings of this test's database alone; they go with it, and are reset."""
    yield
    with server.admin() as conn:
        for role in ALL_ROLES:
            conn.execute(f"alter role {role} in database {db.clone_name} reset all".encode())


@pytest.mark.usefixtures("own_settings")
def test_roles_whose_transactions_or_triggers_are_others(
    db: Database, server: TestServer, owner: Connection
) -> None:
    if not server.is_superuser:
        pytest.skip("only a superuser may set session_replication_role for a role")
    assert check(owner, "isolation of new transactions", "server")[0] == "ok"
    assert check(owner, "triggers fire", "server")[0] == "ok"
    with server.admin() as conn:
        of = f"alter role new_app in database {db.clone_name} set"
        conn.execute(f"{of} default_transaction_isolation = 'repeatable read'".encode())
        conn.execute(f"{of} session_replication_role = replica".encode())
    isolation = check(owner, "isolation of new transactions", "server")
    assert isolation[:2] == ("note", "another than read committed for: new_app")
    triggers = check(owner, "triggers fire", "server")
    assert triggers[:2] == ("problem", "session_replication_role is replica for: new_app")


def test_a_transaction_that_stays_open(db: Database, owner: Connection) -> None:
    assert check(owner, "long transactions", "server")[0] in ("ok", "unknown")
    other = db.owner()
    with other.transaction():
        other.execute("select 1")
        assert "the oldest is open for" in check(owner, "long transactions", "server")[1]


def test_a_failed_deployment_is_told(owner: Connection) -> None:
    owner.execute(
        "insert into tandem.deployment (what, version, hash, result, error)"
        " values ('mapping products', '0', '', 'failed', 'no room')"
    )
    state, value, cure = check(owner, "pgtandem", "server")
    assert (state, "no room" in value, bool(cure)) == ("warning", True, True)


def test_a_reader_may_call_it_and_a_stranger_may_not(db: Database, owner: Connection) -> None:
    owner.execute("select tandem.grant_to('old_app', 'reader')")
    reader = db.old_app()
    state, value, _ = check(reader, "rights of this session", "server")
    assert (state, value) == ("ok", "old_app: reader")
    assert check(reader, "made ready")[0] == "ok"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.new_app().execute("select * from tandem.doctor()")


def test_the_command_shows_it_and_exits_1_where_there_is_a_problem(
    db: Database, bare_db: Database, owner: Connection
) -> None:
    owner.execute("alter table tblcatalog disable trigger tandem_21_update")
    done = pgtandem("doctor", "products", dsn=db.owner_dsn)
    assert done.code == 1
    assert "PROBLEM" in done.out and "tandem.set_sync('products'" in done.out
    assert "problems" in done.err
    rows = pgtandem("doctor", "--json", dsn=db.owner_dsn).json()
    assert rows[0]["subject"] == "tool" and rows[0]["state"] == "ok"
    absent = pgtandem("doctor", dsn=bare_db.owner_dsn)
    assert (absent.code, "pgtandem deploy" in absent.err) == (1, True)


def test_metrics_say_what_status_says(db: Database, owner: Connection) -> None:
    owner.execute("update tblproduct set status = 'x' where productid <= 7")
    owner.execute("insert into tblproduct (productname) values (' ')")
    owner.execute("select tandem.grant_to('old_app', 'reader')")
    owner.execute("select pg_stat_force_next_flush()")
    rows = db.old_app().execute("select metric, labels, value from tandem.metrics").fetchall()
    found: dict[Any, float] = {
        (metric, frozenset(labels.items())): value for metric, labels, value in rows
    }
    assert len(found) == len(rows)

    def value(metric: str, **labels: str) -> float:
        return found[metric, frozenset({"mapping": "products", **labels}.items())]

    forward = {"direction": "flat_to_hierarchy"}
    calls = one(owner, "select flat_to_hierarchy_calls from tandem.status")
    assert value("tandem_sync_calls_total", **forward) == calls == 8
    assert value("tandem_sync_errors_total", **forward) == 0
    buckets = [
        value("tandem_sync_seconds_bucket", **forward, le=le)
        for le in ("0.0001", "0.0003", "0.001", "0.003", "0.01", "+Inf")
    ]
    assert buckets == sorted(buckets) and buckets[-1] == calls
    assert value("tandem_phase", phase="migrated") == 1
    assert value("tandem_rejected_rows") == 1
    assert value("tandem_sync_on", **forward) == 1
    assert value("tandem_runs", kind="migrate") == 1
    assert value("tandem_run_rows_read", kind="migrate") == 20
