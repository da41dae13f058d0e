"""`pgtandem validate`: the checks of a mapping."""

from __future__ import annotations

import click

from pgtandem.cli.checks import read_checks, show_checks, verdict
from pgtandem.cli.options import State, connected, database, json_option, mapping_argument
from pgtandem.cli.output import print_json
from pgtandem.errors import EXIT_REFUSED


@click.command("validate")
@mapping_argument
@json_option
@connected
def command(state: State, mapping: str, as_json: bool) -> None:
    """Check that both shapes are complete and agree; exit 1 where a check failed."""
    with database(state) as db:
        checks = read_checks(db, mapping)
    if as_json:
        print_json(checks.as_objects())
    else:
        show_checks(checks)
    if not verdict(checks):
        raise click.exceptions.Exit(EXIT_REFUSED)
