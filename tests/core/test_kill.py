"""SIGKILL of a backend, of the client and of the server while both sides write; then resume."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pgtandem.deploy import deploy
from pgtandem.mapping import load_mapping
from pgtandem.paths import db_dir
from pgtandem.server import ThrowawayServer
from support.databases import FLAT_TABLE, Database, TestServer
from support.locks import wait_until
from support.shop import assert_in_step, one, prepared

ROWS = 20_000
CALL = "call tandem.migrate('products', p_batch_rows => 200, p_pause_ms => 5)"
AGAIN = ("40001", "40P01", "55P03")
"""What an application repeats: serialization failure, deadlock, lock timeout."""


@pytest.fixture(scope="module")
def killable() -> Iterator[TestServer]:
    """A server of this module's own."""
    with ThrowawayServer() as embedded:
        own = TestServer(embedded.conninfo(), embedded.binaries, "embedded", embedded)
        own.make_roles()
        yield own


@pytest.fixture
def shop(killable: TestServer) -> Iterator[Database]:
    """A filled and prepared shop on that server."""
    with killable.clone(None) as database:
        with psycopg.connect(database.owner_dsn, autocommit=True) as conn:
            conn.execute(FLAT_TABLE)
            deploy(conn, [load_mapping(db_dir() / "mappings" / "products.toml")])
            prepared(conn, ROWS)
        database.grant_new_app()
        yield database


class Writer(threading.Thread):
    """A program that writes one column of its own rows for ever, and knows what it wrote.

    `known` holds, by configname, the values that the row may have: one after a confirmed commit,
    two where the connection broke while it waited for the answer.
    """

    def __init__(self, dsn: str, statement: str, number: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.dsn, self.statement, self.number = dsn, statement, number
        self.random = random.Random(seed)
        self.stop = threading.Event()
        self.known: dict[str, set[str]] = {}
        self.written = 0
        self.broken = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                try:
                    with psycopg.connect(self.dsn, autocommit=True) as conn:
                        while not self.stop.is_set():
                            self._write(conn)
                except psycopg.OperationalError:
                    self.broken += 1
                    time.sleep(0.05)
        except BaseException as error:
            self.error = error

    def _write(self, conn: psycopg.Connection) -> None:
        key = self.random.randrange(self.number, ROWS + 1, 2) or 2
        name, value = f"c{key}", f"{self.number}-{self.random.randrange(10**6)}"
        before = self.known.get(name, set())
        self.known[name] = before | {value}
        while True:
            try:
                done = conn.execute(self.statement.encode(), {"name": name, "value": value})
            except psycopg.Error as error:
                if error.sqlstate not in AGAIN:
                    if error.sqlstate is not None and not isinstance(
                        error, psycopg.OperationalError
                    ):
                        raise
                    raise psycopg.OperationalError(str(error)) from error
                continue
            break
        if done.rowcount:
            self.known[name] = {value}
            self.written += done.rowcount
        elif before:
            self.known[name] = before
        else:
            del self.known[name]
        time.sleep(0.002)


@contextmanager
def writing(shop: Database, seed: int) -> Iterator[list[Writer]]:
    """Two old and two new programs that write all the time."""
    old = "update tblproduct set status = %(value)s where productid = substr(%(name)s, 2)::bigint"
    new = "update tblconfig set sku = %(value)s where name = %(name)s"
    writers = [
        Writer(dsn, statement, number, seed + i)
        for i, (dsn, statement, number) in enumerate(
            [
                (shop.old_app_dsn, old, 1),
                (shop.old_app_dsn, old, 2),
                (shop.new_app_dsn, new, 1),
                (shop.new_app_dsn, new, 2),
            ]
        )
    ]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stop.set()
        for writer in writers:
            writer.join(30)
    for writer in writers:
        if writer.error is not None:
            raise writer.error


def connect(dsn: str) -> psycopg.Connection:
    """A session, also while the server is coming back."""
    found: list[psycopg.Connection] = []

    def try_once() -> bool:
        try:
            found.append(psycopg.connect(dsn, autocommit=True))
        except psycopg.OperationalError:
            return False
        return True

    wait_until(try_once, "a connection")
    return found[0]


def ask(dsn: str, query: str) -> object:
    """The answer to a question, asked again where the session breaks."""
    while True:
        try:
            with connect(dsn) as conn:
                return one(conn, query)
        except psycopg.OperationalError:
            time.sleep(0.02)


def kill_backend(shop: Database, client: subprocess.Popen[bytes], pid: int) -> None:
    # The server ends all sessions then, this one, too: before that it would still let new ones in.
    witness = connect(shop.owner_dsn)
    os.kill(pid, signal.SIGKILL)
    client.wait(30)

    def ended() -> bool:
        try:
            witness.execute("select 1")
        except psycopg.OperationalError:
            return True
        return False

    wait_until(ended, "the server begins anew")


def kill_client(shop: Database, client: subprocess.Popen[bytes], pid: int) -> None:
    client.kill()
    client.wait(30)
    # The backend goes on until it has something to say to its client.
    query = f"select not exists (select from pg_stat_activity where pid = {pid})"
    wait_until(lambda: ask(shop.owner_dsn, query) is True, "the backend notices")


def kill_server(shop: Database, client: subprocess.Popen[bytes], pid: int) -> None:
    assert shop.server.embedded is not None
    shop.server.embedded.kill()
    client.wait(30)
    shop.server.embedded.start()


@contextmanager
def ended_clients(log: Path) -> Iterator[Callable[[list[str]], subprocess.Popen[bytes]]]:
    """Starts programs; none of them outlives the block."""
    clients: list[subprocess.Popen[bytes]] = []

    def start(command: list[str]) -> subprocess.Popen[bytes]:
        with log.open("ab") as said:
            clients.append(subprocess.Popen(command, stdout=said, stderr=said))
        return clients[-1]

    try:
        yield start
    finally:
        for client in clients:
            client.kill()
            client.wait(30)


Kill = Callable[[Database, "subprocess.Popen[bytes]", int], None]


@pytest.mark.parametrize(
    "kills",
    [(kill_backend, kill_server), (kill_client, kill_backend)],
    ids=["backend and server", "client and backend"],
)
def test_a_killed_migration_goes_on_and_does_every_row_once(
    shop: Database,
    kills: tuple[Kill, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seed = int(os.environ.get("PGTANDEM_SEED") or random.SystemRandom().randrange(10**6))
    with capsys.disabled():
        print(f" [PGTANDEM_SEED={seed}]", end="", flush=True)
    rnd, log = random.Random(seed), tmp_path / "psql.log"
    watch = "select coalesce(max(read_rows), 0) from tandem.run where kind = 'migrate'"
    psql = [str(shop.server.programs.psql), "-X", "-q", "-d", shop.owner_dsn, "-c", CALL]
    state = "select state from tandem.run where kind = 'migrate'"
    # a killed client's session works on for a moment, and may pass the next target before it ends
    lives = (
        "select exists (select from pg_stat_activity as a join tandem.run as r"
        " on r.backend_pid = a.pid where r.kind = 'migrate')"
    )
    with writing(shop, seed) as writers, ended_clients(log) as started:
        for i, kill in enumerate(kills):
            client, deadline = started(psql), time.monotonic() + 30
            target = (i + rnd.uniform(0.1, 0.9)) * ROWS / (len(kills) + 1)
            while int(str(ask(shop.owner_dsn, watch))) < target or not ask(shop.owner_dsn, lives):
                if client.poll() is not None:  # met the server's recovery from the kill before
                    assert time.monotonic() < deadline, log.read_text()
                    client = started(psql)
                time.sleep(0.005)
            time.sleep(rnd.uniform(0, 0.05))  # anywhere inside a batch or between two
            pid = ask(shop.owner_dsn, "select backend_pid from tandem.run where kind = 'migrate'")
            assert isinstance(pid, int)
            assert ask(shop.owner_dsn, state) == "running"
            kill(shop, client, pid)
        with connect(shop.owner_dsn) as conn:
            conn.execute(CALL)
            time.sleep(0.2)
    with connect(shop.owner_dsn) as conn:
        assert_in_step(conn)
        row = conn.execute(
            "select state, attempt, total_rows, read_rows, written_rows + unchanged_rows,"
            " rejected_rows from tandem.run where kind = 'migrate'"
        ).fetchall()
        attempts = len(kills) + 1
        assert row == [("done", attempts, ROWS, ROWS, ROWS, 0)]
        assert one(
            conn,
            "select (r.batches, r.read_rows, r.written_rows) = (select count(*), sum(b.read_rows),"
            " sum(b.written_rows) from tandem.run_batch as b where b.run_id = r.run_id)"
            " from tandem.run as r where kind = 'migrate'",
        )
        once = conn.execute(
            "select count(*), count(distinct configid), (select count(*) from tblconfig)"
            " from tblproduct"
        ).fetchone()
        assert once == (ROWS, ROWS, ROWS)
        assert one(conn, "select count(*) from pg_locks where locktype = 'advisory'") == 0
        assert one(conn, "select count(*) from pg_prepared_xacts") == 0
        # What a program was told is committed is there, on both sides.
        for i, column in enumerate(("status", "status", "sku", "sku")):
            writer = writers[i]
            assert writer.written > 0
            for table, key in (("tblproduct", "configname"), ("tblconfig", "name")):
                query = sql.SQL("select {}, {} from {} where {} = any (%s)").format(
                    *map(sql.Identifier, (key, column, table, key))
                )
                rows = conn.execute(query, (list(writer.known),)).fetchall()
                lost = [r for r in rows if r[1] not in writer.known[r[0]]]
                # A row whose only write broke off may still have its first value.
                lost = [
                    r
                    for r in lost
                    if len(writer.known[r[0]]) == 1
                    and not (writer.broken and r[1] in ("on", r[0].replace("c", "sku")))
                ]
                assert lost == [], f"{table}: seed {seed}"
