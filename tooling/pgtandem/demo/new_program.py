"""The demo's new program: writes the hierarchy's tables and does not know that tblproduct exists.

    PGTANDEM_DEMO_DSN=... python -m pgtandem.demo.new_program [--rate 50] [--workers 1]

It renames products, changes a configuration's status, adds prices, adds and deletes
configurations; see `pgtandem.demo.openloop` for how it is steered and what it prints.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import psycopg

from pgtandem.demo.openloop import Mismatch, OpenLoop, serve

DSN_VARIABLE: Final = "PGTANDEM_DEMO_DSN"
SAMPLE: Final = 2000


class Clerk:
    """One worker of the new program, with its own session."""

    def __init__(self, dsn: str, number: int) -> None:
        self._dsn = dsn
        self._number = number
        self._made = 0
        self._own: list[UUID] = []
        self._conn = self._connect()
        self._bases = self._sample("select baseproductid from tblbaseproduct limit %s")
        self._catalogs = self._sample("select catalogid from tblcatalog limit %s")
        self._configs = self._sample("select configid from tblconfig limit %s")
        if not (self._bases and self._catalogs and self._configs):
            raise SystemExit("new_program: the hierarchy is empty; migrate first.")

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self._dsn, autocommit=True, application_name="new_program")

    def _sample(self, query: str) -> list[UUID]:
        with self._conn.cursor() as cursor:
            cursor.execute(query.encode(), (SAMPLE,))
            return [row[0] for row in cursor.fetchall()]

    def one(self, draw: random.Random) -> str:
        """Four tenths prices, three tenths status, a tenth each renames, inserts, deletes."""
        chance = draw.random()
        if chance < 0.4:
            return self._add_price(draw.choice(self._own or self._configs), draw)
        if chance < 0.7:
            return self._set_status(draw.choice(self._configs), draw)
        if chance < 0.8:
            return self._rename(draw)
        if chance < 0.9 or not self._own:
            return self._insert(draw)
        return self._delete(draw)

    def _rename(self, draw: random.Random) -> str:
        name = f"New program {self._number} renamed {draw.getrandbits(60):x}"
        done = self._conn.execute(
            "update tblbaseproduct set name = %s where baseproductid = %s",
            (name, draw.choice(self._bases)),
        )
        return "rename" if done.rowcount else "miss"

    def _set_status(self, config: UUID, draw: random.Random) -> str:
        done = self._conn.execute(
            "update tblconfig set status = %s where configid = %s",
            (draw.choice(("active", "paused", "retired")), config),
        )
        return "status" if done.rowcount else "miss"

    def _add_price(self, config: UUID, draw: random.Random) -> str:
        with self._conn.transaction():
            # Locked first, so that nobody deletes it meanwhile.
            found = self._conn.execute(
                "select from tblconfig where configid = %s for update", (config,)
            )
            if not found.rowcount:
                return "miss"
            self._conn.execute(
                "insert into tblconfigprice (configid, amount, currency, effectivefrom) "
                "values (%s, %s, 'EUR', clock_timestamp())",
                (config, Decimal(draw.randrange(100_000)) / 100),
            )
        return "price"

    def _insert(self, draw: random.Random) -> str:
        self._made += 1
        row = self._conn.execute(
            "insert into tblconfig (catalogid, name, sku, attributes, status) "
            "values (%s, %s, %s, '{\"by\": \"new program\"}', 'active') returning configid",
            (
                draw.choice(self._catalogs),
                f"New configuration {self._made}",
                f"NEW-{self._number}-{self._made}",
            ),
        ).fetchone()
        if row is None:
            raise Mismatch("an inserted configuration was not returned")
        self._own.append(row[0])
        return "insert"

    def _delete(self, draw: random.Random) -> str:
        config = self._own[place := draw.randrange(len(self._own))]
        done = self._conn.execute("delete from tblconfig where configid = %s", (config,))
        del self._own[place]
        if done.rowcount != 1:
            raise Mismatch(f"the own configuration {config} is gone")
        return "delete"

    def recover(self) -> None:
        """Open a new session where the old one is broken."""
        if self._conn.broken or self._conn.closed:
            self._conn = self._connect()

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._conn.close()


def sqlstate(error: Exception) -> str | None:
    """The SQLSTATE that the database gave, if it was the database."""
    return error.sqlstate if isinstance(error, psycopg.Error) else None


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50, help="operations a second, all workers")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="stop by itself after this time")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dsn = os.environ.get(DSN_VARIABLE, "")
    workers = [Clerk(dsn, number) for number in range(arguments.workers)]
    loop = OpenLoop("new_program", workers, arguments.rate, sqlstate, seed=arguments.seed)
    serve(loop, arguments.seconds)


if __name__ == "__main__":
    main()
