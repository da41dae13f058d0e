"""`pgtandem drift`: where the two shapes differ."""

from __future__ import annotations

import click

from pgtandem.cli.options import State, connected, database, json_option, mapping_argument, say
from pgtandem.cli.output import print_json, print_table, scalar, select
from pgtandem.errors import EXIT_REFUSED


@click.command("drift")
@mapping_argument
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Show at most so many rows; 0 shows all.",
)
@json_option
@connected
def command(state: State, mapping: str, limit: int, as_json: bool) -> None:
    """Show where flat table and hierarchy differ, a row per column; exit 1 where they do.

    Rejected rows and dated rows that are not yet due are shown, and are no drift.
    """
    with database(state) as db:
        drift = select(db.conn, "select * from tandem.drift(%s, %s)", mapping, limit or None)
        count = scalar(db.conn, "select tandem.drift_count(%s)", mapping) if drift.rows else 0
    if as_json:
        print_json(drift.as_objects())
    elif drift.rows:
        print_table(drift.columns, drift.rows)
    say(f"drift: {count}")
    if count:
        raise click.exceptions.Exit(EXIT_REFUSED)
