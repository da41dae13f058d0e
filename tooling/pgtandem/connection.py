"""How to reach the database, and how to hand that on to psql and pg_dump without a password.

Order: `--dsn`, else PGTANDEM_DSN, else libpq's PG* variables and service files, else the embedded
server kept in `.pgtandem/` under the working folder.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgtandem.errors import ConnectionFailed, UsageError
from pgtandem.server import KeptServer

LIBPQ_VARIABLES = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER")
"""Any of these set means that the user has said to libpq where to go."""
EMBEDDED_DATABASE = "pgtandem"
HIDDEN = "********"

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Target:
    """A database to connect to. Print `shown`, never `conninfo`, which may hold a password."""

    conninfo: str = field(repr=False)
    source: str
    """Where it comes from, in words for the user, such as `--dsn`."""
    embedded: KeptServer | None = None

    @property
    def shown(self) -> str:
        """The connection string without its secrets."""
        return redact(self.conninfo)


def resolve_dsn(dsn: str | None = None, *, working_folder: Path | None = None) -> Target:
    """The database that the user means; starts the embedded server where that is the one.

    Raises UsageError for a string that is no connection string, ServerError where no embedded
    server can be had.
    """
    if dsn:
        return _checked(dsn, "--dsn")
    from_environment = os.environ.get("PGTANDEM_DSN")
    if from_environment:
        return _checked(from_environment, "PGTANDEM_DSN")
    named = [name for name in LIBPQ_VARIABLES if os.environ.get(name)]
    if named:
        return Target("", f"libpq's {', '.join(named)}")
    server = KeptServer(working_folder)
    started = server.ensure_running()
    _create_embedded_database(server)
    print(
        f"Using the embedded PostgreSQL {server.binaries.major} in {server.folder}"
        f"{' (started)' if started else ''}; --dsn names another server.",
        file=sys.stderr,
    )
    return Target(server.conninfo(EMBEDDED_DATABASE), "the embedded server", server)


def _checked(conninfo: str, source: str) -> Target:
    try:
        conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        # libpq's own words quote the string, which may hold a password.
        raise UsageError(
            f"{source} is not a connection string that PostgreSQL understands.",
            hint="Two forms: postgresql://user@host:5432/database?sslmode=require "
            "or 'host=... port=5432 user=... dbname=...'. In the first, write special "
            "characters of a password as %XX; in the second, put values with spaces in ''.",
        ) from None
    return Target(conninfo, source)


def _create_embedded_database(server: KeptServer) -> None:
    with psycopg.connect(server.conninfo(), autocommit=True) as conn:
        found = conn.execute(
            "select from pg_catalog.pg_database where datname = %s", (EMBEDDED_DATABASE,)
        )
        if found.rowcount == 0:
            create = sql.SQL("create database {}").format(sql.Identifier(EMBEDDED_DATABASE))
            # Another command may be first; a race shows as the second of these.
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                conn.execute(create)


def connect(target: Target, **options: Any) -> Connection:
    """A session in autocommit, because procedures that commit cannot run in a transaction.

    `options` go to libpq, such as application_name, which is `pgtandem` unless set here or in the
    connection string. Texts are UTF-8 and times are such as psycopg reads, whatever the role or the
    database sets. Raises ConnectionFailed with what the server or the network said.
    """
    own = {"autocommit": True, "fallback_application_name": "pgtandem", "client_encoding": "UTF8"}
    try:
        conn = psycopg.connect(target.conninfo, **{**own, **options})
        conn.execute("set datestyle = 'ISO'; set intervalstyle = 'postgres'")
        return conn
    except psycopg.OperationalError as error:
        raise ConnectionFailed(
            f"There is no connection to the database that {target.source} names"
            + (f" ({target.shown})." if target.conninfo else "."),
            detail=_without_secrets(str(error).strip(), target.conninfo),
            hint="Check host, port, database, user and password; "
            "--dsn and PGTANDEM_DSN come before libpq's PG* variables.",
        ) from None
    except psycopg.ProgrammingError as error:  # an option that this libpq does not know
        detail = _without_secrets(str(error).strip(), target.conninfo)
        raise UsageError(f"{target.source} cannot be used.", detail=detail) from None


@contextmanager
def own_path(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction whose names and operators are those of pg_catalog alone.

    Who may create objects in a schema of this role's search path could else have made an operator
    that fits a query of ours better than PostgreSQL's own, and that would run as this role.
    """
    with conn.transaction():
        conn.execute("set local search_path = pg_catalog, pg_temp")
        yield


def redact(conninfo: str) -> str:
    """A connection string with its secrets hidden, in the form key=value."""
    secret = _secret_options()
    parts = {
        key: HIDDEN if key in secret else value for key, value in conninfo_to_dict(conninfo).items()
    }
    return make_conninfo("", **parts)


def _secret_options() -> frozenset[str]:
    """Options that libpq says are to be shown as stars, such as password and sslpassword."""
    options = pq.Conninfo.get_defaults()
    return frozenset(option.keyword.decode() for option in options if option.dispchar == b"*")


def _without_secrets(text: str, conninfo: str) -> str:
    secret = _secret_options()
    for key, value in conninfo_to_dict(conninfo).items():
        if key in secret and value:
            text = text.replace(str(value), HIDDEN)
    return text


@dataclass(frozen=True)
class ChildConnection:
    """How a child process such as pg_dump connects: `--dbname` and its environment."""

    dbname: str
    """For `psql --dbname=...`, `pg_dump --dbname=...`, pgbench's argument; holds no password."""
    environment: Mapping[str, str] = field(repr=False)


@contextmanager
def child_connection(target: Target) -> Iterator[ChildConnection]:
    """What a child process needs to connect as `target` does.

    A password goes into a file that only this user can read and that is removed at the end: other
    users of the machine can read a command line, and crash reports print environments.
    """
    parts = conninfo_to_dict(target.conninfo)
    password = parts.pop("password", None)
    other = sorted(_secret_options() & parts.keys())
    if other:
        raise UsageError(
            f"{target.source} has the option {other[0]}, which cannot be handed to a child process "
            "without showing it.",
            hint="Use a key file without passphrase, or a service file (service=name).",
        )
    environment = {**os.environ}
    dbname = make_conninfo("", **parts)
    if password is None:
        yield ChildConnection(dbname, environment)
        return
    if "\n" in str(password) or "\r" in str(password):
        raise UsageError("A password with a line break cannot be handed to a child process.")
    environment.pop("PGPASSWORD", None)
    escaped = str(password).replace("\\", "\\\\").replace(":", "\\:")
    descriptor, name = tempfile.mkstemp(prefix="pgtandem-pass-")  # rights 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as passfile:
            passfile.write(f"*:*:*:*:{escaped}\n")
        environment["PGPASSFILE"] = name
        parts.pop("passfile", None)
        yield ChildConnection(make_conninfo("", **parts), environment)
    finally:
        os.unlink(name)
