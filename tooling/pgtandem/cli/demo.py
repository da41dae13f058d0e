"""`pgtandem demo`: from an empty server to a migrated, synced catalogue."""

from __future__ import annotations

from pathlib import Path

import click

from pgtandem.cli.options import debug_option
from pgtandem.errors import UsageError
from pgtandem.load import parse_columns


@click.command("demo")
@click.option(
    "--csv",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Migrate this file's rows (CSV or TSV, also gzip) instead of generated ones.",
)
@click.option(
    "--columns",
    metavar="'COLUMN=NAME ...'",
    help="Columns of tblproduct and their names in the file; others match by name.",
)
@click.option("--rows", type=click.IntRange(min=1), help="So many generated rows.")
@debug_option
def command(csv: Path | None, columns: str | None, rows: int | None) -> None:
    """Migrate a flat catalogue while an old program writes; exit 1 where a check failed.

    On the embedded server in .pgtandem/ it makes the database `shop` anew and does there, by the
    public verbs, what a user would do.
    """
    if csv is None and columns:
        raise UsageError(
            "--columns belongs to a file.",
            hint="Name the file: --csv FILE, or `make demo CSV=FILE COLUMNS=...`.",
        )
    if csv is not None and rows is not None:
        raise UsageError("--rows is for generated rows; a file is loaded whole.")
    wanted = parse_columns(columns) if columns else None
    try:
        from pgtandem.demo.driver import ROWS, run_demo
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The demo needs the Python package {error.name}.",
            hint="pip install 'pgtandem[demo]'",
        ) from None
    raise click.exceptions.Exit(run_demo(csv=csv, columns=wanted, rows=rows or ROWS))
