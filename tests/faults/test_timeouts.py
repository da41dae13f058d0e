"""Locks, timeouts and deadlocks thrown at a migration, a rollback and the programs beside them."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from faults.shops import ROWS
from support.databases import Database
from support.programs import assert_nothing_left_behind, assert_nothing_lost, connect, writing
from support.shop import assert_in_step, one

TABLES = ("tblproduct", "tblconfig", "tblcatalog", "tblbaseproduct", "tblconfigprice")
ROUNDS = 4


class Troublemaker(threading.Thread):
    """Holds tables and rows of both sides for moments, in random order: waits and deadlocks."""

    def __init__(self, dsn: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.dsn, self.random, self.stop = dsn, random.Random(seed), threading.Event()
        self.met: dict[str, int] = {}

    def run(self) -> None:
        with psycopg.connect(self.dsn) as conn:
            while not self.stop.is_set():
                try:
                    self._hold(conn)
                    conn.commit()
                except psycopg.Error as error:
                    self.met[str(error.sqlstate)] = self.met.get(str(error.sqlstate), 0) + 1
                    conn.rollback()
                time.sleep(self.random.uniform(0, 0.1))

    def _hold(self, conn: psycopg.Connection) -> None:
        timeout = self.random.choice(["20ms", "200ms", "2s"])
        conn.execute(f"set local lock_timeout = '{timeout}'".encode())
        if self.random.random() < 0.3:
            table = self.random.choice(TABLES)
            conn.execute(f"lock table {table} in share row exclusive mode".encode())
        else:
            for _ in range(self.random.randrange(2, 6)):
                key = self.random.randrange(1, ROWS + 1)
                query = self.random.choice(
                    [
                        "select 1 from tblproduct where productid = %s for update",
                        "select 1 from tblconfig where name = 'c' || %s for update",
                        "select 1 from tblbaseproduct where name = 'Product ' || %s / 3 for update",
                    ]
                )
                conn.execute(query.encode(), (key,))
                time.sleep(self.random.uniform(0, 0.05))
        time.sleep(self.random.uniform(0, 0.3))


@contextmanager
def trouble(shop: Database, seed: int) -> Iterator[list[Troublemaker]]:
    makers = [Troublemaker(shop.owner_dsn, seed + number) for number in range(3)]
    for maker in makers:
        maker.start()
    try:
        yield makers
    finally:
        for maker in makers:
            maker.stop.set()
        for maker in makers:
            maker.join(30)


@pytest.mark.faults
def test_locks_timeouts_and_deadlocks_lose_nothing(
    shop: Database, record_property: Callable[[str, object], None]
) -> None:
    """A run gives way and tries again; where it gives up, the same call goes on."""
    seed = int(os.environ.get("PGTANDEM_SEED") or random.SystemRandom().randrange(10**6))
    rnd = random.Random(seed)
    met: dict[str, int] = {}
    for turn in range(ROUNDS):
        verbs = (
            "call tandem.rollback('products', 'remove')",
            "call tandem.migrate('products', p_batch_rows => 100)",
        )
        with trouble(shop, seed + 100 * turn) as makers, connect(shop.owner_dsn) as conn:
            for verb in verbs:
                sides = ("old",) if "rollback" in verb else ("old", "new")
                with writing(shop, ROWS, seed + turn, sides) as writers:
                    for _ in range(60):
                        timeout = rnd.choice(["0", "150ms", "600ms"])
                        conn.execute(f"set statement_timeout = '{timeout}'".encode())
                        try:
                            conn.execute(verb.encode())
                            break
                        except psycopg.Error as error:
                            assert error.sqlstate in ("57014", "55P03", "40P01"), error
                            met[str(error.sqlstate)] = met.get(str(error.sqlstate), 0) + 1
                    conn.execute("set statement_timeout = 0")
                    conn.execute(verb.encode())
        for maker in makers:
            for code, count in maker.met.items():
                met[code] = met.get(code, 0) + count
        with connect(shop.owner_dsn) as conn:
            assert one(conn, "select phase from tandem.mapping") == "migrated"
            assert_in_step(conn)
            assert_nothing_left_behind(conn)
            assert_nothing_lost(conn, writers, f"PGTANDEM_SEED={seed}, turn {turn}")
    record_property("told", f"timeouts and deadlocks met: {met}, PGTANDEM_SEED={seed}")
