"""The migration against the best script that one would write by hand.

    python bench/migration.py [--rows 1000000] [--rounds 3]

Both start from clones of one database: the demo's shop, pgtandem deployed and prepared. The script
(by_hand/migration.sql) is one transaction that locks the old table; CALL tandem.migrate works in
batches of 50 ms that can be cancelled and resumed, with the triggers on. They go in turns. Beside:
the same by two connections, each with half of the keys.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import Lab, Measurement, run, value

BY_HAND = Path(__file__).with_name("by_hand") / "migration.sql"
OURS = "call tandem.migrate('products')"
COUNTS = (
    "select array[(select count(*) from tblbaseproduct), (select count(*) from tblproductversion),"
    " (select count(*) from tblcatalog), (select count(*) from tblconfig),"
    " (select count(*) from tblconfigprice)]"
)


@dataclass(frozen=True)
class Outcome:
    """One migration: seconds, WAL bytes, row versions left dead, rows in each new table."""

    seconds: float
    wal: float
    dead: float
    counts: object


def migrate(it: Lab, work: str) -> Outcome:
    """Migrate a fresh clone."""
    with it.prepared() as name, it.connect(name) as conn:
        start = value(conn, "select pg_current_wal_insert_lsn()")
        started = time.perf_counter()
        conn.execute(work.encode())
        seconds = time.perf_counter() - started
        wal = value(conn, "select pg_current_wal_insert_lsn() - %s::pg_lsn", start)
        conn.execute("select pg_stat_force_next_flush()")
        dead = value(
            conn,
            "select sum(n_tup_upd + n_tup_del) from pg_stat_user_tables where schemaname='public'",
        )
        counts = value(conn, COUNTS)
    return Outcome(seconds, float(str(wal)), float(str(dead)), counts)


def seconds_in_two(it: Lab) -> float:
    """Migrate a fresh clone by two connections."""
    half = str(it.rows // 2)
    with it.prepared() as name, it.connect(name) as first, it.connect(name) as second:
        started = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            lower = pool.submit(
                first.execute, "call tandem.migrate('products', p_to => %s)", (half,)
            )
            upper = pool.submit(
                second.execute,
                "call tandem.migrate('products', p_from => (%s::bigint + 1)::text)",
                (half,),
            )
            lower.result()
            upper.result()
        seconds = time.perf_counter() - started
        if value(first, "select phase from tandem.mapping") != "migrated":
            raise SystemExit("two halves did not make a whole")
    return seconds


def measure(it: Lab, rounds: int) -> Measurement:
    """The migration against a hand-written script of one transaction: its time / our time."""
    done = Measurement("migration", "script's time / ours", 1.0, at_least=True)
    for turn in range(rounds):
        order = (BY_HAND.read_text(), OURS)
        found = {work: migrate(it, work) for work in (order if turn % 2 else order[::-1])}
        script, ours = found[order[0]], found[OURS]
        if script.counts != ours.counts:
            raise SystemExit(f"the results differ: {script.counts} and {ours.counts}")
        done.ratios.append(script.seconds / ours.seconds)
        done.micros.append((ours.seconds / it.rows * 1e6, script.seconds / it.rows * 1e6))
        done.note("seconds, ours", ours.seconds)
        done.note("speed of two connections / of one", ours.seconds / seconds_in_two(it))
        done.note("WAL bytes, ours / script's", ours.wal / script.wal)
        done.note("WAL bytes a row, ours", ours.wal / it.rows)
        done.note("dead row versions, ours / script's", ours.dead / script.dead)
    return done


if __name__ == "__main__":
    sys.exit(run(measure))
