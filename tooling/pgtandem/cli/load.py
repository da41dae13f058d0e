"""`pgtandem load`: a CSV or TSV file into a mapping's flat table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from pgtandem.cli.options import (
    Database,
    State,
    connected,
    database,
    json_option,
    mapping_argument,
    say,
)
from pgtandem.cli.output import print_json, print_record, scalar, select
from pgtandem.errors import EXIT_REFUSED, UsageError
from pgtandem.load import BadLine, LoadProgress, LoadResult, load_file, parse_columns
from pgtandem.project import find_sync_mappings


@click.command("load")
@mapping_argument
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="COLUMN=NAME",
    help="A column of the table, and its name in the file's header; others match by name. "
    "Repeatable.",
)
@click.option("--delimiter", help="Default: a tab for .tsv and .tab, else a comma.")
@click.option("--encoding", default="utf-8-sig", show_default=True)
@json_option
@connected
def command(
    state: State,
    *,
    mapping: str,
    file: Path,
    columns: tuple[str, ...],
    delimiter: str | None,
    encoding: str,
    as_json: bool,
) -> None:
    """Load FILE (CSV or TSV, also gzip) into the flat table of MAPPING, in one transaction.

    A line that cannot be loaded is reported with its number, the rest is loaded, and the exit code
    is 1. An empty field is NULL. Once the mapping is synced the hierarchy gets the rows, too.
    """
    wanted = parse_columns(columns)
    with database(state) as db:
        table = _flat_table(db, mapping)
        result = _load(db, table, file, columns=wanted, encoding=encoding, delimiter=delimiter)
    if as_json:
        print_json(_as_object(result))
    else:
        print_record(
            [
                ("table", result.table),
                ("records", result.records),
                ("  loaded", result.loaded),
                ("  not loaded", result.bad),
                ("  swallowed by a trigger", result.swallowed),
                ("time", f"{result.seconds:,.1f} s"),
                *((f"column {column}", f"from {name!r}") for column, name in result.columns),
                *([("unused", ", ".join(result.unused))] if result.unused else []),
            ]
        )
    for note in result.notes:
        say(note)
    if result.bad:
        say(f"{result.bad:,} records were not loaded; see above.")
        raise click.exceptions.Exit(EXIT_REFUSED)


def _load(
    db: Database,
    table: str,
    file: Path,
    *,
    columns: dict[str, str],
    encoding: str,
    delimiter: str | None,
) -> LoadResult:
    console = Console(stderr=True)

    def report(bad: BadLine) -> None:
        line = f"not loaded, {bad}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    with Progress(
        TextColumn("load"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        console=console,
        expand=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("load", total=None)

        def show(progress: LoadProgress) -> None:
            bar.update(task, total=progress.bytes_total, completed=progress.bytes_read)

        return load_file(
            db.conn,
            table,
            file,
            columns,
            encoding=encoding,
            delimiter=delimiter,
            progress=show,
            on_bad_line=report,
        )


def _flat_table(db: Database, mapping: str) -> str:
    """The flat table of a mapping that is deployed here, else of one of the project's."""
    if scalar(db.conn, "select pg_catalog.to_regclass('tandem.mapping') is not null"):
        found = select(
            db.conn,
            "select m.schema_name || '.' || m.flat_table from tandem.mapping as m "
            "where m.name = %s",
            mapping,
        )
        if found.rows:
            return str(found.rows[0][0])
    try:
        (known,) = find_sync_mappings((mapping,))
    except UsageError as error:
        error.hint = "Deploy it, or name a mapping of this folder or a file that ends in .toml."
        raise
    return f"{known.schema}.{known.flat.table}"


def _as_object(result: LoadResult) -> dict[str, Any]:
    return {
        "file": str(result.path),
        "table": result.table,
        "columns": dict(result.columns),
        "unused": list(result.unused),
        "records": result.records,
        "loaded": result.loaded,
        "bad": result.bad,
        "swallowed": result.swallowed,
        "bad_lines": [asdict(line) for line in result.bad_lines],
        "blank_lines": result.blank_lines,
        "seconds": round(result.seconds, 3),
        "notes": list(result.notes),
    }
