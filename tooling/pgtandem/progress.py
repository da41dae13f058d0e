"""A CALL that takes long: run in a thread, shown as a bar, cancelled cleanly by Ctrl-C.

The bar is fed from the view `tandem.progress` over a second connection; the server's NOTICEs stand
above it. Without a terminal there is no bar and no second connection, only the NOTICEs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from pgtandem.connection import Connection, Target, connect
from pgtandem.errors import PgTandemError

POLL_SECONDS: Final = 0.2
CANCEL_TRIES: Final = 10
CANCEL_SECONDS: Final = 3.0
"""So long for one try to take effect; then the server is asked again."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C, and the CALL has ended in the server."""


_LATEST: Final = """
select p.done_rows, p.total_rows, p.rows_per_second, p.eta_seconds, p.rejected_rows, p.message
from tandem.progress as p
where p.kind = %s and p.mapping = %s and p.running_now
    and coalesce(p.import_id = %s::bigint, true)
order by p.run_id desc
limit 1
"""


def call_with_bar(
    target: Target,
    conn: Connection,
    statement: str,
    arguments: Sequence[object] = (),
    *,
    kind: str,
    mapping: str,
    notice: Callable[[psycopg.errors.Diagnostic], str],
    console: Console | None = None,
    import_id: int | None = None,
) -> None:
    """Run `statement`, a CALL that commits, on `conn`, and show how far it is on stderr.

    `kind`, `mapping` and, as several imports of a mapping may run, `import_id` find its row in
    `tandem.progress`; `notice` makes text of a server's message. Raises what psycopg raised, and
    Stopped on Ctrl-C, when the server has ended the CALL: what it had committed stays, and the same
    CALL goes on from there.
    """
    console = console or Console(stderr=True)

    def print_notice(diagnostic: psycopg.errors.Diagnostic) -> None:
        console.print(notice(diagnostic), markup=False, highlight=False, soft_wrap=True)

    failures: list[BaseException] = []
    # Not Thread.is_alive: it is False for a thread that runs on, once Ctrl-C has broken off a
    # join of it (seen on CPython 3.11).
    ended = threading.Event()
    begun = False

    def work() -> None:
        try:
            conn.execute(statement.encode(), arguments or None)
        except BaseException as error:  # raised again by the main thread
            failures.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=work, name=kind, daemon=True)
    conn.add_notice_handler(print_notice)
    try:
        with _bar(target, console, kind, mapping, import_id) as refresh:
            begun = True
            thread.start()
            while not ended.wait(POLL_SECONDS):
                refresh()
    except KeyboardInterrupt:
        if not begun:
            raise
        if not _cancel(conn, ended, console):
            raise PgTandemError(
                f"{kind} {mapping} could not be stopped: it goes on in the server.",
                detail=f"It is backend {conn.info.backend_pid}.",
                hint=f"From another session: SELECT pg_cancel_backend({conn.info.backend_pid});",
            ) from None
        if failures and not isinstance(failures[0], errors.QueryCanceled):
            raise failures[0] from None
        raise Stopped from None
    finally:
        conn.remove_notice_handler(print_notice)
    if failures:
        raise failures[0]


def _cancel(conn: Connection, ended: threading.Event, console: Console) -> bool:
    """Have the server end the CALL, and wait for that; False where it did not end.

    The server is asked at least once. Another Ctrl-C meanwhile does not leave the CALL to itself:
    it is the next try.
    """
    for number in range(CANCEL_TRIES):
        try:
            conn.cancel_safe(timeout=CANCEL_SECONDS)
        except KeyboardInterrupt:
            continue
        except psycopg.Error as error:
            if number == 0 and not ended.is_set():
                console.print(
                    f"The cancel request was not sent, trying again: {error}",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
        try:
            if ended.wait(CANCEL_SECONDS):
                return True
        except KeyboardInterrupt:
            continue
    return ended.is_set()


@contextmanager
def _bar(
    target: Target, console: Console, kind: str, mapping: str, import_id: int | None
) -> Iterator[Callable[[], None]]:
    """The bar, and the function that brings it up to date."""
    watcher = _watcher(target) if console.is_terminal else None
    if watcher is None:
        yield lambda: None
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[figures]}"),
        console=console,
        expand=True,
    )
    with watcher, bar:
        task = bar.add_task(f"{kind} {mapping}", total=None, figures="")

        def refresh() -> None:
            row = _latest(watcher, kind, mapping, import_id)
            if row is not None:
                done, total, *_ = row
                bar.update(task, completed=done or 0, total=total, figures=_figures(row))

        yield refresh
        refresh()
        if (only := bar.tasks[0]).total is None:
            bar.update(task, total=only.completed or 1, completed=only.completed or 1)


def _watcher(target: Target) -> Connection | None:
    """A second session; the work is done without one, too."""
    try:
        return connect(target)
    except PgTandemError:
        return None


def _latest(
    watcher: Connection, kind: str, mapping: str, import_id: int | None
) -> tuple[Any, ...] | None:
    try:
        return watcher.execute(_LATEST.encode(), (kind, mapping, import_id)).fetchone()
    except psycopg.Error:
        return None  # the bar stands still; the work itself says what is wrong


def _figures(row: tuple[Any, ...]) -> str:
    done, total, rate, eta, rejected, _ = row
    parts = [f"{done or 0:,}" + (f" of {total:,} rows" if total is not None else " rows")]
    if rate:
        parts.append(f"{rate:,.0f}/s")
    if eta is not None:
        minutes, seconds = divmod(int(eta), 60)
        parts.append(f"{minutes}:{seconds:02} left")
    if rejected:
        parts.append(f"{rejected:,} rejected")
    return ", ".join(parts)
