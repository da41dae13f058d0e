"""`pgtandem worker`: does the imports that are left to it."""

from __future__ import annotations

import os
import signal
import socket
from types import FrameType

import click

from pgtandem.cli.options import State, connected, say, show_notice
from pgtandem.connection import resolve_dsn
from pgtandem.worker import Worker


@click.command("worker")
@click.argument("mapping", required=False, metavar="[MAPPING]")
@click.option("--name", help="How it is called in tandem.import_worker; default: host and process.")
@click.option(
    "--poll",
    type=click.FloatRange(min=0.5),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look for work that no notification told of.",
)
@click.option("--once", is_flag=True, help="Do what there is, then end.")
@connected
def command(
    state: State, *, mapping: str | None, name: str | None, poll: float, once: bool
) -> None:
    """Do the imports that are left to a worker, of MAPPING or of all, until it is told to stop.

    As many may run as you like: each import is done by one. SIGTERM and Ctrl-C end it after the
    batch that it is at; the import that it had begun is queued again where it stands. A worker that
    is killed leaves nothing half done: the next one goes on after the last whole batch.
    """
    called = name or f"{socket.gethostname()} {os.getpid()}"
    worker = Worker(resolve_dsn(state.dsn), called, say, show_notice, mapping, poll)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if not once:
        say(f"Worker {called} waits for imports; Ctrl-C ends it.")
    worker.run(once=once)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(
            number, signal.SIG_IGN
        )  # one more would make a failure of an end that is well
    say(f"Worker {called} has ended.")
