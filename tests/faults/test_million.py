"""A million writes of old and new programs, and books in Python of what both sides must hold.

The first part runs while the rows are migrated. PGTANDEM_WRITES says how many rows are written
(1,000,000), PGTANDEM_SEED repeats what each program tries.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

import psycopg
import pytest

from faults.books import Books, Program
from faults.shops import own_shop
from support.programs import assert_nothing_left_behind, connect
from support.shop import assert_in_step, migrate, one

WRITES = int(os.environ.get("PGTANDEM_WRITES", "1000000"))
SECONDS_AT_MOST = 3600
PROGRAMS = 3
ROWS = 6000
"""Of each program, at the beginning."""

FLAT = (
    "select sku, productname, version, catalogname, configname, status,"
    " coalesce(configdata::text, 'null'), amount, case when amount is not null then currency end"
    " from tblproduct"
)
HIERARCHY = (
    "select t.sku, b.name, n.version, c.name, t.name, t.status,"
    " coalesce(t.attributes::text, 'null'), p.amount, p.currency, t.notes, p.prices"
    " from tblconfig as t join tblcatalog as c using (catalogid)"
    " join tblproductversion as n using (versionid) join tblbaseproduct as b using (baseproductid)"
    " left join lateral (select (array_agg(amount order by effectivefrom desc))[1] as amount,"
    " (array_agg(currency order by effectivefrom desc))[1] as currency, count(*) as prices"
    " from tblconfigprice where configid = t.configid) as p on true"
)


def assert_held(conn: psycopg.Connection, books: Books, early: set[str]) -> None:
    """Each side holds what is in the books, and nothing else."""
    flat = conn.execute(FLAT.encode()).fetchall()
    hierarchy = conn.execute(HIERARCHY.encode()).fetchall()
    expected = {
        sku: (one.product, one.version, one.catalog, one.config, one.status, one.attributes)
        for sku, one in books.items()
    }
    assert len(flat) == len(hierarchy) == len(books)
    assert {sku: tuple(rest[:6]) for sku, *rest in flat} == expected
    assert {sku: tuple(rest[:6]) for sku, *rest in hierarchy} == expected
    prices = {sku: item.price for sku, item in books.items()}
    assert {sku: tuple(rest[6:]) for sku, *rest in flat} == prices
    assert {sku: tuple(rest[6:8]) for sku, *rest in hierarchy} == prices
    assert {sku: rest[8] for sku, *rest in hierarchy} == {
        sku: item.notes for sku, item in books.items()
    }
    counts = {sku: len(item.prices) for sku, item in books.items()}
    more = {sku for sku, *rest in hierarchy if rest[9] > counts[sku]}
    fewer = {sku for sku, *rest in hierarchy if rest[9] < counts[sku]}
    assert (more - early, fewer) == (set(), set())


@pytest.mark.faults
def test_a_million_writes_of_both_sides_are_all_there(
    record_property: Callable[[str, object], None],
) -> None:
    seed = int(os.environ.get("PGTANDEM_SEED") or random.SystemRandom().randrange(10**6))
    record_property("told", f"PGTANDEM_SEED={seed}")
    with own_shop(0) as shop, connect(shop.owner_dsn) as conn:
        conn.execute("create index on tblproduct (sku)")
        conn.execute("create index on tblconfig (sku)")
        migrated, stop = threading.Event(), threading.Event()
        programs = [
            Program(shop, number, seed, WRITES // PROGRAMS, migrated=migrated, stop=stop)
            for number in range(PROGRAMS)
        ]
        for program in programs:
            program.fill(conn, ROWS)
        started = time.monotonic()
        with ThreadPoolExecutor(PROGRAMS) as pool:
            try:
                running = [pool.submit(program.run) for program in programs]
                migrate(conn)
                while_migrating = sum(program.written for program in programs)
                migrated.set()
                for done in as_completed(running, SECONDS_AT_MOST):
                    done.result()
            finally:
                stop.set()
        seconds = time.monotonic() - started
        written = sum(program.written for program in programs)
        record_property(
            "told",
            f"{written} rows written by {sum(one.statements for one in programs)} statements in"
            f" {seconds:.0f} s, {while_migrating} of them while migrating",
        )
        assert written >= WRITES // PROGRAMS * PROGRAMS
        assert_held(
            conn,
            {sku: item for program in programs for sku, item in program.books.items()},
            {sku for program in programs for sku in program.early or ()},
        )
        assert_in_step(conn)
        assert_nothing_left_behind(conn)
        assert one(conn, "select count(*) from tandem.rejected_row") == 0
