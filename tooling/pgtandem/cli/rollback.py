"""`pgtandem rollback`: back to the flat table alone."""

from __future__ import annotations

import click

from pgtandem.cli.options import State, connected, database, mapping_argument, say, this_command
from pgtandem.cli.output import SQL_ON_SCREEN, print_record, print_table, select
from pgtandem.cli.running import call, latest_run, phase_of, run_pairs
from pgtandem.errors import EXIT_REFUSED


@click.command("rollback")
@mapping_argument
@click.option(
    "--hierarchy",
    type=click.Choice(["keep", "remove"]),
    default="keep",
    show_default=True,
    help="keep: its tables and rows stay; remove: what came from the flat table is taken out.",
)
@click.option("--drop-columns", is_flag=True, help="Drop the sync columns of the flat table, too.")
@click.option("--yes", is_flag=True, help="Do it; without this, what would run is shown.")
@connected
def command(state: State, mapping: str, hierarchy: str, drop_columns: bool, yes: bool) -> None:
    """Switch the sync off and go back to the flat table alone; exit 1 without --yes.

    The flat table is complete and stays as it is. What only the hierarchy knows is kept for a
    later way forward.
    """
    with database(state) as db:
        if not yes:
            steps = select(
                db.conn,
                "select p.step, p.statement, p.lock_mode, p.blocks, p.run_by, p.note "
                "from tandem.plan(%s) as p where p.verb = 'rollback' order by p.step",
                mapping,
            )
            print_table(steps.columns, steps.rows, limit=SQL_ON_SCREEN)
            say(f"Nothing was changed. To do it:  {this_command('--yes')}")
            raise click.exceptions.Exit(EXIT_REFUSED)
        call(
            db,
            "call tandem.rollback(p_mapping => %s, p_hierarchy => %s, p_drop_columns => %s)",
            (mapping, hierarchy, drop_columns),
            kind="rollback",
            mapping=mapping,
        )
        print_record(run_pairs(latest_run(db, "rollback", mapping)))
        phase = phase_of(db, mapping)
        say(f"{mapping} is in phase {phase}.")
