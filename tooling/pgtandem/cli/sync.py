"""`pgtandem sync`: the switches of the live sync."""

from __future__ import annotations

import click

from pgtandem.cli.options import State, connected, database, mapping_argument, say


@click.command("sync")
@mapping_argument
@click.option(
    "--direction",
    type=click.Choice(["flat_to_hierarchy", "hierarchy_to_flat", "log"]),
    required=True,
    help="Which way writes go through; log: the log of sync operations.",
)
@click.option("--on/--off", "enabled", default=None, help="Switch it on or off.")
@connected
def command(state: State, mapping: str, direction: str, enabled: bool | None) -> None:
    """Switch one direction of the live sync on or off.

    While a direction is off the two sides drift apart; `repair` brings them together again.
    """
    if enabled is None:
        raise click.UsageError("Missing option '--on' or '--off'.")
    with database(state) as db:
        db.conn.execute("select tandem.set_sync(%s, %s, %s)", (mapping, direction, enabled))
    say(f"{mapping}: {direction} is {'on' if enabled else 'off'}.")
