"""Data on stdout: tables for people, JSON for programs.

On a terminal a table is as wide as the terminal, and long cells are folded. Elsewhere (a file, a
pipe, a log of CI) nothing is cut or wrapped.
"""

from __future__ import annotations

import datetime
import decimal
import io
import json
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pgtandem.connection import Connection, own_path

UNBOUNDED: Final = 1_000_000
SQL_ON_SCREEN: Final = 240
"""So many characters of a statement are shown on a terminal."""


@dataclass(frozen=True)
class Rows:
    """What a query gave: names of the columns, and the rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def as_objects(self) -> list[dict[str, Any]]:
        """One object a row, for JSON."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def column(self, name: str) -> list[Any]:
        """The values of one column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


def select(conn: Connection, query: str, *arguments: object) -> Rows:
    """Run a query and take all its rows."""
    with own_path(conn):
        cursor = conn.execute(query.encode(), arguments or None)
        names = tuple(column.name for column in cursor.description or ())
        return Rows(names, tuple(cursor.fetchall()))


def scalar(conn: Connection, query: str, *arguments: object) -> Any:
    """The one value of a query; None where it gave no row."""
    found = select(conn, query, *arguments)
    return found.rows[0][0] if found.rows else None


def print_json(value: object) -> None:
    """JSON on stdout; numbers stay numbers, times are ISO 8601, ids are strings."""
    sys.stdout.write(as_json(value) + "\n")


def as_json(value: object) -> str:
    """The text that `print_json` prints."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    match value:
        case decimal.Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime.datetime() | datetime.date():
            return value.isoformat()
        case datetime.timedelta():
            return value.total_seconds()
        case uuid.UUID():
            return str(value)
    return str(value)


def is_terminal() -> bool:
    """Whether people read stdout on a screen."""
    return sys.stdout.isatty()


def _print(table: Table) -> None:
    if is_terminal():
        Console().print(table)
        return
    text = io.StringIO()
    Console(file=text, width=UNBOUNDED, color_system=None).print(table)
    lines = [line.rstrip() for line in text.getvalue().split("\n")]
    sys.stdout.write("\n".join(lines).strip("\n") + "\n")


def cell(value: object, limit: int | None = None) -> Text:
    """A value as plain text: no markup, no control character of the data's reaches a terminal."""
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "NO"
        case int():
            text = f"{value:,}"
        case decimal.Decimal() | float():
            text = f"{value:,.1f}"
        case datetime.datetime():
            text = value.isoformat(" ", "seconds")
        case _:
            text = str(value)
    if limit is not None and len(text) > limit:
        text = text[: limit - 2] + " …"
    return Text(printable(text))


def printable(text: str) -> str:
    """Text whose control characters are shown, not obeyed by the terminal."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character in "\n\t" or character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    limit: int | None = None,
    lines: bool = False,
    wide: Sequence[str] = (),
) -> None:
    """A table with a line a row. On a terminal only, `limit` cuts long cells, and the columns
    `wide` share what the others, which are not folded, leave of its width.
    """
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_lines=lines, expand=bool(wide) and is_terminal()
    )
    for number, column in enumerate(columns):
        numbers = [row[number] for row in rows if row[number] is not None]
        right = bool(numbers) and all(
            isinstance(value, (int, float, decimal.Decimal)) and not isinstance(value, bool)
            for value in numbers
        )
        table.add_column(
            column,
            overflow="fold",
            justify="right" if right else "left",
            ratio=1 if column in wide else None,
            max_width=12 if wide and column not in wide and is_terminal() else None,
        )
    shortened = limit if is_terminal() else None
    for row in rows:
        table.add_row(*(cell(value, shortened) for value in row))
    _print(table)


def print_record(pairs: Sequence[tuple[str, object]]) -> None:
    """One thing as name and value, a line each."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold" if is_terminal() else "", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, cell(value))
    _print(table)
