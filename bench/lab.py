"""What the benchmarks share: one server, a shop of a given size, databases cloned from it, and the
form of a measurement: ratios of ours to a baseline's, taken in turns in one run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

import pgtandem.demo
from pgtandem.demo.generator import copy_rows
from pgtandem.deploy import deploy
from pgtandem.mapping import load_mapping
from pgtandem.paths import db_dir
from pgtandem.server import ThrowawayServer

Connection = psycopg.Connection[tuple[object, ...]]

SETTINGS = {"max_wal_size": "8GB", "shared_buffers": "1GB", "checkpoint_timeout": "30min"}
DIRECTIONS = ("flat_to_hierarchy", "hierarchy_to_flat")


@dataclass
class Measurement:
    """Ratios of one comparison, one a round.

    `target` is the bound that design asks for, and `at_least` says on which side of it is good.
    `micros` are microseconds a row, ours and the baseline's. `notes` are further figures of the
    same rounds, by name.
    """

    name: str
    ratio_of: str
    target: float
    at_least: bool
    ratios: list[float] = field(default_factory=list)
    micros: list[tuple[float, float]] = field(default_factory=list)
    notes: dict[str, list[float]] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool:
        return self.median >= self.target if self.at_least else self.median <= self.target

    def note(self, name: str, value: float) -> None:
        self.notes.setdefault(name, []).append(value)

    def __str__(self) -> str:
        bound = "at least" if self.at_least else "at most"
        notes = "".join(
            f"\n    {name}: {statistics.median(values):.4g}"
            f" ({min(values):.4g} to {max(values):.4g})"
            for name, values in self.notes.items()
        )
        return (
            f"{self.name}: {self.ratio_of} = {self.median:.2f}"
            f" ({min(self.ratios):.2f} to {max(self.ratios):.2f}, {len(self.ratios)} rounds);"
            f" target {bound} {self.target}, {'met' if self.met else 'missed'}{notes}"
        )


class Clones:
    """A throwaway server; each measurement has a database of its own, cloned from a template."""

    def __init__(self, server: ThrowawayServer) -> None:
        self.server = server
        self._numbers = itertools.count(1)

    def connect(self, database: str) -> Connection:
        return psycopg.connect(self.server.conninfo(database), autocommit=True)

    @contextmanager
    def clone(self, template: str) -> Iterator[str]:
        """The name of a fresh clone, dropped at the end."""
        name = f"clone_{next(self._numbers)}"
        with self.connect("postgres") as conn:
            conn.execute(
                sql.SQL("create database {} template {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
            conn.execute("checkpoint")
        try:
            yield name
        finally:
            with self.connect("postgres") as conn:
                conn.execute(sql.SQL("drop database {} (force)").format(sql.Identifier(name)))


class Lab(Clones):
    """Clones of a database with the demo's shop in it."""

    def __init__(self, server: ThrowawayServer, rows: int) -> None:
        super().__init__(server)
        self.rows = rows
        with self.connect("postgres") as conn:
            conn.execute("create database shop")
        with self.connect("shop") as conn:
            conn.execute(Path(pgtandem.demo.__file__).with_name("shop.sql").read_bytes())
            copy_rows(conn, rows)
            # rows without a name are rejected by both sides; they would only blur the comparison
            conn.execute("delete from tblproduct where btrim(productname) = ''")
            conn.execute("vacuum (freeze, analyze) tblproduct")
            deploy(conn, [load_mapping(db_dir() / "mappings" / "products.toml")])
            # nobody writes meanwhile: all indexes at once
            conn.execute(
                "update tandem.setting set value = '2000000000' where name = 'index_build_rows'"
            )
            conn.execute("call tandem.prepare('products')")

    def prepared(self) -> AbstractContextManager[str]:
        """The name of a fresh clone of the shop: pgtandem deployed and prepared, nothing moved."""
        return self.clone("shop")

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """The name of a fresh clone of the migrated shop, in sync both ways."""
        with self.connect("postgres") as conn:
            found = conn.execute("select from pg_database where datname = 'migrated'").fetchone()
            if found is None:
                conn.execute("create database migrated template shop")
        if found is None:
            with self.connect("migrated") as conn:
                conn.execute("call tandem.migrate('products')")
                conn.execute("vacuum (freeze, analyze)")
        with self.clone("migrated") as name:
            yield name

    def switch(self, conn: Connection, enabled: bool) -> None:
        """Sync on or off, both ways."""
        for direction in DIRECTIONS:
            conn.execute("select tandem.set_sync('products', %s, %s)", (direction, enabled))


@contextmanager
def lab(rows: int) -> Iterator[Lab]:
    """A server with a shop of so many rows; removed at the end."""
    with ThrowawayServer(SETTINGS) as server:
        yield Lab(server, rows)


def value(conn: Connection, query: str, *arguments: object) -> object:
    """The one value that a query returns."""
    row = conn.execute(query.encode(), arguments).fetchone()
    assert row is not None
    return row[0]


def run(measure: Callable[[Lab, int], Measurement], rows: int = 1_000_000) -> int:
    """The main program of one benchmark: `--rows`, `--rounds`, `--json`."""
    options = argparse.ArgumentParser(description=(measure.__doc__ or "").splitlines()[0])
    options.add_argument("--rows", type=int, default=rows)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    given = options.parse_args()
    with lab(given.rows) as it:
        done = measure(it, given.rounds)
    print(json.dumps(asdict(done)) if given.json else done)
    sys.stdout.flush()
    return 0
