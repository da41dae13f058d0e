"""`pgtandem plan`: what will run, and what that means for others."""

from __future__ import annotations

from typing import Any

import click

from pgtandem.cli.options import State, connected, database, json_option, mapping_argument, say
from pgtandem.cli.output import (
    SQL_ON_SCREEN,
    is_terminal,
    print_json,
    print_table,
    select,
)


@click.command("plan")
@mapping_argument
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="ROWS",
    help="Run one batch of so many rows and roll it back: the estimates come from it.",
)
@json_option
@connected
def command(state: State, mapping: str, sample: int | None, as_json: bool) -> None:
    """Show each statement to come: its lock, whom it blocks, its cost, its way back.

    Reads only. Run by `procedure`: prepare, migrate and rollback do it; by `tool`: `pgtandem
    prepare` does it, or you, one statement at a time outside a transaction; by `hand`: you.
    """
    with database(state) as db:
        plan = select(db.conn, "select * from tandem.plan(%s, %s)", mapping, sample)
    if as_json:
        print_json(plan.as_objects())
        return
    steps = plan.as_objects()
    if is_terminal():
        _show_on_screen(steps)
        say(f"Whole statements, their ways back and notes: pgtandem plan {mapping} | less -S")
    else:
        _show_whole(steps)


def _show_on_screen(steps: list[dict[str, Any]]) -> None:
    """What fits a screen: the way back is in the whole table alone."""
    rows = [
        (
            step["step"],
            step["verb"],
            " ".join((step["statement"] or "").split()),
            "\n".join(filter(None, (step["lock_mode"], _blocks(step["blocks"])))),
            _cost(step["estimated_seconds"], step["wal_bytes"], step["disk_bytes"]),
            step["run_by"],
        )
        for step in steps
    ]
    columns = ("step", "verb", "statement", "lock", "cost", "by")
    print_table(columns, rows, limit=SQL_ON_SCREEN, lines=True, wide=("statement", "lock"))


def _show_whole(steps: list[dict[str, Any]]) -> None:
    rows = [
        (
            step["step"],
            step["verb"],
            step["statement"],
            _lock(step["lock_mode"], step["relation"]),
            step["blocks"],
            _cost(step["estimated_seconds"], step["wal_bytes"], step["disk_bytes"]),
            step["run_by"],
            step["undo"],
            step["note"],
        )
        for step in steps
    ]
    columns = ("step", "verb", "statement", "lock", "blocks", "cost", "by", "undone by", "note")
    print_table(columns, rows)


def _blocks(text: str | None) -> str | None:
    return text and f"blocks {text}"


def _lock(mode: str | None, relation: str | None) -> str:
    """A lock and what is locked, which the mode may say itself."""
    if mode and relation and " on " not in mode:
        return f"{mode} on {relation}"
    return mode or relation or ""


def _cost(seconds: float | None, wal: int | None, disk: int | None) -> str:
    """What is worth telling of it: tenths of seconds and of megabytes."""
    parts = []
    if seconds is not None and seconds >= 0.05:
        parts.append(f"{seconds:,.1f} s")
    for what, size in (("WAL", wal), ("disk", disk)):
        if size is not None and size >= 50_000:
            parts.append(f"{size / 1_000_000:,.1f} MB {what}")
    return ", ".join(parts)
