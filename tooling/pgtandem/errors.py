"""Errors for users: what happened, where, what to do; and the exit code that follows.

Errors from the database are told apart by SQLSTATE, never by their text.
"""

from __future__ import annotations

from typing import ClassVar

import psycopg

EXIT_DONE = 0
EXIT_REFUSED = 1
"""A check failed, or the work was refused or broke off."""
EXIT_WRONG_USE = 2
"""Wrong use, or no connection."""


class PgTandemError(Exception):
    """Base of every error that a user is meant to read.

    `message` says what and where, `detail` what is known beyond it, `hint` what to do next,
    `sqlstate` is the database's code where the error came from there.
    """

    exit_code: ClassVar[int] = EXIT_REFUSED

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.sqlstate = sqlstate


class UsageError(PgTandemError):
    """The call itself is wrong: an argument, a file, an environment variable."""

    exit_code = EXIT_WRONG_USE


class ConnectionFailed(PgTandemError):
    """No connection to the database that was asked for."""

    exit_code = EXIT_WRONG_USE


class ServerError(PgTandemError):
    """The embedded server cannot be found, started or stopped."""

    exit_code = EXIT_WRONG_USE


class DatabaseError(PgTandemError):
    """The database refused a statement; the message, DETAIL and HINT are its own."""


class TandemError(DatabaseError):
    """pgtandem's own SQL refused (SQLSTATE class TD); see docs/errors.md for each code."""


class UnknownMapping(TandemError):
    """No mapping of that name is deployed (TD001); a wrong name is not a failed check."""

    exit_code = EXIT_WRONG_USE


class UnfitInput(TandemError):
    """An input is none that the import takes: too large (TD065), or another header (TD066)."""

    exit_code = EXIT_WRONG_USE


class WrongArgument(DatabaseError):
    """An argument of a call is out of range or none of the words that it may be (22023)."""

    exit_code = EXIT_WRONG_USE


class NotPermitted(DatabaseError):
    """The role lacks a right (42501)."""


class NotDeployed(DatabaseError):
    """What was called is not in this database (3F000, 42883, 42P01)."""


class Cancelled(DatabaseError):
    """The statement was cancelled (57014)."""


class ServerGone(DatabaseError):
    """The server ended the session or is not ready (57P01, 57P02, 57P03, class 08)."""

    exit_code = EXIT_WRONG_USE


class Retryable(DatabaseError):
    """The same call may succeed when it is repeated (40001, 40P01, 55P03)."""


BY_SQLSTATE: dict[str, type[DatabaseError]] = {
    "08": ServerGone,
    "22023": WrongArgument,
    "3F000": NotDeployed,
    "40001": Retryable,
    "40P01": Retryable,
    "42501": NotPermitted,
    "42883": NotDeployed,
    "42P01": NotDeployed,
    "55P03": Retryable,
    "57014": Cancelled,
    "57P01": ServerGone,
    "57P02": ServerGone,
    "57P03": ServerGone,
    "TD": TandemError,
    "TD001": UnknownMapping,
    "TD065": UnfitInput,
    "TD066": UnfitInput,
}
"""Five characters name a code, two a whole class; the code is looked up first."""


def from_database(exc: psycopg.Error) -> PgTandemError:
    """The user's error for one that psycopg raised, with the database's DETAIL and HINT.

    An error without SQLSTATE did not come from the server: the connection is lost.
    """
    diag = exc.diag
    message = diag.message_primary or str(exc).strip() or type(exc).__name__
    state = exc.sqlstate or diag.sqlstate
    if state is None:
        if isinstance(exc, psycopg.OperationalError):
            return ServerGone(message, hint="Look at the server, then run the same command again.")
        return DatabaseError(message)
    kind = BY_SQLSTATE.get(state) or BY_SQLSTATE.get(state[:2], DatabaseError)
    detail, hint = diag.message_detail, diag.message_hint
    if hint is None and kind is NotDeployed:
        hint = "Is pgtandem in this database? `pgtandem status` says; `pgtandem deploy` puts it in."
    if hint is None and kind is NotPermitted:
        hint = (
            "For a verb: the owner or an admin gives the level that may, reader, writer, operator "
            "or admin: SELECT tandem.grant_to(role, level); docs/roles.md says which may what."
        )
    return kind(message, detail=detail, hint=hint, sqlstate=state)


def describe(exc: BaseException) -> str:
    """The lines that a user reads for an error: message with SQLSTATE, DETAIL, HINT."""
    if isinstance(exc, psycopg.Error):
        exc = from_database(exc)
    if isinstance(exc, OSError) and exc.filename is not None and exc.strerror:
        return f"{exc.filename}: {exc.strerror}."
    if not isinstance(exc, PgTandemError):
        text = str(exc).strip()
        return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
    lines = [f"{exc.message} [{exc.sqlstate}]" if exc.sqlstate else exc.message]
    if exc.detail:
        lines.append(f"DETAIL: {exc.detail}")
    if exc.hint:
        lines.append(f"HINT: {exc.hint}")
    return "\n".join(lines)


def exit_code(exc: BaseException) -> int:
    """The process's exit code for an error: see EXIT_REFUSED and EXIT_WRONG_USE."""
    if isinstance(exc, psycopg.Error):
        exc = from_database(exc)
    return exc.exit_code if isinstance(exc, PgTandemError) else EXIT_REFUSED
