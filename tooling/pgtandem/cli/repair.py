"""`pgtandem repair`: one side made equal to the other."""

from __future__ import annotations

import click

from pgtandem.cli.options import State, connected, database, mapping_argument, say, this_command
from pgtandem.cli.output import print_record, scalar
from pgtandem.cli.running import call, latest_run, run_pairs


@click.command("repair")
@mapping_argument
@click.option(
    "--authority",
    type=click.Choice(["flat", "hierarchy"]),
    required=True,
    help="The side that is right; the other one is changed.",
)
@click.option(
    "--extra",
    type=click.Choice(["keep", "delete"]),
    default="keep",
    show_default=True,
    help="What becomes of rows that only the other side has.",
)
@click.option("--yes", is_flag=True, help="Do it; without this it is a dry run.")
@connected
def command(state: State, mapping: str, authority: str, extra: str, yes: bool) -> None:
    """Make the other side agree with the one that is right. A dry run unless --yes."""
    with database(state) as db:
        call(
            db,
            "call tandem.repair(p_mapping => %s, p_authority => %s, p_extra => %s, "
            "p_dry_run => %s)",
            (mapping, authority, extra, not yes),
            kind="repair",
            mapping=mapping,
        )
        print_record(run_pairs(latest_run(db, "repair", mapping)))
        if yes:
            say(f"drift: {scalar(db.conn, 'select tandem.drift_count(%s)', mapping)}")
        else:
            say(f"A dry run: nothing was changed. To do it:  {this_command('--yes')}")
