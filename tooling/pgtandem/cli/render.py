"""`pgtandem render`: the SQL of a mapping, to read."""

from __future__ import annotations

from pathlib import Path

import click

from pgtandem.cli.options import debug_option
from pgtandem.definition import definition_to_read
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

    Needs no database. It is what `deploy` runs beside the package's own, fixed SQL. With -o also
    definition.json: what that fixed SQL reads of the mapping.
    """
    for mapping in find_mappings(mappings):
        if output is None:
            for file in render(mapping):
                click.echo(f"-- {file.path} for {mapping.name}\n{file.sql}")
            continue
        texts = {file.path: file.sql for file in render(mapping)}
        texts["definition.json"] = definition_to_read(mapping)
        for name, text in texts.items():
            path = output / mapping.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(path)
