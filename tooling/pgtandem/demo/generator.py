"""Realistic, dirty rows for the demo's flat table `tblproduct`, the same ones every time.

The rows depend on the seed alone: on `random.Random(seed).random()`, whose sequence Python keeps
from version to version, and on no hash order, locale, clock or library. The first n rows are the
same whatever the count, so a small run is the beginning of a large one.

What is dirty about them: names repeated over versions, catalogs and configurations; the same name
in another case, with doubled, trailing or non-breaking blanks or with combining marks; missing
(NULL) and blank values; zero and missing prices; several currencies; CJK, emoji, control and format
characters; SKUs given twice; JSON from nothing to 20 KB; and one blank ProductName in 5,000 rows,
which the migration must reject (see `blank_names`).
"""

from __future__ import annotations

import datetime
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

SEED: Final = 20240229
BLANK_NAME_EVERY: Final = 5000
"""One row in so many has a blank ProductName."""
_BLANK_NAME_AT: Final = 777

_EPOCH: Final = datetime.datetime(2016, 1, 4, 8, 0, tzinfo=datetime.UTC)


class ProductRow(NamedTuple):
    """A row of tblproduct without its key, which the table gives. Amount has two decimals."""

    product_name: str
    version: str | None
    catalog_name: str | None
    config_name: str | None
    sku: str | None
    config_data: str | None
    status: str | None
    amount: str | None
    currency: str | None
    created_at: str
    updated_at: str


COLUMNS: Final = (
    "productname",
    "version",
    "catalogname",
    "configname",
    "sku",
    "configdata",
    "status",
    "amount",
    "currency",
    "createdat",
    "updatedat",
)
"""The columns of a ProductRow in the table, in the row's order."""

_BRANDS: Final = (
    "Acme", "Nordlys", "Café Père", "Müller & Söhne", "Øresund", "Kōbō", "東芝電機", "Samsara",
    "O'Neill", "Żubr", "Ångström", "Ferro", "BlueOak", "Señor Taller", "华光", "Иркут", "Kyrö",
    'The "Quiet" Co.', "Back\\Slash Labs", "Tab & Co",
)  # fmt: skip
_KINDS: Final = (
    "Desk Lamp", "Office Chair", "Headset", "Coffee Grinder", "Trail Shoe", "Rain Jacket", "Drill",
    "Monitor 27\"", "Keyboard", "Bicycle Helmet", "Water Bottle", "Backpack", "Tent", "Speaker",
    "Bücherregal", "Théière", "ヘッドホン", "茶壶", "Mug ☕", "Router", "SSD", "Notebook A5",
)  # fmt: skip
_LINES: Final = ("", "", "", " Pro", " Lite", " XL", " Classic", " 2000", " (refurbished)", " ™")
_COLOURS: Final = (
    "Black", "White", "Red", "Navy", "Forest Green", "Sand", "Rosé", "灰色", "Transparent",
)  # fmt: skip
_SIZES: Final = ("S", "M", "L", "XL", "38", "41½", "500 ml", "1 TB", "2,5 m", "One size")
_CATALOGS: Final = (
    "Retail", "Wholesale", "B2B", "Online", "Outlet", "Nordics", "日本", "Été 2023", "retail",
)  # fmt: skip
_VERSIONS: Final = ("1", "1", "1", "2", "2", "3", "1.0", "1.1", "v2", "2022", "2023", "2024-β")
_STATUSES: Final = (
    "active", "active", "active", "active", "active", "draft", "discontinued", "out of stock",
    "ACTIVE", "pre-order",
)  # fmt: skip
_CURRENCIES: Final = ("USD", "USD", "USD", "USD", "USD", "EUR", "EUR", "GBP", "JPY", "SEK")
_ENDINGS: Final = ("00", "99", "99", "95", "50", "49", "10", "05")
_DECOMPOSED: Final = (("é", "e\u0301"), ("ü", "u\u0308"), ("ö", "o\u0308"), ("Å", "A\u030a"))
_TAGS: Final = ('["new"]', '["new", "sale"]', '["sale", "ökö"]', '["new", "sale", "🎁"]')
_LONG_WORDS: Final = (
    "durable", "washable", "recycled", "ünïque", "軽い", "matt", "brushed", "two-year", "warranty",
)  # fmt: skip


def rows(count: int, seed: int = SEED) -> Iterator[ProductRow]:
    """Yield `count` rows; the first n of them are the same for every count."""
    draw = random.Random(seed).random
    known = 0
    for number in range(count):
        # A fifth of the rows starts a new product; the others go to the known ones, the older
        # a product the more often: a few names come up hundreds of times.
        if known == 0 or draw() < 0.2:
            product = known
            known += 1
        else:
            product = int(known * draw() ** 1.6)
        yield _row(number, product, draw)


def _row(number: int, product: int, draw: Callable[[], float]) -> ProductRow:
    currency = _pick(_CURRENCIES, draw())
    amount = _amount(draw(), draw(), currency)
    unpriced = draw() < 0.3 and amount is None
    colour, size = _pick(_COLOURS, draw()), _pick(_SIZES, draw())
    created = _EPOCH + datetime.timedelta(minutes=number * 20, seconds=int(draw() * 1200))
    updated = created + datetime.timedelta(hours=int(draw() ** 3 * 9000))
    return ProductRow(
        _blank(number) if is_blank_name(number) else _name(product, draw),
        _missing(_pick(_VERSIONS, draw()), draw(), 0.05),
        _missing(_pick(_CATALOGS, draw()), draw(), 0.06),
        _missing(f"{colour} / {size}", draw(), 0.08),
        _sku(number, product, draw()),
        _config(number, colour, size, draw),
        _missing(_pick(_STATUSES, draw()), draw(), 0.02),
        amount,
        None if unpriced else currency,
        created.isoformat(),
        updated.isoformat(),
    )


def _pick(values: tuple[str, ...], chance: float) -> str:
    return values[int(len(values) * chance)]


def _missing(value: str, chance: float, rate: float) -> str | None:
    """The value, or with the given rate NULL, an empty string or blanks."""
    if chance >= rate:
        return value
    if chance < rate * 0.7:
        return None
    return "" if chance < rate * 0.9 else "   "


def _name(product: int, draw: Callable[[], float]) -> str:
    """A product's name, in 3 of 100 rows nearly the same name instead."""
    # The steps share no factor with the lists' lengths: all combinations come up.
    brand = _BRANDS[product * 7 % len(_BRANDS)]
    kind = _KINDS[product * 5 % len(_KINDS)]
    line = _LINES[product * 3 // 7 % len(_LINES)]
    name = f"{brand} {kind}{line} {product // 3 + 100}"
    chance = draw()
    if chance < 0.03:
        name = _nearly(name, chance / 0.03)
    return name


def _nearly(name: str, chance: float) -> str:
    """The same name as a careless clerk or another system writes it."""
    if chance < 0.2:
        return name.lower()
    if chance < 0.3:
        return name.upper()
    if chance < 0.45:
        return name.replace(" ", "  ", 1)
    if chance < 0.6:
        return name + " "
    if chance < 0.7:
        return " " + name
    if chance < 0.8:
        return name.replace(" ", "\u00a0")
    if chance < 0.9:
        for composed, decomposed in _DECOMPOSED:
            name = name.replace(composed, decomposed)
        return name
    if chance < 0.95:
        return name + "\u200b"
    if chance < 0.98:
        return name.replace(" ", "\t", 1)
    return name + " 👩\u200d🔧"


def is_blank_name(number: int) -> bool:
    """Whether the row with this number (from 0) has a blank ProductName."""
    return number % BLANK_NAME_EVERY == _BLANK_NAME_AT


def _blank(number: int) -> str:
    return "" if number // BLANK_NAME_EVERY % 2 == 0 else "   "


def blank_names(count: int) -> int:
    """How many of the first `count` rows have a blank ProductName and must be rejected."""
    return (count - _BLANK_NAME_AT - 1) // BLANK_NAME_EVERY + 1 if count > _BLANK_NAME_AT else 0


def _sku(number: int, product: int, chance: float) -> str | None:
    if chance < 0.1:
        return None
    if chance < 0.11:
        return ""
    if chance < 0.13:  # the same SKU for all configurations of a product
        return f"P{product:06d}"
    return f"P{product:06d}-{number:07d}"


def _amount(kind: float, size: float, currency: str) -> str | None:
    if kind < 0.08:
        return None
    if kind < 0.09:
        return "0.00"
    if kind < 0.092:
        return "0.01"
    if kind < 0.0922:
        return "999999999999.99"
    whole = int(1.0 / (1.0 - size * 0.9995) * 9)
    if currency == "JPY":
        return f"{whole * 100}.00"
    return f"{whole}.{_pick(_ENDINGS, kind)}"


def _config(number: int, colour: str, size: str, draw: Callable[[], float]) -> str | None:
    chance = draw()
    if chance < 0.07:
        return None
    if chance < 0.08:
        return "{}"
    if chance < 0.083:
        return "null"
    if chance < 0.086:
        return '["colour", "size"]'
    # Written by hand, because json.dumps would take half of the time; no value needs an escape.
    data = f'"colour": "{colour}", "size": "{size}", "weight_g": {int(draw() * 5000)}'
    if chance < 0.3:
        width, height = int(draw() * 300), int(draw() * 300)
        data += f', "dimensions": {{"w": {width / 10}, "h": {height / 10}}}'
    if chance < 0.2:
        data += f', "tags": {_TAGS[int(draw() * 4)]}'
    if chance > 0.9995:  # 2 KB to 20 KB
        words = int(250 * (1 + draw() * 9))
        text = " ".join(_LONG_WORDS[(number + i * i) % len(_LONG_WORDS)] for i in range(words))
        data += f', "description": "{text}"'
    return f"{{{data}}}"


def digest(some: Iterable[ProductRow]) -> str:
    """SHA-256 over rows, in hexadecimal; tests compare it with a recorded one."""
    sha = hashlib.sha256()
    for row in some:
        sha.update(json.dumps(row, ensure_ascii=True).encode())
        sha.update(b"\n")
    return sha.hexdigest()


def copy_rows(
    conn: psycopg.Connection[object],
    count: int,
    *,
    seed: int = SEED,
    table: sql.Identifier | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """COPY `count` rows into the flat table; return the count.

    `table` is tblproduct by default, found by the session's search_path. `progress` gets the rows
    so far, each 5,000. One statement: with an error nothing is there.
    """
    statement = sql.SQL("copy {} ({}) from stdin").format(
        table or sql.Identifier("tblproduct"),
        sql.SQL(", ").join(map(sql.Identifier, COLUMNS)),
    )
    source = rows(count, seed)
    done = 0
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        while chunk := list(islice(source, 5000)):
            for row in chunk:
                copy.write_row(row)
            done += len(chunk)
            if progress is not None:
                progress(done)
    return done
