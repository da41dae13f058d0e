"""`pgtandem doctor`: is everything as it should be, and what to do where it is not."""

from __future__ import annotations

import click

from pgtandem import __version__
from pgtandem.cli.options import State, connected, database, json_option, say
from pgtandem.cli.output import Rows, print_json, print_table, scalar, select
from pgtandem.errors import EXIT_REFUSED


@click.command("doctor")
@click.argument("mapping", required=False)
@json_option
@connected
def command(state: State, mapping: str | None, as_json: bool) -> None:
    """Look at server, settings, rights and mappings, with a cure for each fault.

    Exit 1 where there is a problem, or pgtandem is not in the database.
    """
    with database(state) as db:
        if not scalar(db.conn, "select pg_catalog.to_regproc('tandem.doctor') is not null"):
            say(
                f"pgtandem is not in the database {db.conn.info.dbname!r}, or older than this "
                f"tool ({__version__}). `pgtandem deploy` puts it in."
            )
            raise click.exceptions.Exit(EXIT_REFUSED)
        checks = _with_this_tool(select(db.conn, "select * from tandem.doctor(%s)", mapping))
    if as_json:
        print_json(checks.as_objects())
    else:
        print_table(
            ("state", "of", "check", "value", "cure"),
            [
                (
                    check["state"].upper() if check["state"] == "problem" else check["state"],
                    check["subject"],
                    check["check_name"],
                    check["value"],
                    check["cure"],
                )
                for check in checks.as_objects()
            ],
        )
    problems = checks.column("state").count("problem")
    warnings = checks.column("state").count("warning")
    say(f"{len(checks.rows)} checks: {problems} problems, {warnings} warnings.")
    if problems:
        raise click.exceptions.Exit(EXIT_REFUSED)


def _with_this_tool(checks: Rows) -> Rows:
    """The checks, and first whether the database has what this tool would deploy."""
    found = next(
        check["value"] for check in checks.as_objects() if check["check_name"] == "pgtandem"
    )
    same = found.split(";")[0] == __version__
    first = (
        "tool",
        "version",
        "ok" if same else "warning",
        __version__,
        None if same else f"The database has {found}: `pgtandem deploy` updates it.",
    )
    return Rows(checks.columns, (first, *checks.rows))
