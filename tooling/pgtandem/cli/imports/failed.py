"""`pgtandem import failed`: the rows that an import kept back, as a file to correct."""

from __future__ import annotations

from pathlib import Path

import click

from pgtandem.cli.options import State, connected, database, say


@click.command("failed")
@click.argument("import_id", metavar="IMPORT", type=int)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Where to write them.",
)
@connected
def command(state: State, *, import_id: int, output: Path) -> None:
    """Write the failed rows of IMPORT as a CSV file in the input's own columns.

    Further columns say line, column, code, message and what to do, and hold the text of a record
    that could not be read. `pgtandem import run` of the corrected file leaves them out.

    A cell that a spreadsheet would take for a formula begins with an apostrophe (') here, which
    `import run` takes away; it knows such a file by the columns import_line and import_code.
    """
    from pgtandem.importing import write_failed

    with database(state) as db:
        number = write_failed(db.conn, import_id, output)
    say(f"{number:,} failed rows of import {import_id} are in {output}.")
