"""A worker: does the imports that were left to it, woken by NOTIFY, and every few seconds anyway.

What there is to do is asked of the database each time (`tandem.work_imports`); a NOTIFY that is
lost costs the poll's time. Told to stop, it ends after the batch that it is at, and what is begun
is queued where it stands.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psycopg

from pgtandem.connection import Connection, Target, connect
from pgtandem.errors import PgTandemError, describe, from_database
from pgtandem.slow_batches import slow_batches_cancelled
from pgtandem.stopping import StopFlag

CHANNEL: Final = "tandem_imports"
WAKE_SECONDS: Final = 0.5
"""So often a worker that waits looks whether it is to stop."""
GRACE_SECONDS: Final = 30.0
"""So long a batch may take after that; then the server is asked to cancel it."""
RECONNECT_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
TAKEN_OVER: Final = frozenset({"TD010", "TD011"})
"""Another session is at the import, or was: nothing to be said of it."""


@dataclass
class Worker:
    """A session that does imports until `stop` is called, which may be from a signal handler."""

    target: Target
    name: str
    say: Callable[[str], None]
    notice: Callable[[psycopg.errors.Diagnostic], None]
    mapping: str | None = None
    poll_seconds: float = 5.0

    def __post_init__(self) -> None:
        self._stop = StopFlag()

    def stop(self) -> None:
        """Have it end after its batch."""
        self._stop.set()

    def run(self, *, once: bool = False) -> None:
        """Work until told to stop; `once`: until there is nothing left to do.

        A connection that is lost is made again. Raises what the database refuses for good, such as
        a missing right (psycopg.Error), and ConnectionFailed where there never was a connection.
        """
        conn = self._connect()
        failures = 0
        while True:
            try:
                self._work(conn)
                failures = 0
                if once or self._stop.is_set():
                    self._leave(conn)
                    return
                self._wait(conn)
            except psycopg.errors.QueryCanceled as error:
                self.say(f"{describe(error).splitlines()[0]} What was cancelled goes on.")
            except psycopg.OperationalError as error:
                if not conn.broken and not conn.closed:
                    raise
                self.say(f"{describe(error).splitlines()[0]} Connecting again.")
                again = self._reconnect(failures)
                if again is None:
                    return
                conn = again
                failures += 1
            if self._stop.is_set():
                self._leave(conn)
                return

    def _connect(self) -> Connection:
        conn = connect(self.target, application_name=f"pgtandem worker {self.name}"[:63])
        conn.add_notice_handler(self.notice)
        # it would end a CALL that does batch after batch; a batch has its own limits
        conn.execute("set statement_timeout = 0")
        # nor is it a fault to wait for work
        conn.execute("set idle_session_timeout = 0")
        conn.execute("listen " + CHANNEL)
        conn.execute("select tandem.begin_work(%s, %s)", (self.name, self.mapping))
        return conn

    def _reconnect(self, failures: int) -> Connection | None:
        """A session once there is one; None where it is told to stop before."""
        while True:
            wait = RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)]
            if self._stop.wait(wait):
                return None
            try:
                return self._connect()
            except (PgTandemError, psycopg.OperationalError):
                failures += 1

    def _work(self, conn: Connection) -> None:
        """Drain the queue in a thread, so that a signal is seen meanwhile."""
        failed: list[psycopg.Error] = []

        def drain() -> None:
            try:
                conn.execute("call tandem.work_imports(%s)", (self.mapping,))
            except psycopg.Error as error:
                failed.append(error)

        thread = threading.Thread(target=drain, name="imports", daemon=True)
        thread.start()
        with slow_batches_cancelled(self.target, self.say):
            while thread.is_alive() and not self._stop.is_set():
                thread.join(WAKE_SECONDS)
        if thread.is_alive():
            self._ask_to_stop(conn)
            thread.join(GRACE_SECONDS)
        if thread.is_alive():
            self.say("The batch takes long: it is cancelled, and its import goes on later.")
            conn.cancel_safe(timeout=WAKE_SECONDS * 10)
            thread.join()
        for error in failed:
            is_ours = self._stop.is_set() and error.sqlstate == "57014"
            if error.sqlstate not in TAKEN_OVER and not is_ours:
                raise error

    def _ask_to_stop(self, conn: Connection) -> None:
        self.say("Stopping after this batch.")
        try:
            with connect(self.target) as other:
                other.execute("select tandem.stop_work(%s)", (conn.info.backend_pid,))
        except (PgTandemError, psycopg.Error) as error:
            self.say(describe(error).splitlines()[0])

    def _wait(self, conn: Connection) -> None:
        """Until an import is handed in, or it is time to look again."""
        left = self.poll_seconds
        while left > 0 and not self._stop.is_set():
            for _ in conn.notifies(timeout=min(WAKE_SECONDS, left), stop_after=1):
                return
            left -= WAKE_SECONDS

    def _leave(self, conn: Connection) -> None:
        try:
            conn.execute("select tandem.end_work()")
        except psycopg.Error as error:
            self.say(str(from_database(error)))
        conn.close()
