"""`pgtandem import settle`: the failed rows of an import need nobody any more."""

from __future__ import annotations

import click

from pgtandem.cli.options import State, connected, database, say
from pgtandem.cli.output import scalar


@click.command("settle")
@click.argument("import_id", metavar="IMPORT", type=int)
@click.option(
    "--note",
    default="settled by hand",
    show_default=True,
    metavar="TEXT",
    help="What became of them, such as 'came in with import 5'.",
)
@connected
def command(state: State, *, import_id: int, note: str) -> None:
    """Say that the failed rows of IMPORT need nobody any more.

    They were corrected and imported, or are not wanted. `doctor` and the metrics count them no
    longer; `import failed` still writes them.
    """
    with database(state) as db:
        number = scalar(db.conn, "select tandem.settle_failed_rows(%s, %s)", import_id, note)
    say(f"Failed rows of import {import_id} settled: {number:,}.")
