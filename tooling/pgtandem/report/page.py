"""A page of sections, each with a plot, a table, or both. Knows nothing of what it shows."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

TEMPLATE: Final = Path(__file__).with_name("page.html.jinja")


@dataclass(frozen=True)
class Table:
    """Names of the columns, and rows of values; None is an empty cell."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers only."""
        return [
            bool(values := [row[place] for row in self.rows if row[place] is not None])
            and all(isinstance(v, (int, float, decimal.Decimal)) for v in values)
            for place in range(len(self.columns))
        ]


@dataclass(frozen=True)
class Section:
    """A heading, a sentence that says what is to be seen, plots (SVG), and a table."""

    title: str
    text: str = ""
    plots: Sequence[str] = ()
    table: Table | None = None


@dataclass(frozen=True)
class Tile:
    """A figure that one sees first. `state` is ok, warning, problem or empty."""

    name: str
    value: object
    state: str = ""


@dataclass
class Page:
    """The report. `made` is when, `about` is a line below the title."""

    title: str
    about: str
    made: datetime.datetime
    tiles: list[Tile] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)

    def html(self) -> str:
        """One file: no script, nothing that is loaded from elsewhere."""
        environment = Environment(
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["cell"] = cell
        environment.filters["svg"] = Markup
        return environment.from_string(TEMPLATE.read_text("utf-8")).render(page=self) + "\n"


def cell(value: Any) -> str:
    """A value as one reads it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case decimal.Decimal() | float():
            return f"{value:,.1f}"
        case datetime.datetime():
            return value.isoformat(" ", "seconds")
        case datetime.timedelta():
            return f"{value.total_seconds():,.1f} s"
    return str(value)
