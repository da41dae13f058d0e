"""What an import is to make of its rows: one after the other, in Python, with no care for speed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Row = Mapping[str, str | None]
Ids = tuple[int, int | None, int | None]

FIELDS = ("name", "color", "size", "description", "sku", "price", "quantity")
PRICE = re.compile(r"[+-]?(0*[0-9]{1,10}(\.[0-9]{0,2}0*)?|\.[0-9]{1,2}0*)")
QUANTITY = re.compile(r"[+-]?[0-9]{1,19}")
NOTHING = ("null", "n/a", "\\n", "-")


def key(name: str | None) -> str | None:
    """The normal form of a colour or a size, as far as these tests go."""
    visible = (name or "").replace("\u200b", "").replace("\u00a0", " ").strip().lower()
    return visible or None


@dataclass
class Thing:
    """A row of a table; `deleted` is when."""

    id: int
    values: dict[str, Any]
    deleted: int = 0


@dataclass(frozen=True)
class Options:
    duplicates: str = "last"
    deleted: str = "revive"
    empty: str = "keep"


class Refused(Exception):
    """A deleted row has the key."""


@dataclass
class Shop:
    """The four tables."""

    colors: list[Thing] = field(default_factory=list)
    sizes: list[Thing] = field(default_factory=list)
    items: list[Thing] = field(default_factory=list)
    variants: list[Thing] = field(default_factory=list)

    def load(self, header: Sequence[str], rows: Sequence[Row], options: Options) -> Counter[str]:
        """An import; what became of its rows."""
        said = [parsed(row) for row in rows]
        outcome: dict[int, str] = {n: "failed" for n, row in enumerate(said) if row is None}
        good: dict[int, dict[str, Any]] = {n: row for n, row in enumerate(said) if row is not None}
        for same in grouped(good, lambda row: (row["name"], key(row["color"]), key(row["size"]))):
            if len(same) > 1 and options.duplicates == "error":
                outcome |= dict.fromkeys(same, "failed")
            elif len(same) > 1:
                winner = same[0] if options.duplicates == "first" else same[-1]
                outcome |= {n: "superseded" for n in same if n != winner}
        overruled = set()
        if "description" in header:
            speak = {
                n: row
                for n, row in good.items()
                if n not in outcome and (row["description"] or options.empty == "clear")
            }
            for same in grouped(speak, lambda row: row["name"]):
                winner = same[-1] if options.duplicates == "last" else same[0]
                text = speak[winner]["description"]
                overruled |= {n for n in same if speak[n]["description"] != text}
        if options.duplicates == "error":
            outcome |= dict.fromkeys(overruled, "failed")
        for n, row in good.items():
            if n not in outcome:
                outcome[n] = self._write(header, row, options, n in overruled)
        return Counter(outcome.values())

    def _write(
        self, header: Sequence[str], row: dict[str, Any], options: Options, overruled: bool
    ) -> str:
        change = Counter[str]()
        try:
            color = self._master(self.colors, "color", row["color"], options, change)
            size = self._master(self.sizes, "size", row["size"], options, change)
            item = self._master(self.items, "name", row["name"], options, change)
            assert item is not None
            if not overruled:
                self._update(item, ("description",), header, row, options, change)
            if set(header) <= {"name", "description"}:
                return "inserted" if change["item"] else "updated" if change else "unchanged"
            ids = (item.id, color and color.id, size and size.id)
            variant = self._find(self.variants, lambda v: v["ids"] == ids, options, change)
            if variant is None:
                values = {name: row[name] for name in ("sku", "price", "quantity")}
                self.variants.append(Thing(len(self.variants) + 1, {"ids": ids, **values}))
                return "inserted"
            self._update(variant, ("sku", "price", "quantity"), header, row, options, change)
        except Refused:
            return "failed"
        return "updated" if change["updated"] else "unchanged"

    def _master(
        self,
        table: list[Thing],
        column: str,
        name: str | None,
        options: Options,
        change: Counter[str],
    ) -> Thing | None:
        same = (lambda text: text) if column == "name" else key
        if name is None or same(name) is None:
            return None
        found = self._find(table, lambda v: same(v[column]) == same(name), options, change)
        if found is None:
            found = Thing(len(table) + 1, {column: name, "description": None})
            table.append(found)
            change["item" if column == "name" else "master"] += 1
        return found

    @staticmethod
    def _find(
        table: list[Thing], is_it: Any, options: Options, change: Counter[str]
    ) -> Thing | None:
        there = [thing for thing in table if is_it(thing.values)]
        for thing in there:
            if not thing.deleted:
                return thing
        if not there or options.deleted == "create":
            return None
        if options.deleted == "error":
            raise Refused
        last = max(there, key=lambda thing: (thing.deleted, thing.id))
        last.deleted = 0
        change["updated"] += 1
        return last

    @staticmethod
    def _update(  # noqa: PLR0917 - private
        thing: Thing,
        columns: Sequence[str],
        header: Sequence[str],
        row: dict[str, Any],
        options: Options,
        change: Counter[str],
    ) -> None:
        for column in columns:
            speaks = column in header and (row[column] is not None or options.empty == "clear")
            if speaks and thing.values[column] != row[column]:
                thing.values[column] = row[column]
                change["updated"] += 1

    def seen(self) -> list[tuple[Any, ...]]:
        """What is there, names by their normal form, sorted."""
        return sorted(
            [
                *(("color", key(t.values["color"]), t.deleted > 0) for t in self.colors),
                *(("size", key(t.values["size"]), t.deleted > 0) for t in self.sizes),
                *(
                    ("item", t.values["name"], t.values["description"], t.deleted > 0)
                    for t in self.items
                ),
                *(
                    (
                        "variant",
                        self.items[t.values["ids"][0] - 1].values["name"],
                        self._name(self.colors, "color", t.values["ids"][1]),
                        self._name(self.sizes, "size", t.values["ids"][2]),
                        *(t.values[name] for name in ("sku", "price", "quantity")),
                        t.deleted > 0,
                    )
                    for t in self.variants
                ),
            ],
            key=repr,
        )

    @staticmethod
    def _name(table: list[Thing], column: str, row_id: int | None) -> str | None:
        return None if row_id is None else key(table[row_id - 1].values[column])


def parsed(row: Row) -> dict[str, Any] | None:
    """The values of a row; None where one of them is no value of its column."""
    text = {name: row.get(name) or None for name in FIELDS}
    name = text["name"]
    if name is None or not name.strip() or name.lower() in NOTHING:
        return None
    numbers = {name: (text[name] or "").strip(" ") or None for name in ("price", "quantity")}
    price, quantity = numbers["price"], numbers["quantity"]
    if price is not None and not PRICE.fullmatch(price):
        return None
    if quantity is not None and not (
        QUANTITY.fullmatch(quantity) and -(2**31) <= int(quantity) < 2**31
    ):
        return None
    return {
        **text,
        "price": None if price is None else Decimal(price),
        "quantity": None if quantity is None else int(quantity),
    }


def grouped(rows: Mapping[int, dict[str, Any]], by: Any) -> list[list[int]]:
    """The numbers of the rows with the same key, in their order."""
    groups: dict[Any, list[int]] = {}
    for n, row in rows.items():
        groups.setdefault(by(row), []).append(n)
    return list(groups.values())
