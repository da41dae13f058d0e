"""`pgtandem render`: the SQL of a mapping, to read."""

from __future__ import annotations

from pathlib import Path

import click

from pgtandem.cli.options import debug_option
from pgtandem.project import find_mappings
from pgtandem.render import render


@click.command("render")
@click.argument("mappings", nargs=-1, metavar="[MAPPING]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write files below DIR/<mapping>/ instead of stdout.",
)
@debug_option
def command(mappings: tuple[str, ...], output: Path | None) -> None:
    """Show the SQL that MAPPINGs render to, by default all of this folder's.

    Needs no database. It is what `deploy` runs beside the package's own, fixed SQL.
    """
    for mapping in find_mappings(mappings):
        for file in render(mapping):
            if output is None:
                click.echo(f"-- {file.path} for {mapping.name}\n{file.sql}")
                continue
            path = output / mapping.name / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.sql, encoding="utf-8")
            click.echo(path)
