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
AGAIN_SECONDS: Final = 5.0
"""So long after a connection was lost, or not to be had, it is tried again."""
GRACE_SECONDS: Final = 5.0
"""So long a look that hangs is waited for at the end."""


@contextmanager
def slow_batches_cancelled(target: Target, say: Callable[[str], None]) -> Iterator[None]:
    """Look every second, over a connection of its own, while the block runs.

    What is over within a second costs no connection. Where it cannot look, it says so once, the
    block goes on without it, and what may pass is tried again. The block's end waits for no look
    that hangs.
    """
    over = threading.Event()

    def look() -> None:
        wait, is_said = LOOK_SECONDS, False
        while not over.wait(wait):
            try:
                with connect(target, application_name="pgtandem watch") as conn:
                    conn.execute(f"set statement_timeout = '{GRACE_SECONDS:.0f}s'".encode())
                    conn.execute("select tandem.cancel_slow_batches()")
                    while not over.wait(LOOK_SECONDS):
                        conn.execute("select tandem.cancel_slow_batches()")
            except (PgTandemError, psycopg.Error) as error:
                if not over.is_set() and not is_said:
                    say(f"Batches that take too long are not ended: {describe(error)}")
                if isinstance(error, psycopg.ProgrammingError):
                    return  # such as a right that is missing
                wait, is_said = AGAIN_SECONDS, True

    thread = threading.Thread(target=look, name="slow batches", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(2 * GRACE_SECONDS)
