"""What commands share: options, connections, talk on stderr."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgtandem.cli.output import printable
from pgtandem.connection import HIDDEN, Connection, Target, connect, redact, resolve_dsn

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class State:
    """What the options of the group, or the same options after the verb, have said."""

    dsn: str | None = None
    debug: bool = False


def _keep_dsn(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(State).dsn = value


def _keep_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(State).debug = True


def dsn_option(command: F) -> F:
    """--dsn, kept in the State."""
    return click.option(
        "--dsn",
        metavar="DSN",
        expose_value=False,
        callback=_keep_dsn,
        help="The database: postgresql://user@host/name or 'host=... dbname=...'.",
    )(command)


def debug_option(command: F) -> F:
    """--debug, kept in the State."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_keep_debug,
        help="Show a traceback with an error.",
    )(command)


_pass_state = click.make_pass_decorator(State, ensure=True)


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """--dsn and --debug, and the State as the command's first argument."""
    return dsn_option(debug_option(_pass_state(command)))


mapping_argument = click.argument("mapping", metavar="MAPPING")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def say(text: str) -> None:
    """Talk: a line on stderr."""
    click.echo(printable(text), err=True)


def show_notice(diagnostic: psycopg.errors.Diagnostic) -> None:
    """A NOTICE or WARNING of the server, on stderr."""
    say(notice_text(diagnostic))


def notice_text(diagnostic: psycopg.errors.Diagnostic) -> str:
    """A server's message with its DETAIL and HINT; NOTICE itself is not said, WARNING is."""
    severity = diagnostic.severity_nonlocalized or "NOTICE"
    lines = [diagnostic.message_primary or ""]
    if severity != "NOTICE":
        lines[0] = f"{severity}: {lines[0]}"
    if diagnostic.message_detail:
        lines.append(f"DETAIL: {diagnostic.message_detail}")
    if diagnostic.message_hint:
        lines.append(f"HINT: {diagnostic.message_hint}")
    return printable("\n".join(lines))


@dataclass(frozen=True)
class Database:
    """An open session, and the target for further ones."""

    target: Target
    conn: Connection


@contextmanager
def database(state: State) -> Iterator[Database]:
    """A session in autocommit whose NOTICEs go to stderr."""
    target = resolve_dsn(state.dsn)
    conn = connect(target)
    try:
        conn.add_notice_handler(show_notice)
        yield Database(target, conn)
    finally:
        conn.close()


def this_command(*more: str) -> str:
    """The command line that is running, to be typed again; a password in it is hidden."""
    return shlex.join(["pgtandem", *map(_without_password, sys.argv[1:]), *more])


def _without_password(argument: str) -> str:
    option, equals, value = argument.partition("=")
    prefix, text = (option + equals, value) if option == "--dsn" and equals else ("", argument)
    if "=" not in text and "://" not in text:
        return argument
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        return argument
    hidden = redact(text)
    return prefix + hidden if HIDDEN in hidden else argument
