"""Single rows and bulk in one session, in both orders.

    python bench/orders.py [--rows 1000000] [--rounds 3]

Triggers keep their plans for a session. A plan that was made for one row and runs for 100,000, or
the other way round, would show here: 2,000 single-row UPDATEs before one UPDATE of 100,000 rows,
and after it, of the flat table and of the configurations, each order in a session of its own.
"""

from __future__ import annotations

import sys
import time

from lab import Connection, Lab, Measurement, run

SINGLE = 2_000
BULK = 100_000
SIDES = {
    "flat": ("tblproduct", "productid", "select g from generate_series({a}, {b}) as g"),
    "hierarchy": (
        "tblconfig",
        "configid",
        "select configid from tblproduct where productid between {a} and {b}",
    ),
}


def singles(conn: Connection, side: str, first: int) -> float:
    """Seconds of SINGLE statements, a row each."""
    table, key, query = SIDES[side]
    keys = conn.execute(query.format(a=first, b=first + SINGLE - 1).encode()).fetchall()
    statement = f"update {table} set status = %s where {key} = %s"
    started = time.perf_counter()
    for number, (one,) in enumerate(keys):
        conn.execute(statement.encode(), (f"s{number}", one))
    return time.perf_counter() - started


def bulk(conn: Connection, side: str, rows: int) -> float:
    """Seconds of one statement of so many rows."""
    table, key, query = SIDES[side]
    statement = f"update {table} set status = 'bulk' where {key} in ({query.format(a=1, b=rows)})"
    started = time.perf_counter()
    conn.execute(statement.encode())
    return time.perf_counter() - started


def measure(it: Lab, rounds: int) -> Measurement:
    """Single-row and bulk UPDATEs in one session: each after the other, over each first."""
    done = Measurement("both orders", "second / first, the worst", 1.25, at_least=False)
    rows = min(BULK, it.rows // 2)
    for turn in range(rounds):
        worst = 0.0
        for side in SIDES:
            seconds: dict[tuple[str, int], float] = {}
            for is_single_first in (True, False) if turn % 2 else (False, True):
                with it.migrated() as name, it.connect(name) as conn:
                    if is_single_first:
                        seconds["single", 1] = singles(conn, side, rows + 1)
                        seconds["bulk", 2] = bulk(conn, side, rows)
                    else:
                        seconds["bulk", 1] = bulk(conn, side, rows)
                        seconds["single", 2] = singles(conn, side, rows + 1)
            for kind in ("single", "bulk"):
                ratio = seconds[kind, 2] / seconds[kind, 1]
                done.note(f"{side}, {kind}: after the other / first", ratio)
                worst = max(worst, ratio)
        done.ratios.append(worst)
    return done


if __name__ == "__main__":
    sys.exit(run(measure))
