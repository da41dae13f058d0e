"""`pgtandem status`: where each mapping stands, and what comes next."""

from __future__ import annotations

import click

from pgtandem.cli.options import State, connected, database, json_option, say
from pgtandem.cli.output import print_json, print_record, scalar, select
from pgtandem.errors import EXIT_REFUSED


@click.command("status")
@json_option
@connected
def command(state: State, as_json: bool) -> None:
    """Show each mapping's phase, switches, counts, last error and next step.

    Exit 1 where pgtandem is not in the database.
    """
    with database(state) as db:
        there = scalar(db.conn, "select pg_catalog.to_regclass('tandem.status') is not null")
        status = select(db.conn, "select * from tandem.status") if there else None
        name = db.conn.info.dbname
    if as_json:
        print_json(status.as_objects() if status else [])
    if status is None:
        say(
            f"pgtandem is not in the database {name!r}. `pgtandem deploy` puts it in; "
            "--dsn chooses another database."
        )
        raise click.exceptions.Exit(EXIT_REFUSED)
    if not status.rows:
        say(
            f"No mapping is deployed in the database {name!r}. "
            "`pgtandem deploy MAPPING` deploys one."
        )
    if not as_json:
        for number, row in enumerate(status.rows):
            if number:
                click.echo()
            print_record(list(zip(status.columns, row, strict=True)))
