"""The command line in processes of its own: exit codes, JSON, what goes where, Ctrl-C, secrets."""

from __future__ import annotations

import gzip
import io
import os
import pty
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo
from rich.console import Console

from pgtandem import progress
from pgtandem.cli import main
from pgtandem.server import KeptServer
from support.cli import TIMEOUT_SECONDS, Done, pgtandem, start
from support.databases import Connection, Database

FILL = """
insert into tblproduct (productname, version, catalogname, configname, amount)
select 'Product ' || i % 40, nullif('v' || i % 3, 'v0'), 'cat' || i % 2, 'c' || i, i
from generate_series(1, {rows}) as i
"""
ORDERS = str(Path(__file__).parent / "mappings" / "orders.toml")
PASSWORD = "not-for-others-4711"


@pytest.fixture
def run(db: Database) -> Callable[..., Done]:
    """A command on this test's deployed database, as its owner."""

    def command(*arguments: str | Path, folder: Path | None = None) -> Done:
        return pgtandem(*arguments, dsn=db.owner_dsn, folder=folder)

    return command


def fill(conn: Connection, rows: int) -> None:
    conn.execute(FILL.format(rows=rows).encode())


def wait_for(condition: Callable[[], object], what: str, seconds: float = TIMEOUT_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def one(conn: Connection, query: str) -> object:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def refused(done: Done, code: int, *words: str) -> None:
    """The command failed with lines to read, nothing on stdout, no traceback."""
    assert done.code == code, done
    assert done.out == ""
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err


def test_from_deploy_to_undeploy(bare_db: Database, tmp_path: Path) -> None:
    owner = bare_db.owner()
    fill(owner, 300)
    owner.execute("insert into tblproduct (productname) values (' ')")

    def run(*arguments: str) -> Done:
        return pgtandem(*arguments, dsn=bare_db.owner_dsn, folder=tmp_path)

    name = bare_db.owner().info.dbname
    refused(run("status"), 1, "pgtandem deploy", name, "--dsn")
    nothing = run("undeploy")
    assert (nothing.code, nothing.out) == (0, "")
    assert "Nothing" in nothing.err
    assert name in nothing.err
    assert "--yes" not in nothing.err
    first = run("deploy", "--json")
    assert (first.code, first.json()["changed"]) == (0, ["package", "products"])
    assert run("deploy", "--json").json()["changed"] == []

    plan = run("plan", "products", "--json")
    assert plan.code == 0
    assert {"step", "verb", "statement", "lock_mode", "blocks", "undo", "run_by"} <= set(
        plan.json()[0]
    )
    assert run("analyze", "products", "--json").code == 0
    prepared = run("prepare", "products")
    assert (prepared.code, prepared.out) == (0, "")
    migrated = run("migrate", "products", "--json")
    assert migrated.code == 0, migrated
    result = migrated.json()
    assert result["run"]["read_rows"] == 301
    assert result["run"]["rejected_rows"] == 1
    assert result["phase"] == "migrated"
    assert all(check["passed"] for check in result["checks"])
    assert "migrate products: run" in migrated.err, "NOTICEs are talk"
    assert run("validate", "products", "--json").code == 0
    drift = run("drift", "products", "--json")
    assert (drift.code, [row["kind"] for row in drift.json()]) == (0, ["rejected"])
    shown = run("show", "products", "1", "--json").json()
    assert ("base", True) in {(row["level"], row["equal"]) for row in shown}
    (status,) = run("status", "--json").json()
    assert (status["mapping"], status["phase"]) == ("products", "migrated")

    shown_only = run("rollback", "products")
    assert shown_only.code == 1
    assert "call tandem.rollback('products');" in shown_only.out
    shown_only = run("rollback", "products", "--hierarchy", "remove", "--drop-columns")
    words = "('products', p_hierarchy => 'remove', p_drop_columns => true);"
    assert (shown_only.code, f"call tandem.rollback{words}" in shown_only.out) == (1, True)
    assert "ACCESS EXCLUSIVE" in shown_only.out and "takes out" in shown_only.out
    refused(run("rollback", "prodcts"), 2, "TD001")
    assert run("rollback", "products", "--yes").code == 0
    (status,) = run("status", "--json").json()
    assert status["phase"] == "prepared"

    assert "drop schema" in run("undeploy").out
    refused(run("undeploy", "--yes"), 1, "--discard-kept", "1 rejected rows")
    assert run("undeploy", "--yes", "--discard-kept").code == 0
    assert one(owner, "select count(*) from tblconfig") == 300
    assert one(owner, "select count(configid) from tblproduct") is not None
    assert one(owner, "select count(*) from pg_namespace where nspname like 'tandem%'") == 0
    assert one(owner, "select count(*) from pg_trigger where tgname like 'tandem%'") == 0
    assert run("deploy").code == 0


def test_tables_for_people_are_whole_where_stdout_is_no_terminal(
    run: Callable[..., Done],
) -> None:
    """A line longer than any terminal stands in one piece."""
    plan = run("plan", "products")
    assert plan.code == 0
    statements = [row["statement"] for row in run("plan", "products", "--json").json()]
    longest = max((line for text in statements for line in text.split("\n")), key=len)
    assert len(longest) > 80
    assert longest.strip() in plan.out
    assert "\x1b" not in plan.out


def test_wrong_names_and_wrong_use_exit_with_2(run: Callable[..., Done], tmp_path: Path) -> None:
    refused(run("drift", "prodcts"), 2, "[TD001]", "DETAIL", "HINT")
    refused(run("load", "prodcts", "x.csv"), 2, "prodcts")
    refused(run("load", "products", "absent.csv", folder=tmp_path), 2, "absent.csv")
    refused(run("deploy", "prodcts"), 2, "prodcts")
    refused(run("render", "absent.toml"), 2, "absent.toml")
    refused(run("undeploy", "prodcts", "--yes"), 2, "prodcts")
    refused(run("sync", "products", "--direction", "log"), 2, "--on")
    refused(run("migrate", "products", "--target-ms", "-5"), 2)
    refused(run("repair", "products", "--authority", "nobody"), 2)
    refused(run("explain"), 2, "No such command")
    (tmp_path / "pgtandem.toml").write_text("mapings = []\n")
    refused(run("render", folder=tmp_path), 2, "mapings")


def test_a_demo_with_a_wrong_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("title,price\nLamp,1\n")

    def demo(*arguments: str) -> Done:
        return pgtandem("demo", *arguments, dsn=None, folder=tmp_path)

    refused(demo("--csv", "absent.csv"), 2, "absent.csv")
    refused(demo("--csv", "shop.csv"), 2, "title")
    refused(demo("--csv", "shop.csv", "--columns", "ProductName=name"), 2, "'name'", "title")
    refused(demo("--csv", "shop.csv", "--columns", "Label=title"), 2, "Label", "productname")
    refused(demo("--csv", "shop.csv", "--columns", "Amount=price"), 2, "ProductName")
    refused(demo("--columns", "ProductName=title"), 2, "--csv FILE", "CSV=FILE")
    assert not (tmp_path / ".pgtandem").exists(), "no server was made"


def test_a_second_demo_leaves_the_first_one_alone(tmp_path: Path) -> None:
    with KeptServer(tmp_path).alone("demo"):
        second = pgtandem("demo", dsn=None, folder=tmp_path)
    refused(second, 2, "A demo is under way", f"process {os.getpid()}")
    assert not (tmp_path / ".pgtandem" / "data").exists()
    with KeptServer(tmp_path).alone("demo"):
        pass


@pytest.mark.slow
def test_ctrl_c_ends_the_demos_migration_in_the_server(tmp_path: Path) -> None:
    """Its own server; no NOTICE comes that nobody reads and that would end the CALL, but later."""
    server = KeptServer(tmp_path)
    quiet = "update tandem.setting set value = '60' where name = 'notice_seconds'"
    query = "select max(backend_pid) from tandem.run where kind = 'migrate' and read_rows > 0"
    try:
        server.ensure_running()
        with start("demo", "--rows", "50000", dsn=None, folder=tmp_path) as process:
            backend: object = None
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while backend is None:
                assert process.poll() is None
                assert time.monotonic() < deadline
                try:
                    with psycopg.connect(server.conninfo("shop"), autocommit=True) as conn:
                        conn.execute(quiet)
                        while (backend := one(conn, query)) is None and process.poll() is None:
                            time.sleep(0.02)
                except psycopg.Error:  # not made yet, or not deployed
                    time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == 130
        assert "stopped, in the server too" in out
        with psycopg.connect(server.conninfo("shop"), autocommit=True) as conn:
            active = f"select count(*) from pg_stat_activity where pid = {backend}"
            wait_for(lambda: one(conn, active) == 0, "the server to end the call", seconds=2)
            moved = one(conn, "select read_rows from tandem.run where kind = 'migrate'")
            assert isinstance(moved, int)
            assert 0 < moved < 50_000
    finally:
        server.remove()


def test_wrong_phase_is_refused_with_the_next_step(run: Callable[..., Done]) -> None:
    refused(run("validate", "products"), 1, "[TD002]", "HINT: Next:")
    debug = run("validate", "products", "--debug")
    assert debug.code == 1
    assert "Traceback" in debug.err


def test_no_connection_exits_with_2_and_tells_no_password(tmp_path: Path) -> None:
    dsn = f"host={tmp_path} dbname=shop user=nobody password={PASSWORD}"
    done = pgtandem("status", "--dsn", dsn, "--debug", dsn=None)
    assert done.code == 2
    assert str(tmp_path) in done.err
    assert PASSWORD not in done.err
    before_the_verb = pgtandem("--dsn", dsn, "status", dsn=None)
    refused(before_the_verb, 2)


def test_drift_switched_off_and_repaired(db: Database, run: Callable[..., Done]) -> None:
    owner = db.owner()
    fill(owner, 20)
    assert run("prepare", "products").code == 0
    assert run("migrate", "products").code == 0
    assert run("sync", "products", "--direction", "flat_to_hierarchy", "--off").code == 0
    owner.execute("update tblproduct set configname = 'changed' where productid = 7")
    drift = run("drift", "products", "--json")
    assert drift.code == 1
    assert [(row["flat_key"], row["flat_value"]) for row in drift.json()] == [("7", "changed")]
    assert run("validate", "products").code == 1
    dry = run("repair", "products", "--authority", "flat")
    assert dry.code == 0
    assert "--yes" in dry.err
    assert run("drift", "products").code == 1
    assert run("sync", "products", "--direction", "flat_to_hierarchy", "--on").code == 0
    assert run("repair", "products", "--authority", "flat", "--yes").code == 0
    assert run("drift", "products").code == 0
    shown = run("show", "products", "7", "--json").json()
    assert "changed" in {row["hierarchy_value"] for row in shown}
    refused(run("show", "products", "987654"), 1, "987654")


def interrupted(db: Database, dsn: str, *, stderr: int = subprocess.PIPE) -> Done:
    """A migration that Ctrl-C ends between its first batch and its last.

    The server sends no NOTICE meanwhile: one that nobody reads would end it, too, but later.
    """
    owner = db.owner()
    owner.execute("update tandem.setting set value = '60' where name = 'notice_seconds'")
    arguments = ("migrate", "products", "--batch-rows", "50", "--pause-ms", "100", "--dsn", dsn)
    with start(*arguments, dsn=None, stderr=stderr) as process:
        wait_for(
            lambda: (
                process.poll() is not None
                or one(owner, "select coalesce(max(read_rows), 0) from tandem.run") != 0
            ),
            "the first batch",
        )
        backend = one(owner, "select backend_pid from tandem.progress where kind = 'migrate'")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    wait_for(
        lambda: one(owner, f"select count(*) from pg_stat_activity where pid = {backend}") == 0,
        "the server to end the call",
        seconds=2,
    )
    return Done(process.returncode, out, err or "")


@pytest.mark.parametrize("terminal", [False, True])
def test_ctrl_c_ends_a_migration_that_the_same_command_resumes(
    db: Database, run: Callable[..., Done], terminal: bool
) -> None:
    owner = db.owner()
    fill(owner, 3000)
    assert run("prepare", "products").code == 0
    secret = make_conninfo(db.owner_dsn, password=PASSWORD) if db.server.password is None else None
    if terminal:
        ours, theirs = pty.openpty()
        done = interrupted(db, db.owner_dsn, stderr=theirs)
        os.close(theirs)
        done = Done(done.code, done.out, os.read(ours, 65536).decode(errors="ignore"))
        os.close(ours)
    else:
        done = interrupted(db, secret or db.owner_dsn)
        assert "pgtandem migrate products --batch-rows 50 --pause-ms 100" in done.err
    assert done.code == 130, done
    assert done.out == ""
    assert "Traceback" not in done.err
    assert PASSWORD not in done.err
    moved = one(owner, "select read_rows from tandem.run where kind = 'migrate'")
    assert isinstance(moved, int)
    assert 0 < moved < 3000
    assert one(owner, "select count(configid) from tblproduct") == moved
    resumed = run("migrate", "products", "--json")
    assert resumed.code == 0, resumed
    result = resumed.json()["run"]
    assert (result["attempt"], result["read_rows"], result["state"]) == (2, 3000, "done")
    assert one(owner, "select count(*) from tblconfig") == 3000


def test_a_terminal_gets_a_bar_fed_from_the_progress_view(
    db: Database, run: Callable[..., Done]
) -> None:
    fill(db.owner(), 1500)
    assert run("prepare", "products").code == 0
    ours, theirs = pty.openpty()
    arguments = ("migrate", "products", "--batch-rows", "50", "--pause-ms", "20")
    shown = b""
    with start(*arguments, dsn=db.owner_dsn, stderr=theirs) as process:
        os.close(theirs)
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        process.communicate(timeout=TIMEOUT_SECONDS)
    os.close(ours)
    text = shown.decode()
    assert process.returncode == 0, text
    assert "of 1,500 rows" in text
    assert "migrate products: run" in text
    assert "checks passed" in text


def test_no_password_on_a_command_line_of_the_processes(
    db: Database, run: Callable[..., Done]
) -> None:
    """Other users of the machine read those in ps."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("needs /proc")
    if db.server.password is not None:
        pytest.skip("this server asks for its own password")
    owner = db.owner()
    fill(owner, 2000)
    assert run("prepare", "products").code == 0
    password = secrets.token_hex()  # other tests use the fixed one
    dsn = make_conninfo(db.owner_dsn, password=password)
    with start(
        "migrate", "products", "--pause-ms", "50", "--batch-rows", "100", dsn=dsn
    ) as process:
        wait_for(
            lambda: one(owner, "select coalesce(max(read_rows), 0) from tandem.run") != 0,
            "the first batch",
        )
        lines = [path.read_bytes() for path in _command_lines()]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    assert any(b"pgtandem" in line for line in lines)
    assert not any(password.encode() in line for line in lines)
    assert password not in out + err


def _command_lines() -> list[Path]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                (folder / "cmdline").read_bytes()
            except OSError:  # it has just ended
                continue
            found.append(folder / "cmdline")
    return found


def test_prepare_builds_large_indexes_concurrently_and_clears_what_a_broken_build_left(
    db: Database, run: Callable[..., Done]
) -> None:
    owner = db.owner()
    fill(owner, 500)
    owner.execute("analyze tblproduct")
    owner.execute("update tandem.setting set value = '0' where name = 'index_build_rows'")
    first = run("prepare", "products")
    assert first.code == 0, first
    assert "create unique index concurrently tblproduct_configid_key" in first.err
    invalid = "select count(*) from pg_index where not indisvalid"
    assert one(owner, invalid) == 0
    db.superuser().execute(
        "update pg_index set indisvalid = false"
        " where indexrelid = 'tblproduct_configid_key'::regclass"
    )
    again = run("prepare", "products")
    assert again.code == 0, again
    assert 'drop index concurrently "public"."tblproduct_configid_key"' in again.err
    assert one(owner, invalid) == 0
    third = run("prepare", "products")
    assert "concurrently" not in third.err


def test_bundle_is_what_deploy_does(bare_db: Database, tmp_path: Path) -> None:
    owner = bare_db.owner()
    fill(owner, 50)
    bundle = tmp_path / "shop.sql"
    done = pgtandem("bundle", "-o", bundle, dsn=None)
    assert done.code == 0, done
    beside = tmp_path / "shop.concurrently.sql"
    assert done.out.split() == [str(bundle), str(beside)]
    psql = [str(bare_db.server.programs.psql), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    for file in (bundle, None, beside):
        what = ["-f", str(file)] if file else ["-c", "call tandem.prepare('products')"]
        ran = subprocess.run(
            [*psql, "-d", bare_db.owner_dsn, *what], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
    statements = [line for line in beside.read_text().split("\n") if line.startswith("create")]
    needed = owner.execute(
        "select statement from tandem._requirements('products')"
        " where kind = 'index' order by ordinal"
    ).fetchall()
    assert [line.replace(" concurrently if not exists", "") for line in statements] == [
        f"{statement};" for (statement,) in needed
    ]
    again = pgtandem("deploy", "--json", dsn=bare_db.owner_dsn)
    assert again.json()["changed"] == []


def test_render_writes_files(tmp_path: Path) -> None:
    done = pgtandem("render", "products", "-o", tmp_path, dsn=None)
    assert done.code == 0
    files = [Path(line) for line in done.out.split("\n") if line]
    assert files
    assert all(path.is_file() for path in files)
    assert "definition.json" in [path.name for path in files]
    whole = pgtandem("render", "products", dsn=None)
    assert "comment on schema tandem_products" in whole.out


def test_load_reports_bad_lines_and_loads_the_rest(
    db: Database, run: Callable[..., Done], tmp_path: Path
) -> None:
    file = tmp_path / "products.csv.gz"
    with gzip.open(file, "wt", encoding="utf-8") as text:
        text.write("name,price,version\nAnvil,9.50,1\nRope,cheap,1\nLamp,3,\n")
    columns = ("--column", "ProductName=name", "--column", "Amount=price")
    done = run("load", "products", file, *columns, "--json")
    assert done.code == 1
    result = done.json()
    assert (result["loaded"], result["bad"]) == (2, 1)
    assert [line["line"] for line in result["bad_lines"]] == [3]
    assert "line 3" in done.err
    assert one(db.owner(), "select sum(amount)::text from tblproduct") == "12.50"
    assert run("load", "products", file, "--column", "Nothing=name").code == 2


def test_undeploy_refuses_to_take_along_what_is_not_pgtandems(
    db: Database, run: Callable[..., Done]
) -> None:
    owner = db.owner()
    assert run("prepare", "products").code == 0
    owner.execute("create view public.report as select * from tandem_products.hierarchy")
    refused(run("undeploy", "products", "--yes"), 1, "public.report")
    assert one(owner, "select count(*) from public.report") == 0
    owner.execute("drop view public.report")
    done = run("undeploy", "products", "--yes")
    assert (done.code, done.out) == (0, "Removed: products.\n"), done
    assert one(owner, "select to_regnamespace('tandem') is not null") is True
    assert one(
        owner, "select result from tandem.deployment order by deployment_id desc limit 1"
    ) == ("removed")
    assert run("deploy", "--json").json()["changed"] == ["products"]
    assert run("undeploy", "--yes").code == 0


def test_undeploy_refuses_while_a_run_is_under_way(db: Database, run: Callable[..., Done]) -> None:
    owner = db.owner()
    fill(owner, 2000)
    assert run("prepare", "products").code == 0
    arguments = ("migrate", "products", "--batch-rows", "20", "--pause-ms", "50")
    with start(*arguments, dsn=db.owner_dsn) as process:
        wait_for(
            lambda: one(owner, "select coalesce(max(read_rows), 0) from tandem.run") != 0,
            "the first batch",
        )
        refused(run("undeploy", "--yes"), 1, "under way")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT_SECONDS)


def test_a_killed_backend_is_told_and_the_same_command_goes_on(
    db: Database, run: Callable[..., Done]
) -> None:
    owner = db.owner()
    fill(owner, 2000)
    assert run("prepare", "products").code == 0
    arguments = ("migrate", "products", "--batch-rows", "20", "--pause-ms", "50")
    with start(*arguments, dsn=db.owner_dsn) as process:
        wait_for(
            lambda: one(owner, "select coalesce(max(read_rows), 0) from tandem.run") != 0,
            "the first batch",
        )
        owner.execute(
            "select pg_terminate_backend(backend_pid) from tandem.run where state = 'running'"
        )
        _, err = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 2
    assert "[57P01]" in err
    assert "Traceback" not in err
    assert run("migrate", "products").code == 0
    assert one(owner, "select count(*) from tblconfig") == 2000


def test_without_pgtandem_the_verbs_say_how_to_get_it(bare_db: Database) -> None:
    refused(pgtandem("validate", "products", dsn=bare_db.owner_dsn), 1, "pgtandem deploy")
    assert pgtandem("status", "--json", dsn=bare_db.owner_dsn).json() == []
    assert pgtandem("undeploy", "--yes", dsn=bare_db.owner_dsn).code == 0


def test_help_lists_every_verb_and_needs_no_database() -> None:
    done = pgtandem("--help", dsn=None)
    assert done.code == 0
    for verb in (
        "init render plan prepare analyze migrate validate drift show repair rollback sync load "
        "demo deploy undeploy bundle status lint test"
    ).split():
        assert f"\n  {verb} " in done.out
        shown = CliRunner().invoke(main, [verb, "--help"])
        assert shown.exit_code == 0
        assert f" {verb} " in shown.output


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["products", ORDERS], ids=["products", "orders"])
def test_a_mapping_is_proved_on_a_server_of_its_own(tmp_path: Path, mapping: str) -> None:
    """Also one whose keys are made by a function of its schema (new_key)."""
    done = pgtandem("test", mapping, "--rows", "600", "--writes", "40", dsn=None, folder=tmp_path)
    assert done.code == 0, done.out
    assert "FAILED" not in done.out
    assert "killed with SIGKILL" in done.out


def test_data_cannot_write_to_the_terminal(db: Database, run: Callable[..., Done]) -> None:
    owner = db.owner()
    owner.execute("insert into tblproduct (productname) values (e'\\x1b]0;evil\\x07')")
    assert run("prepare", "products").code == 0
    assert run("migrate", "products").code == 0
    shown = run("show", "products", "1")
    assert "\\x1b]0;evil" in shown.out
    assert "\x1b" not in shown.out
    with pytest.raises(psycopg.Error):
        owner.execute("select tandem.nothing()")


def test_a_cancel_request_that_cannot_be_sent_is_said(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn, out = db.owner(), io.StringIO()

    def refuse(**_: object) -> None:
        raise psycopg.OperationalError("no route to host")

    monkeypatch.setattr(progress, "CANCEL_SECONDS", 0.05)
    monkeypatch.setattr(conn, "cancel_safe", refuse)
    assert progress._cancel(conn, threading.Event(), Console(file=out)) is False
    assert out.getvalue().count("no route to host") == 1


def test_a_second_ctrl_c_does_not_leave_the_call_to_itself(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn, ended, tries = db.owner(), threading.Event(), 0

    def cancel(**_: object) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise KeyboardInterrupt
        ended.set()

    monkeypatch.setattr(conn, "cancel_safe", cancel)
    assert progress._cancel(conn, ended, Console(file=io.StringIO())) is True
    assert tries == 2


def test_a_missing_level_is_named_with_the_grant_that_gives_it(db: Database) -> None:
    db.owner().execute("select tandem.grant_to('old_app', 'reader')")
    done = pgtandem("drift", "products", dsn=db.dsn("old_app"))
    refused(done, 1, "[42501]", "SELECT tandem.grant_to(role, level)", "docs/roles.md")
