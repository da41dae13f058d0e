"""`pgtandem plan`: what will run, and what that means for others."""

from __future__ import annotations

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
    rows = [
        (
            step["step"],
            step["verb"],
            step["statement"],
            _joined(step["lock_mode"], "on", step["relation"]),
            step["blocks"],
            _cost(step["estimated_seconds"], step["wal_bytes"], step["disk_bytes"]),
            step["run_by"],
            step["undo"],
            step["note"],
        )
        for step in plan.as_objects()
    ]
    columns = ("step", "verb", "statement", "lock", "blocks", "cost", "by", "undone by", "note")
    print_table(columns, rows, limit=SQL_ON_SCREEN, lines=is_terminal())
    if is_terminal() and any(len(row[2] or "") > SQL_ON_SCREEN for row in rows):
        say(f"Long statements are cut here; whole ones: pgtandem plan {mapping} | less -S")


def _joined(first: str | None, word: str, second: str | None) -> str:
    return f"{first} {word} {second}" if first and second else first or second or ""


def _cost(seconds: float | None, wal: int | None, disk: int | None) -> str:
    parts = []
    if seconds is not None:
        parts.append(f"{seconds:,.1f} s")
    if wal:
        parts.append(f"{wal / 1_000_000:,.1f} MB WAL")
    if disk:
        parts.append(f"{disk / 1_000_000:,.1f} MB disk")
    return ", ".join(parts)
