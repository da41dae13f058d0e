"""`pgtandem deploy`: the package and mappings into a database."""

from __future__ import annotations

import click

from pgtandem.cli.options import State, connected, database, json_option, say
from pgtandem.cli.output import print_json
from pgtandem.deploy import deploy
from pgtandem.project import find_mappings


@click.command("deploy")
@click.argument("mappings", nargs=-1, metavar="[MAPPING]...")
@json_option
@connected
def command(state: State, mappings: tuple[str, ...], as_json: bool) -> None:
    """Deploy the package and MAPPINGs, by default all of this folder's.

    A MAPPING is a name or a .toml file. One transaction; nothing outside the schemas tandem and
    tandem_<mapping> is touched; the same again does nothing. Run it as the tables' owner, with
    CREATE on the database.
    """
    wanted = find_mappings(mappings)
    with database(state) as db:
        done = deploy(db.conn, wanted)
    if as_json:
        print_json({"version": done.version, "changed": list(done.changed)})
    elif done.changed:
        click.echo(f"Deployed pgtandem {done.version}: {', '.join(done.changed)}.")
    else:
        click.echo(f"pgtandem {done.version} is here already, as it is in this folder.")
    for mapping in wanted:
        if mapping.name in done.changed:
            say(f"Next:  pgtandem plan {mapping.name}")
