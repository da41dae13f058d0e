"""Programs that write while something is killed, and know what they wrote; and the killing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql

from support.databases import Database
from support.locks import wait_until
from support.shop import one

AGAIN = ("40001", "40P01", "55P03")
"""What an application repeats: serialization failure, deadlock, lock timeout."""
UNKNOWN = "whatever it had before"

OLD = "update tblproduct set status = %(value)s where productid = substr(%(name)s, 2)::bigint"
NEW = "update tblconfig set sku = %(value)s where name = %(name)s"


class Writer(threading.Thread):
    """A program that writes one column of its own rows for ever, and knows what it wrote.

    `known` holds, by configname, the values that the row may have: one after a confirmed commit,
    two and more where the connection broke while it waited for the answer.
    """

    def __init__(self, dsn: str, statement: str, number: int, rows: int, seed: str) -> None:
        super().__init__(daemon=True)
        self.dsn, self.statement, self.number, self.rows = dsn, statement, number, rows
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
                    # a pooler in transaction mode knows no prepared statements
                    with psycopg.connect(self.dsn, autocommit=True, prepare_threshold=None) as conn:
                        while not self.stop.is_set():
                            self._write(conn)
                except psycopg.OperationalError:
                    self.broken += 1
                    time.sleep(0.05)
        except BaseException as error:
            self.error = error

    def _write(self, conn: psycopg.Connection) -> None:
        key = self.random.randrange(self.number, self.rows + 1, 2)
        name, value = f"c{key}", f"{self.number}-{self.random.randrange(10**6)}"
        before = self.known.get(name)
        self.known[name] = (before or {UNKNOWN}) | {value}
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
        elif before is not None:
            self.known[name] = before
        else:
            del self.known[name]
        time.sleep(0.002)


@contextmanager
def writing(
    shop: Database, rows: int, seed: int, sides: Sequence[str] = ("old", "new")
) -> Iterator[list[Writer]]:
    """Two programs of each side that write all the time."""
    writers = [
        Writer(*program, number, rows, f"{seed} {side} {number}")
        for side, program in (("old", (shop.old_app_dsn, OLD)), ("new", (shop.new_app_dsn, NEW)))
        if side in sides
        for number in (1, 2)
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


def kill_backend(shop: Database, client: subprocess.Popen[bytes], pid: int) -> bool:
    """Kill a session; False where it had ended well just before."""
    # The server ends all sessions then, this one, too: before that it would still let new ones in.
    with connect(shop.owner_dsn) as witness:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        # one that had ended, but was not yet gone, dies of nothing; its client says so
        well = client.wait(30) == 0
        deadline = time.monotonic() + (5 if well else 30)
        while time.monotonic() < deadline:
            try:
                witness.execute("select 1")
            except psycopg.OperationalError:
                return True
            time.sleep(0.005)
    assert well, "the server does not begin anew"
    return False


def kill_client(shop: Database, client: subprocess.Popen[bytes], pid: int) -> bool:
    """Kill a program, and wait until its session has noticed."""
    client.kill()
    client.wait(30)
    # The backend goes on until it has something to say to its client.
    query = f"select not exists (select from pg_stat_activity where pid = {pid})"
    wait_until(lambda: ask(shop.owner_dsn, query) is True, "the backend notices")
    return True


def kill_server(shop: Database, client: subprocess.Popen[bytes], pid: int) -> bool:
    """Kill the server with all its sessions, and start it again."""
    assert shop.server.embedded is not None
    shop.server.embedded.kill()
    client.wait(30)
    shop.server.embedded.start()
    return True


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


def run_to_its_end(command: list[str], log: Path, start: Callable[..., object]) -> float:
    """The same call again until it ends well; the seconds that the last one took."""
    for _ in range(40):
        begun = time.monotonic()
        client = start(command)
        assert isinstance(client, subprocess.Popen)
        if client.wait(120) == 0:
            return time.monotonic() - begun
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])


Kill = Callable[[Database, "subprocess.Popen[bytes]", int], bool]
"""Kills the session of a client, or what it needs; True where it came in time."""


def assert_nothing_lost(conn: psycopg.Connection, writers: Sequence[Writer], what: str) -> None:
    """What a program was told is committed is there, on both sides."""
    for writer in writers:
        column = "status" if writer.statement == OLD else "sku"
        assert writer.written > 0, what
        for table, key in (("tblproduct", "configname"), ("tblconfig", "name")):
            query = sql.SQL("select {}, {} from {} where {} = any (%s)").format(
                *map(sql.Identifier, (key, column, table, key))
            )
            rows = conn.execute(query, (list(writer.known),)).fetchall()
            assert len(rows) == len(writer.known), f"{table}: {what}"
            lost = [row for row in rows if not {row[1], UNKNOWN} & writer.known[row[0]]]
            assert lost == [], f"{table}: {what}: {lost}"


def assert_nothing_left_behind(conn: psycopg.Connection) -> None:
    """No lock, no prepared transaction, and a ledger that adds up and has no run that hangs."""
    assert one(conn, "select count(*) from pg_locks where locktype = 'advisory'") == 0
    assert one(conn, "select count(*) from pg_prepared_xacts") == 0
    assert one(conn, "select count(*) from tandem.run where finished_at is null") == 0
    wrong = conn.execute(
        """
        select r.run_id, r.kind from tandem.run as r
        left join tandem.run_batch as b using (run_id)
        group by r.run_id
        having r.batches <> count(b.batch) or r.read_rows <> coalesce(sum(b.read_rows), 0)
            or r.written_rows <> coalesce(sum(b.written_rows), 0)
        """
    ).fetchall()
    assert wrong == []
