"""`pgtandem bundle`: everything as SQL files that need no Python."""

from __future__ import annotations

from pathlib import Path

import click

from pgtandem.bundle import write_bundle
from pgtandem.cli.options import debug_option, say
from pgtandem.project import find_mappings


@click.command("bundle")
@click.argument("mappings", nargs=-1, metavar="[MAPPING]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The script; single statements go to FILE.concurrently.sql beside it.",
)
@debug_option
def command(mappings: tuple[str, ...], output: Path) -> None:
    """Write one plain SQL file that deploys the package and MAPPINGs.

    psql and pgAdmin's query tool run it as it is, in one transaction. The indexes that can only be
    built outside a transaction stand in a second file, one statement each, for after prepare.
    """
    for path in write_bundle(find_mappings(mappings), output):
        click.echo(path)
    say(f'Run it as the tables\' owner:  psql -v ON_ERROR_STOP=1 -f "{output}"')
