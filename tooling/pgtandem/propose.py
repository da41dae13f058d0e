"""A shape proposed from the data of a flat table: `pgtandem init TABLE` without --level.

The rows say which column tells which other: whoever knows the model knows the brand. A chain of
such columns is a hierarchy. What the rows cannot say is what the business means; so the evidence
goes into the mapping's file, for a person to judge.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from pgtandem.errors import UsageError
from pgtandem.mapping_section import is_part_name
from pgtandem.scaffold import (
    Column,
    Part,
    Table,
    is_stamp,
    key_column,
    read_table,
    touch_column,
)
from pgtandem.sqltext import split_type

SAMPLE_ROWS: Final = 50_000
MOST_LEVELS: Final = 3
DETERMINES: Final = 0.98
"""Of the rows that share a value, so many must agree on the other column."""
REPEATS: Final = 1.5
"""A level's values stand in so many rows on average, or more."""

_LEVEL_TYPES: Final = ("text", "varchar", "char", "citext", "integer", "bigint", "smallint")
_AMOUNT_TYPES: Final = ("numeric", "money", "float8", "float4", "integer", "bigint")
_AMOUNT_NAME: Final = re.compile(r"price|amount|cost|preis|betrag|prix|precio", re.I)
_CURRENCY_NAME: Final = re.compile(r"curr|waehrung|währung|devise|moneda", re.I)
_STATE_NAME: Final = re.compile(r"status|state|flag|active|deleted", re.I)


@dataclass(frozen=True)
class Proposal:
    """Parts as a user would have asked for them, and why, a line each."""

    levels: tuple[Part, ...]
    leaf: Part
    satellites: tuple[Part, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class _Seen:
    """A column's values in the rows that were looked at; None for a missing one."""

    column: Column
    values: Sequence[str | None]

    @property
    def distinct(self) -> int:
        return len({value for value in self.values if value is not None})

    @property
    def filled(self) -> int:
        return sum(value is not None for value in self.values)

    @property
    def repeats(self) -> float:
        return self.filled / max(1, self.distinct)


def propose(conn: psycopg.Connection[Any], table: str, key: str | None = None) -> Proposal:
    """Levels, leaf and dated rows for `table`, from at most SAMPLE_ROWS rows.

    Raises UsageError where no column repeats, or the table cannot have a mapping.
    """
    found = read_table(conn, table)
    own = {key_column(found, key).name}
    touch = touch_column(found)
    if touch is not None:
        own.add(touch.name)
    satellite = _amount(found, own)
    own.update(satellite.columns if satellite else ())
    columns = [
        column
        for column in found.columns.values()
        if column.name not in own
        and not (column.generated or column.unique or is_stamp(column))
        and split_type(column.type)[0] in _LEVEL_TYPES
        and not _STATE_NAME.search(column.name)
    ]
    seen = [one for one in _look(conn, found, columns) if one.distinct > 1]
    seen = [one for one in seen if one.repeats >= REPEATS and one.filled * 2 >= len(one.values)]
    if not seen:
        raise UsageError(
            f"No column of {found.shown} repeats its values: nothing says which could be a level.",
            hint="Name the levels: --level NAME=COLUMN, from the top down.",
        )
    chain, evidence = _chain(seen)
    levels = tuple(Part(_word(one.column.name), (one.column.name,)) for one in chain)
    taken = {level.name for level in levels}
    if satellite is not None and satellite.name in taken:
        satellite = Part("dated_amount", satellite.columns)
    leaf = next(name for name in ("item", "entry", "detail", "row_of_flat") if name not in taken)
    if satellite is not None:
        evidence.append(
            f"{satellite.columns[0]} looks like an amount that changes with time: dated rows."
        )
    return Proposal(
        levels,
        Part(leaf, ()),
        (satellite,) if satellite else (),
        (
            f"The levels are proposed from {len(seen[0].values)} rows; change them where the "
            "business means others:",
            *(f"- {line}" for line in evidence),
        ),
    )


def _look(conn: psycopg.Connection[Any], found: Table, columns: Sequence[Column]) -> list[_Seen]:
    """The values of some rows from all over the table, blank ones as None."""
    if not columns:
        return []
    name = sql.Identifier(found.schema, found.name)
    estimate = conn.execute(
        "select reltuples from pg_catalog.pg_class where oid = pg_catalog.to_regclass(%s)::oid",
        (found.shown,),
    ).fetchone()
    rows = max(0.0, float(estimate[0])) if estimate else 0.0
    share = min(100.0, 120.0 * SAMPLE_ROWS / rows) if rows else 100.0
    part = sql.SQL(" tablesample system ({}) repeatable (1)").format(sql.Literal(share))
    values = sql.SQL(", ").join(
        sql.SQL("nullif(pg_catalog.btrim({}::text), '')").format(sql.Identifier(column.name))
        for column in columns
    )
    query = sql.SQL("select {} from {}{} limit {}").format(
        values, name, part if share < 100 else sql.SQL(""), sql.Literal(SAMPLE_ROWS)
    )
    read = conn.execute(query).fetchall()
    return [_Seen(column, [row[at] for row in read]) for at, column in enumerate(columns)]


def _strength(child: _Seen, parent: _Seen) -> float:
    """How surely a value of `child` tells that of `parent`, in the rows that share one."""
    groups: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for value, above in zip(child.values, parent.values, strict=True):
        if value is not None:
            groups[value][above] += 1
    shared = [group for group in groups.values() if group.total() > 1]
    rows = sum(group.total() for group in shared)
    return sum(max(group.values()) for group in shared) / rows if rows else 0.0


def _chain(seen: Sequence[_Seen]) -> tuple[list[_Seen], list[str]]:
    """The longest chain, top down, in which each column tells the one above; and why."""
    order = sorted(seen, key=lambda one: (one.distinct, one.column.name))
    best: dict[str, list[_Seen]] = {}
    told: dict[tuple[str, str], float] = {}
    for at, child in enumerate(order):
        best[child.column.name] = [child]
        for parent in order[:at]:
            if parent.distinct == child.distinct:
                continue
            strength = _strength(child, parent)
            told[child.column.name, parent.column.name] = strength
            longer = [*best[parent.column.name], child]
            if (
                strength >= DETERMINES
                and len(longer) <= MOST_LEVELS
                and len(longer) > len(best[child.column.name])
            ):
                best[child.column.name] = longer
    # the longest; of several, the one whose last level has most rows
    chain = max(best.values(), key=lambda one: (len(one), one[-1].distinct))
    evidence = [
        f"{one.column.name}: {one.distinct} different values, {one.repeats:.1f} rows each"
        for one in chain
    ]
    # as the scaffold writes `missing`: the top level, and what has no text to take for a default
    evidence += [
        f"{one.column.name}: {missing} of {len(one.values)} rows have no value and would be "
        "rejected; or give the level a default, see missing"
        for at, one in enumerate(chain)
        if (missing := len(one.values) - one.filled) and (at == 0 or not one.column.is_text)
    ]
    for above, below in itertools.pairwise(chain):
        strength = told[below.column.name, above.column.name]
        evidence.append(
            f"{below.column.name} tells {above.column.name}: {100 * strength:.1f} % of the rows "
            f"that share a {below.column.name} agree"
        )
    others = [one for one in seen if one not in chain]
    evidence += [
        f"{one.column.name} repeats, too ({one.distinct} values), and is a column of the leaf here"
        for one in others
    ]
    return chain, evidence


def _amount(found: Table, own: set[str]) -> Part | None:
    """An amount, with its currency, that may have a history."""
    amounts = [
        column.name
        for column in found.columns.values()
        if column.name not in own
        and not column.generated
        and split_type(column.type)[0] in _AMOUNT_TYPES
        and _AMOUNT_NAME.search(column.name)
    ]
    if not amounts:
        return None
    currencies = [
        column.name
        for column in found.columns.values()
        if column.is_text and not column.generated and _CURRENCY_NAME.search(column.name)
    ]
    return Part("price", (amounts[0], *currencies[:1]))


def _word(name: str) -> str:
    """A part's name, made from a column's."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:24]
    return plain if is_part_name(plain) else f"level_{plain}".rstrip("_")
