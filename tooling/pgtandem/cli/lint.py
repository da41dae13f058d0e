"""`pgtandem lint`: sqlfluff and the house rules over our SQL and what mappings render to."""

from __future__ import annotations

import click

from pgtandem.cli.options import debug_option, json_option
from pgtandem.project import find_files


@click.command("lint")
@click.argument("mappings", nargs=-1, metavar="[MAPPING]...")
@json_option
@debug_option
def command(mappings: tuple[str, ...], as_json: bool) -> None:
    """Lint the package's SQL and what MAPPINGs render to; exit 1 with findings.

    Needs no database.
    """
    from pgtandem.lint import run_lint

    raise click.exceptions.Exit(run_lint(find_files(mappings), as_json=as_json))
