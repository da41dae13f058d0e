"""docs/sql.md and docs/cli.md: generated from the COMMENTs and the commands, and kept current here.

Where a change is wanted: run this file with --approve, and read the diff.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from pgtandem.cli.group import SECTIONS, main
from support.approved import Approved
from support.databases import Connection, Database
from support.shop import prepared

DOCS = Path(__file__).parent.parent / "docs"

ROUTINES = """
select p.proname, p.prokind = 'p' as is_procedure, pg_get_function_arguments(p.oid) as arguments,
    case when p.prokind <> 'p' then pg_get_function_result(p.oid) end as result,
    obj_description(p.oid, 'pg_proc') as comment
from pg_proc as p
where p.pronamespace = %s::regnamespace and p.proname !~ '^_' and p.prorettype <> 'trigger'::regtype
    and p.proname !~ '_step$' and (%s::text is null or obj_description(p.oid, 'pg_proc') ~ %s)
order by p.proname, pg_get_function_identity_arguments(p.oid)
"""
RELATIONS = """
select c.relname, c.relkind = 'v' as is_view, obj_description(c.oid, 'pg_class') as comment,
    (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', '
        order by a.attnum) from pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
from pg_class as c
where c.relnamespace = %s::regnamespace and c.relkind in ('r', 'v')
    and c.relname <> 'inside' and c.relname !~ '^_'
order by c.relname
"""


@pytest.fixture
def docs(request: pytest.FixtureRequest) -> Approved:
    return Approved(DOCS, bool(request.config.getoption("--approve")))


def routine(schema: str, row: tuple[Any, ...]) -> str:
    """The section of a function or procedure."""
    name, is_procedure, arguments, result, comment = row
    call = "CALL " if is_procedure else ""
    text = f"### {call}{schema}.{name}\n\n{prose(comment)}\n\n```\n{call}{schema}.{name}("
    if arguments:
        text += "\n    " + ",\n    ".join(split(arguments)) + "\n"
    text += ")"
    if result:
        columns = re.fullmatch(r"TABLE\((.*)\)", result)
        text += (
            " returns table (\n    " + ",\n    ".join(split(columns[1])) + "\n)"
            if columns
            else f" returns {result}"
        )
    return text + "\n```\n"


def split(arguments: str) -> list[str]:
    """Arguments or columns, of which a type may have a comma: numeric(14,2)."""
    return [part.removeprefix("IN ") for part in re.split(r", (?![^(]*\))", arguments)]


def prose(comment: str) -> str:
    """A COMMENT as Markdown; its example is code."""
    text, _, example = comment.partition(" Example: ")
    text = re.sub(r"([*_<>|])", r"\\\1", text)
    return f"{text}\n\nExample: `{example}`" if example else text


def relation(schema: str, row: tuple[Any, ...]) -> str:
    name, is_view, comment, columns = row
    kind = "view" if is_view else "table"
    listed = ", ".join(f"`{column}`" for column in split(columns))
    return f"### {schema}.{name} ({kind})\n\n{prose(comment)}\n\nColumns: {listed}\n"


def sql_reference(conn: Connection) -> str:
    def sections(schema: str, only: str | None = None) -> list[str]:
        rows = conn.execute(ROUTINES.encode(), (schema, only, only)).fetchall()
        return [routine(schema, row) for row in rows]

    def relations(schema: str) -> list[str]:
        rows = conn.execute(RELATIONS.encode(), (schema,)).fetchall()
        return [relation(schema, row) for row in rows]

    return "\n".join(
        [
            "# SQL reference\n",
            "Made from the COMMENTs in the database; a test keeps it current. What begins with `_` "
            "or ends in `_step`\nis not for calling by hand. Who may what: [roles](roles.md). "
            "Errors: [errors](errors.md).\n",
            "## Verbs and functions\n",
            *sections("tandem"),
            "## Views and tables\n",
            *relations("tandem"),
            "## Of a mapping, here `products`\n",
            "A mapping's schema is `tandem_` and its name. The names of the upsert functions are "
            "the mapping's `[operations]`.\n",
            *sections("tandem_products", "^Upsert:"),
            *relations("tandem_products"),
        ]
    )


def cli_reference() -> str:
    parts = [
        "# Command line reference\n",
        "Made from the commands' own help; a test keeps it current.\n",
        "```\n" + help_of(main, "pgtandem") + "\n```\n",
    ]
    for title, verbs in SECTIONS.items():
        parts.append(f"## {title}\n")
        for verb in verbs.split():
            parts += command_sections(main, "pgtandem", verb, "###")
    return "\n".join(parts)


def command_sections(group: click.Group, above: str, verb: str, heading: str) -> list[str]:
    """The section of a command, and where it is a group, those of its commands below it."""
    command = group.get_command(click.Context(group, info_name=above), verb)
    assert command is not None
    name = f"{above} {verb}"
    parts = [f"{heading} {name}\n", "```\n" + help_of(command, name) + "\n```\n"]
    if isinstance(command, click.Group):
        for inner in command.list_commands(click.Context(command, info_name=name)):
            parts += command_sections(command, name, inner, heading + "#")
    return parts


def help_of(command: click.Command, name: str) -> str:
    # The names of --help too: click keeps what the first caller's context says for good.
    settings = {**main.context_settings, "max_content_width": 96}
    context = click.Context(command, info_name=name, terminal_width=96, **settings)
    return command.get_help(context)


def test_the_sql_reference_is_what_the_comments_say(db: Database, docs: Approved) -> None:
    owner = db.owner()
    prepared(owner, 5)
    docs.check("sql.md", sql_reference(owner))


def test_the_command_line_reference_is_what_the_commands_say(docs: Approved) -> None:
    docs.check("cli.md", cli_reference())


def test_every_public_routine_says_who_may_call_it_or_is_a_helper(db: Database) -> None:
    """The reference says the level; docs/roles.md and the privilege matrix say the same."""
    owner = db.owner()
    rows = owner.execute(ROUTINES.encode(), ("tandem", None, None)).fetchall()
    silent = {name for name, _, _, _, comment in rows if not re.search(r"may (\w+ )?call", comment)}
    assert silent <= {"import_key", "is_blank", "is_castable", "new_id", "version"}
