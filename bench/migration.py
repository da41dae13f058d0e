"""The migration against the best script that one would write by hand, in one run on one server.

    python bench/migration.py [--rows 1000000] [--rounds 3]

Both start from clones of one database: the demo's shop, pgtandem deployed and prepared. The script
(by_hand/migration.sql) is one transaction that locks the old table; CALL tandem.migrate works in
batches of 50 ms that can be cancelled and resumed, with the triggers on. They go in turns. Printed:
script's time / our time, WAL bytes and dead rows of the flat table. Above 1 we are quicker.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lab import Connection, Lab, lab

BY_HAND = Path(__file__).with_name("by_hand") / "migration.sql"
COUNTS = (
    "select (select count(*) from tblbaseproduct), (select count(*) from tblproductversion),"
    " (select count(*) from tblcatalog), (select count(*) from tblconfig),"
    " (select count(*) from tblconfigprice)"
)


@dataclass(frozen=True)
class Outcome:
    """One migration: seconds, WAL bytes, dead rows left in the flat table, rows per new table."""

    seconds: float
    wal: int
    dead: int
    counts: tuple[object, ...]


def measure(lab: Lab, by_hand: bool) -> Outcome:
    """Migrate a fresh clone."""
    with lab.database() as name, lab.connect(name) as conn:
        if by_hand:
            conn.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
            work = BY_HAND.read_text()
        else:
            work = "call tandem.migrate('products')"
        start = _lsn(conn)
        started = time.perf_counter()
        conn.execute(work.encode())
        seconds = time.perf_counter() - started
        wal = _one(conn, f"select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '{start}')::bigint")
        dead = _one(conn, "select n_tup_upd from pg_stat_user_tables where relname = 'tblproduct'")
        counts = conn.execute(COUNTS).fetchone() or ()
    return Outcome(seconds, int(str(wal)), int(str(dead)), counts)


def _lsn(conn: Connection) -> str:
    return str(_one(conn, "select pg_current_wal_insert_lsn()"))


def _one(conn: Connection, query: str) -> object:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    ratios = []
    with lab(given.rows) as it:
        for turn in range(given.rounds):
            done = {}
            for by_hand in (True, False) if turn % 2 else (False, True):
                done[by_hand] = measure(it, by_hand)
            script, ours = done[True], done[False]
            ratios.append(script.seconds / ours.seconds)
            print(
                f"round {turn + 1}: script {script.seconds:.1f} s, ours {ours.seconds:.1f} s,"
                f" ratio {ratios[-1]:.2f};"
                f" WAL {ours.wal / script.wal:.2f} of the script's;"
                f" flat rows written {ours.dead:,} and {script.dead:,}",
                flush=True,
            )
            if script.counts != ours.counts:
                print(f"the results differ: {script.counts} and {ours.counts}", file=sys.stderr)
                return 1
    print(
        f"{given.rows:,} rows: script / ours = {statistics.median(ratios):.2f}"
        f" ({min(ratios):.2f} to {max(ratios):.2f}, {given.rounds} rounds)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
