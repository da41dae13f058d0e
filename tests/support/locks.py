"""Two-session tests: wait until the server says that a session has come to a certain state."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

POLL_SECONDS = 0.005


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Poll `condition` until it holds; AssertionError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(POLL_SECONDS)


def wait_for_lock_wait(conn: Connection, pid: int, seconds: float = 30) -> None:
    """Return when the session `pid` waits for a lock, seen from the session `conn`.

    Read from pg_locks, which shows every role all locks. `conn` must be in autocommit and must not
    be the session that waits.
    """
    wait_until(
        lambda: _is_true(
            conn, "select exists (select from pg_locks where pid = %s and not granted)", pid
        ),
        f"session {pid} waits for a lock",
        seconds,
    )


def wait_for_blocked_by(conn: Connection, pid: int, blocker: int, seconds: float = 30) -> None:
    """Return when the session `pid` waits for a lock that `blocker` holds or is queued for."""
    wait_until(
        lambda: _is_true(conn, "select %s = any (pg_blocking_pids(%s))", blocker, pid),
        f"session {pid} is blocked by session {blocker}",
        seconds,
    )


def wait_for_end(conn: Connection, pid: int, seconds: float = 30) -> None:
    """Return when the session `pid` is gone from the server."""
    wait_until(
        lambda: _is_true(
            conn, "select not exists (select from pg_stat_activity where pid = %s)", pid
        ),
        f"session {pid} ends",
        seconds,
    )


def _is_true(conn: Connection, query: str, *values: int) -> bool:
    row = conn.execute(query, values).fetchone()
    return row is not None and row[0] is True
