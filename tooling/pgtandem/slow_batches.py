"""Beside a CALL that imports: another session that ends batches which take too long.

PostgreSQL's `statement_timeout` counts a whole CALL, all batches of it. How long each may take is
known by `tandem.cancel_slow_batches`, which somebody has to call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from pgtandem.connection import Target, connect
from pgtandem.errors import PgTandemError, describe

LOOK_SECONDS: Final = 1.0


@contextmanager
def slow_batches_cancelled(target: Target, say: Callable[[str], None]) -> Iterator[None]:
    """Look every second, over a connection of its own, while the block runs.

    What is over within a second costs no connection. Where it cannot look, it says so once, and the
    block goes on without it.
    """
    over = threading.Event()

    def look() -> None:
        if over.wait(LOOK_SECONDS):
            return
        try:
            with connect(target, application_name="pgtandem watch") as conn:
                while not over.wait(LOOK_SECONDS):
                    conn.execute("select tandem.cancel_slow_batches()")
        except (PgTandemError, psycopg.Error) as error:
            if not over.is_set():
                say(f"Batches that take too long are not ended: {describe(error)}")

    thread = threading.Thread(target=look, name="slow batches", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
