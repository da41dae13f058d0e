"""What the benchmark of imports works with: a server, files of variants, our import and others.

All of them begin with rows in the client's memory and end with what is committed.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from lab import SETTINGS, Clones, Connection, value
from psycopg import sql

from pgtandem.deploy import deploy
from pgtandem.import_mapping import load_import_mapping
from pgtandem.paths import db_dir
from pgtandem.records import Record, copy_blocks
from pgtandem.server import ThrowawayServer

COLOURS = 5
SIZES = 5
HEADER = ["name", "color", "size", "sku", "price", "quantity", "description"]
TABLES = ("color_master", "size_master", "item_master", "item_variant")


class Row(NamedTuple):
    """A row of a file, as text."""

    name: str
    color: str
    size: str
    sku: str
    price: str
    quantity: str
    description: str


Rows = list[Row]
Work = Callable[[Connection, Sequence[Row]], float]
"""Does an import of rows: seconds."""


def file_of(rows: int, colours: int = COLOURS, sizes: int = SIZES) -> Rows:
    """Items of some colours and sizes each, in the order of the items, the same in each run."""
    chance = random.Random(7)
    words = [f"{a}{b}" for a in ("cot", "lin", "wo", "sil", "den") for b in ("ton", "en", "ol")]
    found: Rows = []
    for number in itertools.count(1):
        text = " ".join(chance.choices(words, k=12)).capitalize() + "."
        cents = chance.randrange(500, 20_000)
        for color, size in itertools.product(range(colours), range(sizes)):
            if len(found) == rows:
                return found
            found.append(
                Row(
                    f"Item {number:06}",
                    f"Colour {color + 1}",
                    f"{36 + size}",
                    f"SKU-{number:06}-{color:03}-{size:03}",
                    f"{cents / 100:.2f}",
                    str(chance.randrange(500)),
                    text,
                )
            )
    raise AssertionError


class Lab(Clones):
    """Clones of a database with the default import."""

    def __init__(self, server: ThrowawayServer) -> None:
        super().__init__(server)
        with self.connect("postgres") as conn:
            conn.execute("create database ready")
        with self.connect("ready") as conn:
            deploy(conn, [load_import_mapping(db_dir() / "mappings" / "items.toml")])
            conn.execute("call tandem.prepare('items')")
            conn.execute("vacuum (freeze, analyze)")

    def database(self, template: str = "ready") -> AbstractContextManager[str]:
        """The name of a fresh clone, whose tables are those of the template."""
        return self.clone(template)

    def filled(self, name: str, fill: Callable[[Connection], object]) -> str:
        """A database to clone, made once."""
        with self.connect("postgres") as conn:
            found = conn.execute("select from pg_database where datname = %s", (name,)).fetchone()
            if found is not None:
                return name
            conn.execute(sql.SQL("create database {} template ready").format(sql.Identifier(name)))
        with self.connect(name) as conn:
            fill(conn)
            conn.execute("vacuum (freeze, analyze)")
        return name

    def seconds(self, work: Work, rows: Sequence[Row], template: str = "ready") -> float:
        """How long an import takes in a fresh clone."""
        with self.database(template) as name, self.connect(name) as conn:
            return work(conn, rows)


@contextmanager
def lab() -> Iterator[Lab]:
    """A server, removed at the end."""
    with ThrowawayServer(SETTINGS) as server:
        yield Lab(server)


# --------------------------------------------------------------------------------------------------
# Ours


@dataclass
class Parts:
    """Seconds that the parts of an import took."""

    copy: float
    submit: float
    check: float
    batches: float

    @property
    def whole(self) -> float:
        return self.copy + self.submit + self.check + self.batches


_KEYS = itertools.count(1)


def hand_in(conn: Connection, rows: Sequence[Row], durable: bool = False) -> tuple[int, Parts]:
    """Copy rows and submit them: the import's id, and how long that took."""
    started = time.perf_counter()
    conn.execute("set client_encoding = 'UTF8'")
    conn.execute("drop table if exists pg_temp.input")
    conn.execute(
        "create temporary table input"
        " (line_no integer, last_line integer, fault text, content text[])"
    )
    records = (Record(line, line, list(row)) for line, row in enumerate(rows, 2))
    copy_into = "copy pg_temp.input (line_no, last_line, content) from stdin"
    with conn.cursor() as cursor, cursor.copy(copy_into) as copy:
        for block in copy_blocks(records):
            copy.write(block)
    copied = time.perf_counter()
    found = value(
        conn,
        "select tandem.submit_import('items', p_staging => 'pg_temp.input', p_header => %s,"
        " p_key => %s, p_durable => %s, p_timeout_seconds => 100000)",
        HEADER,
        f"bench {next(_KEYS)}",
        durable,
    )
    assert isinstance(found, int)
    return found, Parts(copied - started, time.perf_counter() - copied, 0, 0)


def in_parts(conn: Connection, rows: Sequence[Row], durable: bool = False) -> Parts:
    """An import by the new path, run in the foreground, and what its parts took."""
    number, parts = hand_in(conn, rows, durable)
    started = time.perf_counter()
    conn.execute("call tandem.run_import(%s)", (number,))
    whole = time.perf_counter() - started
    # its first batch looks at all rows
    check = value(
        conn,
        "select milliseconds from tandem.run_batch where batch = 1 order by run_id desc limit 1",
    )
    parts.check = float(str(check)) / 1000
    parts.batches = whole - parts.check
    return parts


def ours(conn: Connection, rows: Sequence[Row]) -> float:
    """An import by the new path, run in the foreground."""
    started = time.perf_counter()
    number, _ = hand_in(conn, rows)
    conn.execute("call tandem.run_import(%s)", (number,))
    return time.perf_counter() - started


def old_path(conn: Connection, rows: Sequence[Row]) -> float:
    """The same by the old path, which locks all tables."""
    started = time.perf_counter()
    number, _ = hand_in(conn, rows)
    conn.execute("call tandem.run_import_locked(%s)", (number,))
    return time.perf_counter() - started


def outcome(conn: Connection) -> dict[str, int]:
    """Rows of all imports by what became of them, and imports that are not done."""
    row = conn.execute(
        "select sum(inserted), sum(updated), sum(unchanged), sum(superseded), sum(failed),"
        " sum(suppressed), count(*) filter (where state <> 'done') from tandem.import_job"
    ).fetchone()
    names = ("inserted", "updated", "unchanged", "superseded", "failed", "suppressed", "not done")
    assert row is not None
    return {name: int(str(number)) for name, number in zip(names, row, strict=True)}


# --------------------------------------------------------------------------------------------------
# By others


_LIMIT = """
create temporary table clean (
    name text, color text, size text, sku text, price numeric(12, 2), quantity integer,
    description text)
"""
_FRESH = "select relname from pg_class where relname = any (%s) and reltuples < 1"
_MASTERS = """
insert into color_master (color_name) select distinct color from clean
on conflict (tandem.import_key(color_name)) where deleted_at is null do nothing;
insert into size_master (size_name) select distinct size from clean
on conflict (tandem.import_key(size_name)) where deleted_at is null do nothing;
insert into item_master (name, description)
select distinct on (name) name, description from clean
on conflict (name) where deleted_at is null do update set description = excluded.description;
"""
# names of colours and sizes match as they are: that is said of clean rows
_VARIANTS = """
insert into item_variant (item_id, color_id, size_id, sku, price, quantity)
select i.item_id, c.color_id, s.size_id, n.sku, n.price, n.quantity
from clean as n
join item_master as i on i.name = n.name and i.deleted_at is null
join color_master as c on c.color_name = n.color and c.deleted_at is null
join size_master as s on s.size_name = n.size and s.deleted_at is null
on conflict (item_id, color_id, size_id) where deleted_at is null
do update set sku = excluded.sku, price = excluded.price, quantity = excluded.quantity
"""


def set_based(conn: Connection, rows: Sequence[Row]) -> float:
    """COPY of clean rows and an upsert a table, in one transaction: no check, no undo, no report.

    The limit of what an import can be: a bad row ends it, a key that stands twice too.
    """
    started = time.perf_counter()
    conn.execute("drop table if exists pg_temp.clean")
    with conn.transaction():
        conn.execute(_LIMIT)
        with conn.cursor() as cursor, cursor.copy("copy pg_temp.clean from stdin") as copy:
            for at in range(0, len(rows), 1000):
                block = "".join(["\t".join(row) + "\n" for row in rows[at : at + 1000]])
                copy.write(block.encode())
        conn.execute("analyze pg_temp.clean")
        fresh = conn.execute(_FRESH, (list(TABLES[:3]),)).fetchall()
        conn.execute(_MASTERS)
        for (name,) in fresh:
            # else the join may begin with the product of all masters
            conn.execute(sql.SQL("analyze {}").format(sql.Identifier(str(name))))
        conn.execute(_VARIANTS)
    return time.perf_counter() - started


_ITEM = """
insert into item_master (name, description) values (%s, %s)
on conflict (name) where deleted_at is null do update set description = excluded.description
returning item_id
"""
_NAMED = """
insert into {table} ({column}) values (%s)
on conflict (tandem.import_key({column})) where deleted_at is null
do update set {column} = excluded.{column} returning {id}
"""
_COLOUR = _NAMED.format(table="color_master", column="color_name", id="color_id")
_SIZE = _NAMED.format(table="size_master", column="size_name", id="size_id")
_VARIANT = """
insert into item_variant (item_id, color_id, size_id, sku, price, quantity)
values (%s, %s, %s, %s, %s, %s)
on conflict (item_id, color_id, size_id) where deleted_at is null
do update set sku = excluded.sku, price = excluded.price, quantity = excluded.quantity
"""


def row_at_a_time(conn: Connection, rows: Sequence[Row]) -> float:
    """A prepared upsert a row, in one transaction; a master's once, as its id is remembered."""
    started = time.perf_counter()
    with conn.transaction():
        _upsert_rows(conn, rows)
    return time.perf_counter() - started


def row_at_a_time_autocommit(conn: Connection, rows: Sequence[Row]) -> float:
    """The same with each statement in a transaction of its own."""
    started = time.perf_counter()
    _upsert_rows(conn, rows)
    return time.perf_counter() - started


def _upsert_rows(conn: Connection, rows: Sequence[Row]) -> None:
    known: dict[tuple[str, ...], object] = {}

    def id_of(query: str, *values: str) -> object:
        key = (query, values[0])
        if key not in known:
            row = conn.execute(query.encode(), values, prepare=True).fetchone()
            assert row is not None
            known[key] = row[0]
        return known[key]

    with conn.cursor() as cursor:
        for row in rows:
            item = id_of(_ITEM, row.name, row.description)
            color = id_of(_COLOUR, row.color)
            size = id_of(_SIZE, row.size)
            cursor.execute(
                _VARIANT,
                (item, color, size, row.sku, row.price, row.quantity),
                prepare=True,
            )


# --------------------------------------------------------------------------------------------------
# What it cost


@dataclass
class Cost:
    """What an import cost a database."""

    seconds: float
    wal: int
    written: int
    sequences: int


def cost(it: Lab, work: Work, rows: Sequence[Row], template: str) -> Cost:
    """Seconds, bytes of WAL, rows of the tables written, values of their sequences taken."""
    with it.database(template) as name, it.connect(name) as conn, it.connect(name) as watcher:
        before = _state(watcher)
        seconds = work(conn, rows)
        conn.execute("select pg_stat_force_next_flush()")
        after = _state(watcher)
    wal, written, sequences = (b - a for a, b in zip(before, after, strict=True))
    return Cost(seconds, wal, written, sequences)


def _state(conn: Connection) -> tuple[int, int, int]:
    # no other session writes: a checkpoint would, and there is none in so short a time
    wal = value(conn, "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    written = value(
        conn,
        "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables"
        " where relname = any (%s)",
        list(TABLES),
    )
    sequences = value(
        conn,
        "select coalesce(sum(last_value), 0) from pg_sequences where schemaname = 'public'",
    )
    return int(str(wal)), int(str(written)), int(str(sequences))


def together(it: Lab, files: Sequence[Sequence[Row]], template: str = "ready") -> float:
    """Imports by sessions of their own, all at a time: seconds until the last one is done."""
    with it.database(template) as name:
        sessions = [it.connect(name) for _ in files]
        barrier = threading.Barrier(len(files) + 1)

        def work(conn: Connection, rows: Sequence[Row]) -> None:
            barrier.wait()
            ours(conn, rows)

        threads = [
            threading.Thread(target=work, args=pair) for pair in zip(sessions, files, strict=True)
        ]
        for thread in threads:
            thread.start()
        barrier.wait()
        started = time.perf_counter()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        for conn in sessions:
            conn.close()
        with it.connect(name) as conn:
            done = outcome(conn)
        assert done["not done"] == 0 and done["failed"] == 0, done
        return seconds
