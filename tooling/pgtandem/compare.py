"""Both paths of an import on one file: what differs, and how long others had to wait meanwhile.

`tandem.compare_import` runs both paths in one transaction, which is taken back, and says in its
application_name which one is on. A probing session writes a row of its own to each table in
transactions of their own, which are rolled back, over and over; a third session samples who blocks
it. A wait belongs to the path that was seen to block it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from pgtandem.records import BrokenRecord, Format, Record, copy_blocks, open_records

Connection = psycopg.Connection[tuple[Any, ...]]

SAMPLE_SECONDS: Final = 0.004
PROBE_SECONDS: Final = 0.002
END_SECONDS: Final = 1.0
"""So long a write that is under way at the end may take."""
STAGING: Final = "pgtandem_compare"
PROBE_CHARACTERS: Final = 18
"""Of a probing row's key; fewer where its column is shorter."""
_PHASES: Final = {"pgtandem compare old": "old", "pgtandem compare new": "new"}


@dataclass(frozen=True)
class Waits:
    """What writers of other rows noticed of a path; times in milliseconds."""

    path: str
    writes: int
    blocked: int
    longest_ms: float
    total_ms: float
    """Of the writes that were seen blocked."""


@dataclass
class Measurement:
    """What the probing and the sampling session have seen."""

    writes: list[tuple[float, float]] = field(default_factory=list)
    """When each began and ended."""
    samples: list[tuple[float, str | None, bool]] = field(default_factory=list)
    """When, which path was on, whether it blocked the probing session."""
    unmeasured: list[str] = field(default_factory=list)
    """Tables that could not be written to, and why."""

    def waits(self) -> list[Waits]:
        """The waits under each path, old and new."""
        by_path: dict[str, list[tuple[float, bool]]] = {"old": [], "new": []}
        at = 0
        for begun, ended in self.writes:
            while at + 1 < len(self.samples) and self.samples[at + 1][0] <= begun:
                at += 1
            path, blocked = self.samples[at][1] if self.samples else None, False
            for when, phase, is_blocked in self.samples[at:]:
                if when > ended:
                    break
                if is_blocked and not blocked and when >= begun:
                    path, blocked = phase, True
                elif blocked and phase != path:
                    # the path is done, and its locks last until it has been looked at
                    ended = when  # noqa: PLW2901
                    break
            if path is not None:
                by_path[path].append((1000 * (ended - begun), blocked))
        return [
            Waits(
                path,
                len(found),
                sum(blocked for _, blocked in found),
                max((ms for ms, _ in found), default=0.0),
                sum((ms for ms, blocked in found if blocked), 0.0),
            )
            for path, found in by_path.items()
        ]


def stage(
    conn: Connection, file: Path, *, encoding: str, delimiter: str | None, format: Format | None
) -> list[str]:
    """Copy a file into a temporary table of this session; the names of its header."""
    conn.execute(
        sql.SQL(
            "create temporary table {} (line_no integer, last_line integer, content text[],"
            " fault text)"
        ).format(sql.Identifier(STAGING))
    )
    broken: list[BrokenRecord] = []

    def whole(records: Iterator[Record | BrokenRecord]) -> Iterator[Record]:
        for record in records:
            if isinstance(record, BrokenRecord):
                broken.append(record)
            else:
                yield record

    with open_records(
        file, encoding=encoding, delimiter=delimiter, format=format, unique=True
    ) as records:
        copy = sql.SQL("copy {} (line_no, last_line, content) from stdin").format(
            sql.Identifier(STAGING)
        )
        with conn.cursor().copy(copy) as target:
            for block in copy_blocks(whole(records.records())):
                target.write(block)
        insert = sql.SQL("insert into {} values (%s, %s, '{{}}', %s)").format(
            sql.Identifier(STAGING)
        )
        conn.cursor().executemany(insert, [(r.line, r.last_line, r.reason) for r in broken])
        return records.names


@contextmanager
def measuring(
    connect: Callable[[], Connection], conn: Connection, mapping: str
) -> Iterator[Measurement]:
    """While the block's comparison runs in `conn`, write and sample in two more sessions."""
    row = conn.execute(
        "select m.definition -> 'parts' from tandem.mapping as m where m.name = %s", (mapping,)
    ).fetchone()
    writes = _writes(row[0], _lengths(conn, row[0])) if row else {}
    measurement, stop = Measurement(), Event()
    compared = conn.info.backend_pid
    with connect() as probing, connect() as sampling, ThreadPoolExecutor(2) as pool:
        probing.autocommit = False
        pid = probing.info.backend_pid
        sampled = pool.submit(_sample, sampling, compared, pid, measurement, stop)
        probed = pool.submit(_probe, probing, writes, measurement, stop)
        try:
            yield measurement
        finally:
            stop.set()
            # neither path has a lock by now: it waits for somebody else, and need not
            while wait((probed,), END_SECONDS).not_done:
                probing.cancel_safe()
            _ends(probed, sampled)


def _ends(*futures: Future[None]) -> None:
    for future in futures:
        future.result()


def _sample(
    conn: Connection, compared: int, probing: int, measurement: Measurement, stop: Event
) -> None:
    while not stop.wait(SAMPLE_SECONDS):
        row = conn.execute(
            "select a.application_name, %s = any (pg_catalog.pg_blocking_pids(%s))"
            " from pg_catalog.pg_stat_activity as a where a.pid = %s",
            (compared, probing, compared),
        ).fetchone()
        if row is not None:
            sample = time.perf_counter(), _PHASES.get(row[0] or ""), bool(row[1])
            measurement.samples.append(sample)


def _probe(
    conn: Connection, writes: dict[str, _Write], measurement: Measurement, stop: Event
) -> None:
    while not stop.wait(PROBE_SECONDS):
        for table, write in list(writes.items()):
            begun = time.perf_counter()
            try:
                with conn.transaction(force_rollback=True):
                    made = conn.execute(write.insert, (_probe_key(write.length),)).fetchone()
                    if write.refer is not None:
                        conn.execute(write.refer, made)
                measurement.writes.append((begun, time.perf_counter()))
            except psycopg.errors.UniqueViolation as error:
                if write.length >= PROBE_CHARACTERS:  # a short key may be there: another one then
                    _give_up(measurement, writes, table, error)
            except psycopg.Error as error:
                _give_up(measurement, writes, table, error)


def _give_up(
    measurement: Measurement, writes: dict[str, _Write], table: str, error: psycopg.Error
) -> None:
    reason = error.diag.message_primary or str(error)
    measurement.unmeasured.append(f"{table}: {reason}")
    del writes[table]


def _probe_key(length: int) -> str:
    """A key that no row has, of at most so many characters."""
    whole = f"probe {secrets.token_hex(6)}"
    return whole if length >= len(whole) else secrets.token_hex(length)[:length]


def _lengths(conn: Connection, parts: list[dict[str, Any]]) -> dict[str, int]:
    """How many characters the key of each master may have, at most PROBE_CHARACTERS."""
    found: dict[str, int] = {}
    for part in parts:
        if "references" in part:
            continue
        row = conn.execute(
            "select a.atttypmod - 4 from pg_catalog.pg_attribute as a"
            " where a.attrelid = pg_catalog.to_regclass(%s) and a.attname = %s and a.atttypmod > 4"
            " and a.atttypid in ('pg_catalog.varchar'::regtype, 'pg_catalog.bpchar'::regtype)",
            (part["relation"], part["key"][0]),
        ).fetchone()
        found[part["relation"]] = min(row[0], PROBE_CHARACTERS) if row else PROBE_CHARACTERS
    return found


class _Write(NamedTuple):
    """A row of the probing session's own, and another one that refers to its id."""

    insert: sql.Composed
    length: int
    """Of the key that it writes."""
    refer: sql.Composed | None = None


def _writes(parts: list[dict[str, Any]], lengths: dict[str, int]) -> dict[str, _Write]:
    """What the probing session runs for each table."""
    found: dict[str, _Write] = {}
    masters = [part for part in parts if "references" not in part]
    for part in masters:
        insert = sql.SQL("insert into {} ({}) values (%s) returning {}").format(
            sql.SQL(part["relation"]),
            sql.Identifier(part["key"][0]),
            sql.Identifier(part["id"]),
        )
        found[part["relation"]] = _Write(insert, lengths[part["relation"]])
    item = next(part for part in masters if part["required"])
    for part in parts:
        for column, name in part.get("references", {}).items():
            if name == item["name"]:
                refer = sql.SQL("insert into {} ({}) values (%s)").format(
                    sql.SQL(part["relation"]), sql.Identifier(column)
                )
                found[part["relation"]] = found[item["relation"]]._replace(refer=refer)
    return found
