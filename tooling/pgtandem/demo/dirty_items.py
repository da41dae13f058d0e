"""A dirty file for the demo's import, the same one every time, and what must become of its rows.

What is dirty about it: colours in other cases and with blanks, rows without a name, prices that are
no numbers, and variants that stand in it twice with another price.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROWS: Final = 5000
HEADER: Final = ("Title", "Description", "Color", "Size", "SKU", "Price", "Quantity")
FIELD: Final = "name=Title"
REPAIRED_PRICE: Final = "9.90"

_COLORS: Final = ("Red", "Navy Blue", "Bottle Green", "Black", "Sand")
_SPELLINGS: Final = (str, str.upper, str.lower, " {} ".format)
_SIZES: Final = ("S", "M", "L", "")
_NO_NAME_EVERY: Final = 250
_NO_PRICE_EVERY: Final = 100
_TWICE_EVERY: Final = 40
_ROWS_PER_ITEM: Final = 20


@dataclass(frozen=True)
class Expected:
    """What becomes of the rows of the file in empty tables."""

    inserted: int
    superseded: int
    failed: int
    items: int
    repairs: int


def write_items(path: Path) -> Expected:
    """Write the file."""
    items, variants = set(), set()
    failed = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for row in _rows():
            writer.writerow(row)
            name, _, color, size, _, price, _ = row
            if not name or price == "on request":
                failed += 1
                continue
            items.add(name)
            variants.add((name, color.strip().lower(), size))
    return Expected(len(variants), ROWS - failed - len(variants), failed, len(items), 2)


def repair(path: Path) -> None:
    """What a person does with the file of failed rows: names and prices where they are missing."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["Title"] = row["Title"] or f"Found again {row['import_line']}"
        if row["import_column"] == "price":
            row["Price"] = REPAIRED_PRICE
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _rows() -> Iterator[tuple[str, ...]]:
    for number in range(ROWS):
        # a row of a variant that the row before has already, with another price
        place = number - 1 if number % _TWICE_EVERY == _TWICE_EVERY - 1 else number
        item, variant = divmod(place, _ROWS_PER_ITEM)
        color = _SPELLINGS[number % len(_SPELLINGS)](_COLORS[variant % len(_COLORS)])
        size = _SIZES[variant // len(_COLORS)]
        name, price = f"Trail Jacket {item + 1}", f"{10 + number % 90}.{number % 100:02}"
        if number % _NO_NAME_EVERY == 7:
            name = ""
        elif number % _NO_PRICE_EVERY == 13:
            name, price = f"Lone Jacket {number}", "on request"
        yield name, f"Item {item + 1}", color, size, f"TJ-{place}", price, str(number % 30)
