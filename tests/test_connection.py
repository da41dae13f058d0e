"""Connections: their order, what users read when there is none, and no password shown."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgtandem import errors
from pgtandem.connection import (
    LIBPQ_VARIABLES,
    Target,
    child_connection,
    connect,
    redact,
    resolve_dsn,
)
from pgtandem.server import KeptServer, find_binaries
from support.databases import Database, TestServer

SECRET = r"pa'ss:w\ord 1"
RAISE = "do $$ begin raise 'no' using errcode = 'TD999', detail = 'd', hint = 'h'; end $$"
URL = "postgresql://me:s3cret@db.invalid:5433/shop?sslmode=require"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGTANDEM_DSN", "PGPASSWORD", "PGPASSFILE", *LIBPQ_VARIABLES):
        monkeypatch.delenv(name, raising=False)


def test_order_of_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGHOST", "from-libpq")
    monkeypatch.setenv("PGTANDEM_DSN", "host=from-variable")
    assert resolve_dsn("host=from-option").source == "--dsn"
    assert resolve_dsn().conninfo == "host=from-variable"
    monkeypatch.delenv("PGTANDEM_DSN")
    target = resolve_dsn(working_folder=tmp_path)
    assert (target.conninfo, target.source) == ("", "libpq's PGHOST")
    assert not (tmp_path / ".pgtandem").exists(), "no embedded server where another was named"


def test_embedded_server_is_the_last_resort(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        target = resolve_dsn(working_folder=tmp_path)
        with connect(target) as conn:
            assert conn.autocommit
            assert conn.info.dbname == "pgtandem"
            assert conn.execute("show application_name").fetchone() == ("pgtandem",)
        assert target.embedded is not None
        said = capsys.readouterr()
        assert said.out == ""
        assert str(tmp_path / ".pgtandem") in said.err
        assert "(started)" in said.err
        resolve_dsn(working_folder=tmp_path)
        assert "(started)" not in capsys.readouterr().err
    finally:
        KeptServer(tmp_path).remove()


def test_service_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bare_db: Database) -> None:
    parts = conninfo_to_dict(bare_db.owner_dsn)
    lines = "".join(f"{key}={value}\n" for key, value in parts.items())
    service_file = tmp_path / "services"
    service_file.write_text(f"[shop]\n{lines}", encoding="utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(service_file))
    monkeypatch.setenv("PGSERVICE", "shop")
    with connect(resolve_dsn()) as conn:
        assert conn.info.dbname == bare_db.clone_name
        assert conn.info.user == "shop_owner"


@pytest.mark.parametrize("bad", ["s3cret", "postgresql://me:s3cret@[::1/x", "hots=s3cret"])
def test_unreadable_dsn_is_not_quoted(bad: str) -> None:
    with pytest.raises(errors.UsageError) as caught:
        resolve_dsn(bad)
    assert "s3cret" not in errors.describe(caught.value)
    assert "--dsn" in caught.value.message
    assert errors.exit_code(caught.value) == 2


def test_no_connection_says_where_and_what_to_do() -> None:
    with pytest.raises(errors.ConnectionFailed) as caught:
        connect(resolve_dsn(URL), connect_timeout=5)
    text = errors.describe(caught.value)
    assert "db.invalid" in text
    assert "DETAIL" in text
    assert "HINT" in text
    assert "s3cret" not in text
    assert errors.exit_code(caught.value) == 2


def test_secrets_are_never_shown() -> None:
    target = resolve_dsn(URL)
    assert "s3cret" not in repr(target)
    assert "s3cret" not in target.shown
    assert "db.invalid" in target.shown
    assert "k3y" not in redact("host=h sslpassword=k3y")


def test_child_gets_the_password_in_a_closed_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "another")
    escaped = SECRET.replace("\\", "\\\\").replace("'", "\\'")
    target = Target(f"host=h user=me dbname=d password='{escaped}'", "--dsn")
    with child_connection(target) as child:
        passfile = Path(child.environment["PGPASSFILE"])
        assert stat.S_IMODE(passfile.stat().st_mode) == 0o600
        assert passfile.read_text() == "*:*:*:*:" + r"pa'ss\:w\\ord 1" + "\n"
        assert conninfo_to_dict(child.dbname) == {"host": "h", "user": "me", "dbname": "d"}
        assert "PGPASSWORD" not in child.environment
        assert SECRET not in repr(child) + str(dict(child.environment))
    assert not passfile.exists()


def test_child_without_password_keeps_the_users_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", "of the user")
    with child_connection(Target("host=h", "--dsn")) as child:
        assert child.environment["PGPASSWORD"] == "of the user"
        assert child.dbname == "host=h"


def test_child_refuses_what_it_cannot_hide() -> None:
    target = Target("host=h sslpassword=k3y", "--dsn")
    with pytest.raises(errors.UsageError) as caught, child_connection(target):
        pass
    assert "sslpassword" in caught.value.message
    assert "k3y" not in errors.describe(caught.value)


def test_child_connects_with_its_password(server: TestServer, bare_db: Database) -> None:
    """psql really logs in with a password full of special characters, over SCRAM.

    The embedded server trusts its socket, so it is told to ask this one role for a password.
    """
    if server.embedded is None:
        pytest.skip("needs a server whose authentication can be changed")
    hba = server.embedded.data / "pg_hba.conf"
    before = hba.read_text()
    with server.admin() as admin:
        create = sql.SQL("create role with_password login password {}")
        admin.execute(create.format(sql.Literal(SECRET)))
        try:
            hba.write_text("local all with_password scram-sha-256\n" + before)
            admin.execute("select pg_reload_conf()")
            target = Target(
                make_conninfo(bare_db.dsn(), user="with_password", password=SECRET),
                "--dsn",
            )
            with connect(target) as conn:
                assert conn.pgconn.used_password
            wrong = Target(make_conninfo(target.conninfo, password="wr0ng"), "--dsn")
            for attempt, code in ((target, 0), (wrong, 2)):
                with child_connection(attempt) as child:
                    done = subprocess.run(
                        [find_binaries().psql, "-XAtwd", child.dbname, "-c", "select current_user"],
                        env=child.environment,
                        check=False,
                        capture_output=True,
                        text=True,
                    )
                assert done.returncode == code, done.stderr
                assert "wr0ng" not in done.stderr
            with pytest.raises(errors.ConnectionFailed) as caught:
                connect(wrong)
            assert "wr0ng" not in errors.describe(caught.value)
        finally:
            hba.write_text(before)
            admin.execute("select pg_reload_conf()")
            admin.execute("drop role with_password")


def test_database_errors_map_by_sqlstate(bare_db: Database) -> None:
    owner = bare_db.owner()
    cases = {
        "select tandem.version()": errors.NotDeployed,
        "select from pg_catalog.pg_authid": errors.NotPermitted,
        RAISE: errors.TandemError,
        "do $$ begin raise 'no' using errcode = '40P01'; end $$": errors.Retryable,
        "select 1/0": errors.DatabaseError,
    }
    for statement, kind in cases.items():
        with pytest.raises(psycopg.Error) as caught:
            owner.execute(statement)
        mapped = errors.from_database(caught.value)
        assert type(mapped) is kind
        assert mapped.sqlstate == caught.value.sqlstate
        assert errors.exit_code(caught.value) == 1
    with pytest.raises(psycopg.Error) as caught:
        owner.execute(RAISE)
    assert errors.describe(caught.value) == "no [TD999]\nDETAIL: d\nHINT: h"


def test_lost_connection_is_no_connection(bare_db: Database) -> None:
    owner, killer = bare_db.owner(), bare_db.superuser()
    killer.execute("select pg_terminate_backend(%s, 5000)", (owner.info.backend_pid,))
    with pytest.raises(psycopg.OperationalError) as caught:
        owner.execute("select 1")
    assert isinstance(errors.from_database(caught.value), errors.ServerGone)
    assert errors.exit_code(caught.value) == 2


def test_errors_have_no_traceback_in_their_text() -> None:
    assert errors.describe(ValueError("bad")) == "ValueError: bad"
    assert errors.describe(errors.PgTandemError("what", hint="do")) == "what\nHINT: do"
