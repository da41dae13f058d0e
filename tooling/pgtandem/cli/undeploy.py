"""`pgtandem undeploy`: mappings, or the whole package, out of a database."""

from __future__ import annotations

import click

from pgtandem.cli.options import State, connected, database, say, this_command
from pgtandem.deploy import undeploy, undeploy_statements
from pgtandem.errors import EXIT_REFUSED


@click.command("undeploy")
@click.argument("mappings", nargs=-1, metavar="[MAPPING]...")
@click.option(
    "--discard-kept",
    is_flag=True,
    help="Throw away what is kept of deleted rows, the contents of rejected ones, and imports "
    "that are not done.",
)
@click.option("--yes", is_flag=True, help="Do it; without this, what would run is shown.")
@connected
def command(state: State, mappings: tuple[str, ...], discard_kept: bool, yes: bool) -> None:
    """Take MAPPINGs out of the database, or everything of pgtandem's; exit 1 without --yes.

    Business tables, the hierarchy, the sync columns and all data stay; the sync ends. Refused while
    a run is under way, while objects of yours depend on pgtandem's, and, without --discard-kept,
    while kept or rejected rows, or imports that are not done, exist.
    """
    with database(state) as db:
        name = db.conn.info.dbname
        statements = undeploy_statements(db.conn, mappings)
        if statements and not yes:
            for statement in statements:
                click.echo(f"{statement};")
            say(f"Nothing was changed. To do it:  {this_command('--yes')}")
            raise click.exceptions.Exit(EXIT_REFUSED)
        removed = undeploy(db.conn, mappings, discard_kept=discard_kept)
    if removed:
        click.echo(f"Removed: {', '.join(removed)}.")
    else:
        say(
            f"Nothing of pgtandem's is deployed in the database {name!r}; --dsn chooses another "
            "database."
        )
