"""`pgtandem import report`: one HTML file of how imports did."""

from __future__ import annotations

from pathlib import Path

import click

from pgtandem.cli.options import State, connected, database
from pgtandem.cli.output import select
from pgtandem.cli.report import require_plots
from pgtandem.connection import Connection
from pgtandem.errors import UsageError


@click.command("report")
@click.argument("mapping", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write it; MAPPING-imports.html in this folder by default.",
)
@connected
def command(state: State, mapping: str | None, output: Path | None) -> None:
    """Write an HTML page of plots: success, durations, queue, old against new; print its path.

    MAPPING may be left out where the database has one mapping of an import. One file that loads
    nothing from elsewhere. Whoever may call `run_import` may make it.
    """
    require_plots()
    from pgtandem.report.imports import import_report

    with database(state) as db:
        name = _mapping(db.conn, mapping)
        page = import_report(db.conn, name)
    path = output or Path(f"{name}-imports.html")
    path.write_text(page.html(), encoding="utf-8")
    click.echo(path)


def _mapping(conn: Connection, mapping: str | None) -> str:
    """The mapping that is meant, which must be one of an import."""
    if mapping is not None:
        select(conn, "select tandem._mapping_of(%s)", mapping)
    names: list[str] = select(
        conn, "select name from tandem.mapping where area = 'imports' order by name"
    ).column("name")
    if mapping in names:
        return str(mapping)
    if mapping is None and len(names) == 1:
        return names[0]
    problem = f"{mapping} is no mapping of an import." if mapping else "Which mapping is meant?"
    raise UsageError(problem, hint=f"Mappings of imports here: {', '.join(names) or 'none'}.")
