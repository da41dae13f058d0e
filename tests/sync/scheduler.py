"""Two sessions whose statements interleave as told, without threads and without waiting blindly.

A statement is sent and then watched: it is done, or the server says that it waits for a lock. Then
the other session goes on. A transaction that fails with 40P01, 40001 or 55P03 is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle

from psycopg import pq

from support.databases import Connection
from sync.histories import EXPECTED, RETRIED

PATIENCE_SECONDS = 30.0
MOST_TRIES = 20


class Session:
    """A session whose statements are sent without waiting for their end."""

    def __init__(self, conn: Connection, name: str) -> None:
        self.conn = conn
        self.name = name
        self.pid = conn.info.backend_pid
        self.busy = False
        self.sqlstate: str | None = None
        self.message = ""

    def send(self, text: str) -> None:
        """Send a statement; `done` tells when it has ended."""
        assert not self.busy
        self.sqlstate, self.message = None, ""
        self.conn.pgconn.send_query(text.encode())
        self.busy = True

    def done(self) -> bool:
        """Whether the statement has ended; then `sqlstate` is None or its error."""
        if not self.busy:
            return True
        self.conn.pgconn.consume_input()
        if self.conn.pgconn.is_busy():
            return False
        while result := self.conn.pgconn.get_result():
            if result.status == pq.ExecStatus.FATAL_ERROR:
                field_bytes = result.error_field(pq.DiagnosticField.SQLSTATE)
                self.sqlstate = (field_bytes or b"?????").decode()
                self.message = result.get_error_message()
        self.busy = False
        return True

    def run_until_blocked(self, text: str, monitor: Connection) -> bool:
        """Send a statement; True when it has ended, False when it waits for a lock."""
        self.send(text)
        return self.settle(monitor)

    def settle(self, monitor: Connection) -> bool:
        """Wait until the statement has ended (True) or waits for a lock (False)."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.done():
            row = monitor.execute("select pg_blocking_pids(%s) <> '{}'", (self.pid,)).fetchone()
            if row is not None and row[0] and not self.done():
                return False
            assert time.monotonic() < deadline, f"{self.name}: neither done nor waiting"
            time.sleep(0.0005)
        return True

    def wait(self) -> str | None:
        """Wait until the statement has ended; its SQLSTATE or None."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.done():
            assert time.monotonic() < deadline, f"{self.name}: does not end"
            time.sleep(0.0005)
        return self.sqlstate


@dataclass
class _Work:
    session: Session
    transactions: list[list[str]]
    transaction: int = 0
    statement: int = 0
    tries: int = 0

    @property
    def has_more(self) -> bool:
        return self.transaction < len(self.transactions)

    @property
    def next(self) -> str:
        return self.transactions[self.transaction][self.statement]


@dataclass
class Interleaving:
    """What ran, in order, and how often the server refused."""

    log: list[str] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    def run(
        self,
        monitor: Connection,
        sessions: Sequence[Session],
        transactions: Sequence[list[list[str]]],
        schedule: Sequence[bool],
        on_commit: Callable[[], None],
    ) -> None:
        """Run each session's transactions (lists of statements, BEGIN and COMMIT included).

        The sessions take turns, statement by statement; a true value in `schedule`, which is read
        over and over, lets the first go on instead.
        """
        works = [_Work(s, list(t)) for s, t in zip(sessions, transactions, strict=True)]
        stays, last = cycle(schedule or [False]), -1
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            for work in works:
                if work.session.busy and work.session.done():
                    self._finish(work, on_commit)
                    deadline = time.monotonic() + PATIENCE_SECONDS
            free = [work for work in works if not work.session.busy and work.has_more]
            if not free:
                if not any(work.session.busy for work in works):
                    return
                # Everyone waits: the server ends that, by turn or as a deadlock.
                assert time.monotonic() < deadline, "nobody goes on"
                time.sleep(0.0005)
                continue
            others = [
                number for number, work in enumerate(works) if work in free and number != last
            ]
            if next(stays) or not others:
                others = [number for number, work in enumerate(works) if work in free]
            last = others[0]
            work = works[last]
            self.log.append(f"/* {work.session.name} */ {work.next};")
            if work.session.run_until_blocked(work.next, monitor):
                self._finish(work, on_commit)
            else:
                self.log.append(f"-- {work.session.name} waits")

    def _finish(self, work: _Work, on_commit: Callable[[], None]) -> None:
        state = work.session.sqlstate
        if state is None:
            committed = work.next == "commit"
            work.statement += 1
            if work.statement == len(work.transactions[work.transaction]):
                work.transaction, work.statement, work.tries = work.transaction + 1, 0, 0
            if committed:
                on_commit()
            return
        self.log.append(f"-- {work.session.name}: {state} {work.session.message.strip()}")
        self.errors[state] = self.errors.get(state, 0) + 1
        assert state in EXPECTED | RETRIED, f"{state}: {work.session.message}"
        work.session.send("rollback")
        work.session.wait()
        work.statement = 0
        work.tries += 1
        assert work.tries < MOST_TRIES, f"tried {MOST_TRIES} times: {state}"
        if state in EXPECTED:
            work.transaction, work.tries = work.transaction + 1, 0
