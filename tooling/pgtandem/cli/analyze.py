"""`pgtandem analyze`: what stands in the way, and what is in the data."""

from __future__ import annotations

import click

from pgtandem.cli.options import State, connected, database, json_option, mapping_argument, say
from pgtandem.cli.output import print_json, print_table, select
from pgtandem.errors import EXIT_REFUSED


@click.command("analyze")
@mapping_argument
@json_option
@connected
def command(state: State, mapping: str, as_json: bool) -> None:
    """Look at data and database before the migration; exit 1 where something blocks it.

    Reads only. blocker: prepare or migrate would refuse. warning: rows will be rejected, or a
    program may notice. note: worth knowing.
    """
    with database(state) as db:
        findings = select(db.conn, "select * from tandem.analyze(%s)", mapping)
    if as_json:
        print_json(findings.as_objects())
    elif findings.rows:
        print_table(findings.columns, findings.rows, limit=300)
    else:
        say("Nothing to report: nothing stands in the way.")
    blockers = findings.column("severity").count("blocker")
    if blockers:
        say(f"{blockers} blocker{'s' if blockers > 1 else ''}: the column cure says what to do.")
        raise click.exceptions.Exit(EXIT_REFUSED)
