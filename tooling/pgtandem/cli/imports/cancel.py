"""`pgtandem import cancel`: end an import; what it has written stays."""

from __future__ import annotations

import click

from pgtandem.cli.imports.shown import JOBS
from pgtandem.cli.options import State, connected, database, say
from pgtandem.cli.output import scalar, select
from pgtandem.cli.running import call


@click.command("cancel")
@click.argument("import_id", metavar="IMPORT", type=int)
@connected
def command(state: State, *, import_id: int) -> None:
    """End IMPORT, before its next batch where it is under way; what it has written stays."""
    with database(state) as db:
        after = scalar(db.conn, "select tandem.cancel_import(%s)", import_id)
        if after == "running":
            (job,) = select(db.conn, JOBS, import_id, 1).as_objects()
            if job["state"] == "interrupted":  # nobody is at it who could see the request
                call(
                    db,
                    "call tandem.run_import(%s)",
                    (import_id,),
                    kind="run_import",
                    mapping=job["mapping"],
                    import_id=import_id,
                )
                after = "cancelled"
    if after == "running":
        say(f"Import {import_id} ends before its next batch.")
    else:
        say(f"Import {import_id} is {after}.")
