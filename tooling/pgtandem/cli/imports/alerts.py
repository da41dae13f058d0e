"""`pgtandem import alerts`: are imports as they should be, for people and for a scheduler."""

from __future__ import annotations

import datetime
import re
import shlex
import subprocess
import sys
from typing import Final

import click

from pgtandem.cli import output
from pgtandem.cli.options import State, connected, database, json_option, say
from pgtandem.cli.output import Rows, print_json, print_table, select
from pgtandem.errors import EXIT_REFUSED

UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
COMMAND_SECONDS: Final = 60
"""A command that was told of alerts has so long."""


def _span(_ctx: click.Context, _param: click.Parameter, value: str) -> datetime.timedelta:
    found = re.fullmatch(r"([0-9]{1,5})([mhd])", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no span of time; say 90m, 48h or 7d")
    return datetime.timedelta(**{UNITS[found[2]]: int(found[1])})


def _words(_ctx: click.Context, _param: click.Parameter, value: str | None) -> list[str]:
    try:
        return shlex.split(value or "")
    except ValueError as error:
        raise click.BadParameter(f"{error} in {value!r}") from None


@click.command("alerts")
@click.argument("mapping", required=False)
@click.option(
    "--since",
    default="48h",
    callback=_span,
    show_default=True,
    metavar="SPAN",
    help="Look at imports that ended in this time: 90m, 48h, 7d.",
)
@click.option(
    "--command",
    "words",
    metavar="COMMAND",
    callback=_words,
    help="Where one fires, run this program with the alerts that fired as JSON on its input.",
)
@json_option
@connected
def command(
    state: State,
    mapping: str | None,
    since: datetime.timedelta,
    words: list[str],
    as_json: bool,
) -> None:
    """Judge success, duration and failed rows of imports; exit 1 where an alert fires.

    Thresholds are rows of tandem.setting (import_alert_*). COMMAND is split into words as a shell
    does, and run without one; what it prints goes to stderr. Where it cannot be run or fails, that
    is said, and the exit is 1 all the same.
    """
    with database(state) as db:
        alerts = select(db.conn, "select * from tandem.import_alerts(%s, %s)", mapping, since)
    if as_json:
        print_json(alerts.as_objects())
    else:
        _show(alerts)
    fired = [alert for alert in alerts.as_objects() if alert["fired"]]
    say(f"{len(fired)} of {len(alerts.rows)} alerts fire.")
    if fired:
        if words:
            _tell(words, fired)
        raise click.exceptions.Exit(EXIT_REFUSED)


def _show(alerts: Rows) -> None:
    shown = ("value", "threshold", "bound", "sample", "detail")
    print_table(
        ("state", "of", "alert", *shown),
        [
            (
                alert["severity"].upper() if alert["fired"] else "ok",
                alert["subject"],
                alert["alert"],
                *(alert[name] for name in shown),
            )
            for alert in alerts.as_objects()
        ],
    )
    for alert in alerts.as_objects():
        if alert["fired"]:
            click.echo(f"\n-- {alert['alert']} of {alert['subject']}:\n{alert['query']};")


def _tell(words: list[str], fired: list[dict[str, object]]) -> None:
    """Run the command; its failure is said and no more, as the alerts are what matters."""
    try:
        done = subprocess.run(
            words,
            input=output.as_json(fired),
            stdout=sys.stderr,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired:
        say(f"{words[0]} was ended after {COMMAND_SECONDS} seconds: nobody may have been told.")
    except OSError as error:
        say(f"{words[0]} cannot be run ({error.strerror}): nobody was told.")
    else:
        if done.returncode:
            say(f"{words[0]} ended with {done.returncode}: nobody may have been told.")
