"""`pgtandem import flag`: which imports of a mapping take the new path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

import click

from pgtandem.cli.options import State, connected, database, json_option, mapping_argument, say
from pgtandem.cli.output import Rows, print_json, print_record, select
from pgtandem.errors import UsageError

VALUE_VARIABLE: Final = "USE_NEW_IMPORT_SYSTEM"
PERCENTAGE_VARIABLE: Final = "USE_NEW_IMPORT_PERCENTAGE"

_SET: Final = """
select tandem.set_import_flag(
    %s, p_value => %s, p_percentage => %s::numeric, p_test_users => %s::text[],
    p_denied => %s::text[], p_kill_switch => %s
)
"""
_SHOW: Final = """
select m.name as mapping, coalesce(f.value, 'true') as value,
    case when m.phase = 'retired' then 'the old path is retired'
        when f.mapping is null then 'no flag is set' else f.changed_by end as set_by,
    f.changed_at, f.kill_switch, coalesce(f.test_users, '{}') as test_users,
    coalesce(f.denied, '{}') as denied
from tandem._mapping_of(%s) as m
left join tandem.import_flag as f on f.mapping = m.name
"""


@click.command("flag")
@mapping_argument
@click.argument("value", metavar="[VALUE]", required=False)
@click.option("--percentage", metavar="N", help="As VALUE percentage:N; 12.5, say.")
@click.option(
    "--test-user",
    "test_users",
    metavar="USER",
    multiple=True,
    help="Takes the new path unless VALUE is false; replaces the list. Repeatable; '' for nobody.",
)
@click.option(
    "--deny",
    "denied",
    metavar="USER",
    multiple=True,
    help="Never takes the new path; replaces the list. Repeatable; '' for nobody.",
)
@click.option("--kill/--no-kill", "kill", default=None, help="All take the old path, or not.")
@click.option(
    "--from-env",
    is_flag=True,
    help=f"Take VALUE from {VALUE_VARIABLE}, and N from {PERCENTAGE_VARIABLE}.",
)
@json_option
@connected
def command(  # noqa: PLR0917
    state: State,
    mapping: str,
    value: str | None,
    percentage: str | None,
    test_users: tuple[str, ...],
    denied: tuple[str, ...],
    kill: bool | None,
    from_env: bool,
    as_json: bool,
) -> None:
    """Show or set the flag that decides which imports of MAPPING take the new path.

    VALUE is false, test_users_only, percentage:N or true; without a flag all take the new path. It
    is decided once, when an import is submitted, so a change is for those submitted from then on.
    Whoever is in at some percentage stays in at any higher one.
    """
    if from_env:
        if value is not None or percentage is not None:
            raise UsageError("VALUE is given, and --from-env.", hint="Leave one of them out.")
        value, percentage = from_environment(os.environ)
    with database(state) as db:
        if any(said is not None for said in (value, percentage, kill)) or test_users or denied:
            listed = (_names(test_users), _names(denied))
            db.conn.execute(_SET, (mapping, value, percentage, *listed, kill))
        shown = select(db.conn, _SHOW, mapping)
    if as_json:
        print_json(shown.as_objects()[0])
    else:
        _print(shown)


def from_environment(environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The value and the percentage that an old program's variables stand for.

    The percentage is read where the value is absent or `percentage`, as those programs do.
    """
    value = environment.get(VALUE_VARIABLE) or None
    percentage = environment.get(PERCENTAGE_VARIABLE) or None
    if value is None and percentage is None:
        raise UsageError(
            f"Neither {VALUE_VARIABLE} nor {PERCENTAGE_VARIABLE} is set.",
            hint="Set one of them, or give VALUE.",
        )
    if value is not None and value.strip().lower() != "percentage":
        percentage = None
    return value, percentage


def _names(users: tuple[str, ...]) -> list[str] | None:
    return [user for user in users if user] if users else None


def _print(shown: Rows) -> None:
    flag = shown.as_objects()[0]
    print_record(
        [
            ("mapping", flag["mapping"]),
            ("new path for", flag["value"]),
            ("test users", ", ".join(flag["test_users"])),
            ("denied", ", ".join(flag["denied"])),
            ("kill switch", {True: "on", False: "off", None: ""}[flag["kill_switch"]]),
            ("set by", flag["set_by"]),
            ("at", flag["changed_at"]),
        ]
    )
    if flag["kill_switch"]:
        say("The kill switch is on: all imports submitted now take the old path.")
