"""`pgtandem status`: where each mapping stands, and what comes next."""

from __future__ import annotations

from typing import Final

import click

from pgtandem.cli.options import State, connected, database, json_option, say
from pgtandem.cli.output import print_json, print_record, scalar, select
from pgtandem.errors import EXIT_REFUSED

_QUEUES: Final = """
select q.mapping, q.queued, q.running, q.dead from tandem.import_queue as q
"""


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
        queues = select(db.conn, _QUEUES).as_objects() if there else []
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
        of_imports = {queue.pop("mapping"): queue for queue in queues}
        for number, found in enumerate(status.as_objects()):
            if number:
                click.echo()
            pairs = list(found.items())
            if (queue := of_imports.get(found["mapping"])) is not None:
                # of a flat table and its hierarchy it has nothing to say
                pairs = [(key, value) for key, value in pairs if value is not None]
                pairs += [(f"imports {state}", count) for state, count in queue.items()]
            print_record(pairs)
