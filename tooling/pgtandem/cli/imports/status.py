"""`pgtandem import status`: which imports there are, or one of them."""

from __future__ import annotations

from typing import Any

import click

from pgtandem.cli.imports.shown import COUNTS, JOBS, import_as_object, print_import, who
from pgtandem.cli.options import State, connected, database, json_option, say
from pgtandem.cli.output import print_json, print_table, select


@click.command("status")
@click.argument("import_id", metavar="[IMPORT]", type=int, required=False)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="So many of the newest imports.",
)
@json_option
@connected
def command(state: State, *, import_id: int | None, limit: int, as_json: bool) -> None:
    """Show the newest imports, or one with its warnings and what must be repaired.

    State interrupted: the session that did it has gone; the command that began it goes on with it.
    """
    from pgtandem.importing import no_import

    with database(state) as db:
        if import_id is not None:
            job = import_as_object(db, import_id)
            if job is None:
                raise no_import(import_id)
            if as_json:
                print_json(job)
            else:
                print_import(job)
            return
        jobs = select(db.conn, JOBS, None, limit).as_objects()
    if as_json:
        print_json(jobs)
        return
    if not jobs:
        say("There is no import yet. Next: pgtandem import run MAPPING FILE")
        return
    print_table(
        ("id", "file", "state", "rows", *COUNTS, "seconds", "by", "error"),
        [
            (
                job["import_id"],
                job["file"],
                _state(job),
                job["rows_in"],
                *(job[name] for name in COUNTS),
                job["seconds"],
                who(job),
                job["error_message"],
            )
            for job in jobs
        ],
        limit=60,
    )


def _state(job: dict[str, Any]) -> str:
    if job["dry_run"]:
        return f"{job['state']} (dry run)"
    return f"{job['state']}, undone" if job["undone"] else str(job["state"])
