"""`pgtandem report`: one HTML file to look at."""

from __future__ import annotations

from pathlib import Path

import click

from pgtandem.cli.options import State, connected, database, mapping_argument
from pgtandem.errors import UsageError


@click.command("report")
@mapping_argument
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write it; MAPPING.html in this folder by default.",
)
@connected
def command(state: State, mapping: str, output: Path | None) -> None:
    """Write an HTML page of plots: speed, counts, rejects, latency, drift; print its path.

    One file that loads nothing from elsewhere. Whoever may call `migrate` may make it.
    """
    require_plots()
    from pgtandem.report.mapping import mapping_report

    path = output or Path(f"{mapping}.html")
    with database(state) as db:
        page = mapping_report(db.conn, mapping)
    path.write_text(page.html(), encoding="utf-8")
    click.echo(path)


def require_plots() -> None:
    """Say what to install where there is nothing to draw plots with."""
    try:
        import matplotlib  # noqa: F401 - only reports need it
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The report needs the Python package {error.name}.",
            hint="pip install 'pgtandem[report]'",
        ) from None
