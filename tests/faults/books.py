"""A program of both sides that keeps books: what it wrote, in plain Python, by sku.

A program owns its rows and products, so its books are exact whatever others do meanwhile. They
know nothing of the sync: what an old program changes is expected of both sides, and so is what a
new one changes. Prices are a pile: whoever sets one adds to it (an old program once a transaction:
its second price replaces its first), whoever deletes the one in force takes it off.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from support.databases import Database

CURRENCIES = ("USD", "EUR", "CHF")


@dataclass(frozen=True, slots=True)
class Item:
    """What both sides should say of one sku; `notes` the new side alone, and the flat one alone
    has a `currency` where there is no price yet."""

    product: str
    version: str
    catalog: str
    config: str
    status: str
    attributes: str = "null"
    notes: str | None = None
    currency: str | None = None
    prices: tuple[tuple[int, str | None], ...] = ()

    @property
    def price(self) -> tuple[int | None, str | None]:
        return self.prices[-1] if self.prices else (None, None)


Books = dict[str, Item]
Work = Callable[[psycopg.Connection, Books], int]
"""Writes to the database and to the books alike; returns how many rows the statement wrote."""


def with_text(item: Item, what: str, value: str) -> Item:
    """The same with another value of a text column."""
    texts: dict[str, Any] = {what: value}
    return replace(item, **texts)


def values(*types: str) -> str:
    """Rows given as one array a column: the columns are a, b, c, ..."""
    arrays = ", ".join(f"%s::{name}[]" for name in types)
    return f"unnest({arrays}) as v ({', '.join('abcdefgh'[: len(types)])})"


@dataclass(repr=False)
class Program:
    """One program, which runs till it has written so many rows."""

    shop: Database
    number: int
    seed: int
    rows: int
    books: Books = field(default_factory=dict)
    migrated: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    written: int = 0
    statements: int = 0
    priced: set[str] = field(default_factory=set)
    """Rows whose price in force is of this transaction."""
    early: set[str] | None = None
    """Rows older than the end of the migration: how many prices they had till then is not known, as
    one that is replaced before its row is migrated leaves no trace."""

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.seed} {self.number}")
        self._names = self._count()

    def _count(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"{self.number}-{number}"

    def run(self) -> None:
        with (
            closing(psycopg.connect(self.shop.old_app_dsn, autocommit=True)) as old,
            closing(psycopg.connect(self.shop.new_app_dsn, autocommit=True)) as new,
        ):
            while self.written < self.rows and not self.stop.is_set():
                self._turn(old, new)

    def _turn(self, old: psycopg.Connection, new: psycopg.Connection) -> None:
        """A statement of its own, or a transaction of a few, which may be rolled back."""
        if self.early is None and self.migrated.is_set():
            self.early = set(self.books)
            self.books = {k: replace(one, prices=one.prices[-1:]) for k, one in self.books.items()}
        is_old = self.early is None or self.random.random() < 0.5
        conn, choices, weights = (old, OLD, OLD_WEIGHTS) if is_old else (new, NEW, NEW_WEIGHTS)
        chosen = self.random.random()
        self.priced = set()
        if chosen < 0.9:
            (work,) = self.random.choices(choices, weights)
            self.written += work(self, conn, self.books)
            self.statements += 1
            return
        books = dict(self.books)
        works = self.random.choices(choices, weights, k=self.random.randint(1, 4))
        with conn.transaction(force_rollback=chosen > 0.97):
            count = sum(work(self, conn, books) for work in works)
        self.statements += len(works)
        if chosen <= 0.97:
            self.books = books
            self.written += count

    # --- what is chosen ---------------------------------------------------------------------------

    def fill(self, conn: psycopg.Connection, rows: int) -> None:
        """The rows that the shop has before anything runs."""
        while len(self.books) < rows:
            self._insert_flat(conn, self.books, 500)

    def _size(self) -> int:
        """Mostly one row, sometimes hundreds."""
        chosen = self.random.random()
        if chosen < 0.65:
            return 1
        return self.random.randint(2, 20) if chosen < 0.85 else self.random.randint(100, 300)

    def _some(self, books: Books) -> list[str]:
        return self.random.sample(self._skus(books), min(self._size(), len(books)))

    def _skus(self, books: Books) -> list[str]:
        return list(books)

    def _chain(self, books: Books) -> tuple[str, str, str]:
        """Names of parents: of a row that there is, new ones, or those that all programs share."""
        chosen = self.random.random()
        if chosen < 0.1 or not books:
            name = next(self._names)
            return f"p {name}", f"v {name}", f"c {name}"
        if chosen < 0.2:
            return "shared", "1", f"c {self.random.randrange(4)}"
        item = books[self.random.choice(self._skus(books))]
        if chosen < 0.3 and item.product != "shared":
            return item.product, item.version, f"c {next(self._names)}"
        return item.product, item.version, item.catalog

    def _own(self, books: Books) -> Item | None:
        """A row whose parents are this program's alone."""
        for sku in self.random.sample(self._skus(books), min(20, len(books))):
            if books[sku].product != "shared":
                return books[sku]
        return None

    def _amount(self) -> int:
        return self.random.randrange(1, 10**9)

    # --- the old side -----------------------------------------------------------------------------

    def _change_flat(self, conn: psycopg.Connection, books: Books) -> int:
        skus = self._some(books)
        what = self.random.choice(("status", "configname"))
        new = [f"s{self.random.randrange(10**6)}" for _ in skus]
        done = self._update(
            conn,
            f"update tblproduct as t set {what} = v.b from {values('text', 'text')}"
            " where t.sku = v.a",
            skus,
            new,
        )
        for sku, value in zip(skus, new, strict=True):
            books[sku] = with_text(books[sku], "status" if what == "status" else "config", value)
        return done

    def _price_flat(self, conn: psycopg.Connection, books: Books) -> int:
        skus = self._some(books)
        amounts = [self._amount() for _ in skus]
        done = self._update(
            conn,
            f"update tblproduct as t set amount = v.b from {values('text', 'numeric')}"
            " where t.sku = v.a",
            skus,
            amounts,
        )
        for sku, amount in zip(skus, amounts, strict=True):
            item = books[sku]
            price = (amount, item.price[1] or item.currency)
            earlier = item.prices[:-1] if sku in self.priced else item.prices
            books[sku] = replace(item, prices=(*earlier, price))
        self.priced.update(skus)
        return done

    def _move_flat(self, conn: psycopg.Connection, books: Books) -> int:
        skus = self._some(books)
        chains = [self._chain(books) for _ in skus]
        done = self._update(
            conn,
            "update tblproduct as t set productname = v.b, version = v.c, catalogname = v.d"
            f" from {values('text', 'text', 'text', 'text')} where t.sku = v.a",
            skus,
            *([chain[n] for chain in chains] for n in range(3)),
        )
        for sku, (product, version, catalog) in zip(skus, chains, strict=True):
            books[sku] = replace(books[sku], product=product, version=version, catalog=catalog)
        return done

    def _insert_flat(self, conn: psycopg.Connection, books: Books, size: int = 0) -> int:
        added: Books = {}
        for _ in range(size or self._size()):
            product, version, catalog = self._chain(books)
            currency = self.random.choice((*CURRENCIES, None))
            priced = self.random.random() < 0.8
            added[f"sku {next(self._names)}"] = Item(
                product,
                version,
                catalog,
                "new",
                "fresh",
                json.dumps(self._amount()),
                currency=currency,
                prices=((self._amount(), currency),) if priced else (),
            )
        items = list(added.values())
        done = self._update(
            conn,
            "insert into tblproduct (sku, productname, version, catalogname, amount, currency,"
            " configdata, configname, status) select v.*, 'new', 'fresh'"
            f" from {values('text', 'text', 'text', 'text', 'numeric', 'char(3)', 'jsonb')}",
            list(added),
            [one.product for one in items],
            [one.version for one in items],
            [one.catalog for one in items],
            [one.price[0] for one in items],
            [one.currency for one in items],
            [one.attributes for one in items],
        )
        books.update(added)
        self.priced.update(sku for sku, item in added.items() if item.prices)
        return done

    def _delete_flat(self, conn: psycopg.Connection, books: Books) -> int:
        return self._delete(conn, books, "delete from tblproduct where sku = any (%s)")

    # --- the new side -----------------------------------------------------------------------------

    def _change_config(self, conn: psycopg.Connection, books: Books) -> int:
        skus = self._some(books)
        what = self.random.choice(("status", "attributes", "notes"))
        new = [str(self.random.randrange(10**6)) for _ in skus]
        cast = "::jsonb" if what == "attributes" else ""
        done = self._update(
            conn,
            f"update tblconfig as t set {what} = v.b{cast} from {values('text', 'text')}"
            " where t.sku = v.a",
            skus,
            new,
        )
        for sku, value in zip(skus, new, strict=True):
            books[sku] = with_text(books[sku], what, value)
        return done

    def _price_config(self, conn: psycopg.Connection, books: Books) -> int:
        skus = self._some(books)
        amounts = [self._amount() for _ in skus]
        currency = self.random.choice(CURRENCIES)
        done = self._update(
            conn,
            "insert into tblconfigprice (priceid, configid, amount, currency, effectivefrom)"
            " select gen_random_uuid(), t.configid, v.b, v.c, clock_timestamp()"
            f" from {values('text', 'numeric', 'char(3)')} join tblconfig as t on t.sku = v.a",
            skus,
            amounts,
            [currency] * len(skus),
        )
        for sku, amount in zip(skus, amounts, strict=True):
            books[sku] = replace(books[sku], prices=(*books[sku].prices, (amount, currency)))
        return done

    def _unprice_config(self, conn: psycopg.Connection, books: Books) -> int:
        skus = [sku for sku in self._some(books) if len(books[sku].prices) > 1]
        done = self._update(
            conn,
            "delete from tblconfigprice where priceid in (select last.priceid from tblconfig as t"
            " cross join lateral (select p.priceid from tblconfigprice as p"
            " where p.configid = t.configid order by p.effectivefrom desc limit 1) as last"
            " where t.sku = any (%s))",
            skus,
        )
        for sku in skus:
            books[sku] = replace(books[sku], prices=books[sku].prices[:-1])
        return done

    def _rename(self, conn: psycopg.Connection, books: Books) -> int:
        """A product, a version or a catalog: all rows below have the new name on both sides."""
        item = self._own(books)
        if item is None:
            return 0
        depth = self.random.randrange(3)
        name = f"r {next(self._names)}"
        done = self._update(
            conn,
            RENAMES[depth],
            name,
            *(item.product, item.version, item.catalog)[: depth + 1],
            rows=1,
        )
        before = (item.product, item.version, item.catalog)[: depth + 1]
        part = ("product", "version", "catalog")[depth]
        for sku, other in books.items():
            if (other.product, other.version, other.catalog)[: depth + 1] == before:
                books[sku] = with_text(other, part, name)
        return done

    def _move_config(self, conn: psycopg.Connection, books: Books) -> int:
        skus = self._some(books)
        chain = books[self.random.choice(self._skus(books))]
        names = (chain.product, chain.version, chain.catalog)
        done = self._update(
            conn,
            f"update tblconfig set catalogid = ({CATALOG}) where sku = any (%s)",
            *names,
            skus,
            rows=len(skus),
        )
        for sku in skus:
            books[sku] = replace(books[sku], product=names[0], version=names[1], catalog=names[2])
        return done

    def _insert_config(self, conn: psycopg.Connection, books: Books) -> int:
        skus = [f"sku {next(self._names)}" for _ in range(self._size())]
        chain = books[self.random.choice(self._skus(books))]
        names = (chain.product, chain.version, chain.catalog)
        done = self._update(
            conn,
            "insert into tblconfig (configid, catalogid, sku, name, status, notes)"
            f" select gen_random_uuid(), ({CATALOG}), v.a, 'born', 'new', 'kept'"
            f" from {values('text')}",
            *names,
            skus,
            rows=len(skus),
        )
        for sku in skus:
            books[sku] = Item(*names, "born", "new", notes="kept", currency="USD")
        return done

    def _delete_config(self, conn: psycopg.Connection, books: Books) -> int:
        return self._delete(conn, books, "delete from tblconfig where sku = any (%s)")

    # --- both -------------------------------------------------------------------------------------

    def _delete(self, conn: psycopg.Connection, books: Books, query: str) -> int:
        """Never so many that none is left."""
        skus = self._some(books) if len(books) > 1000 else []
        done = self._update(conn, query, skus)
        for sku in skus:
            del books[sku]
        return done

    def _update(
        self, conn: psycopg.Connection, query: str, *arguments: Any, rows: int | None = None
    ) -> int:
        """Run a statement, which must write as many rows as the first argument has."""
        done = conn.execute(query.encode(), arguments).rowcount
        wanted = len(arguments[0]) if rows is None else rows
        assert done == wanted, f"{done} rows in place of {wanted}: {query}"
        return done


CATALOG = (
    "select c.catalogid from tblcatalog as c join tblproductversion as n using (versionid)"
    " join tblbaseproduct as b using (baseproductid)"
    " where b.name = %s and n.version = %s and c.name = %s"
)
RENAMES = (
    "update tblbaseproduct set name = %s where name = %s",
    "update tblproductversion as n set version = %s from tblbaseproduct as b"
    " where b.baseproductid = n.baseproductid and b.name = %s and n.version = %s",
    "update tblcatalog as c set name = %s from tblproductversion as n, tblbaseproduct as b"
    " where n.versionid = c.versionid and b.baseproductid = n.baseproductid"
    " and b.name = %s and n.version = %s and c.name = %s",
)
Kind = Callable[[Program, psycopg.Connection, Books], int]
OLD: tuple[Kind, ...] = (
    Program._change_flat,
    Program._price_flat,
    Program._move_flat,
    Program._insert_flat,
    Program._delete_flat,
)
OLD_WEIGHTS = (40, 25, 15, 10, 10)
NEW: tuple[Kind, ...] = (
    Program._change_config,
    Program._price_config,
    Program._unprice_config,
    Program._rename,
    Program._move_config,
    Program._insert_config,
    Program._delete_config,
)
NEW_WEIGHTS = (40, 20, 8, 4, 10, 9, 9)
