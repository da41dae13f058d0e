"""`pgtandem show`: one row and its chain of levels side by side."""

from __future__ import annotations

import click

from pgtandem.cli.options import State, connected, database, json_option, mapping_argument, say
from pgtandem.cli.output import print_json, print_table, select
from pgtandem.errors import EXIT_REFUSED


@click.command("show")
@mapping_argument
@click.argument("key")
@json_option
@connected
def command(state: State, mapping: str, key: str, as_json: bool) -> None:
    """Show one flat row and its levels side by side, by the flat KEY or the leaf's id."""
    with database(state) as db:
        found = select(db.conn, "select * from tandem.show(%s, %s)", mapping, key)
    if as_json:
        print_json(found.as_objects())
    elif found.rows:
        print_table(found.columns, found.rows)
    if not found.rows:
        say(f"Neither side of {mapping} has a row with the key {key!r}.")
        raise click.exceptions.Exit(EXIT_REFUSED)
