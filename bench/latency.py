"""What the old program feels while the migration runs, against an idle shop.

    python bench/latency.py [--rows 1000000] [--rounds 3]

The demo's old program (SQLAlchemy, two sessions) works open-loop at 100 operations a second: a
latency counts from the intended time, so that a wait is seen in all operations that it delays.
Idle is the same shop before the migration begins, with pgtandem prepared and the sync off.
"""

from __future__ import annotations

import sys
import time

from lab import Lab, Measurement, run

from pgtandem.demo.driver import Program

IDLE_SECONDS = 10
TARGET_MS = 50


def measure(it: Lab, rounds: int) -> Measurement:
    """The old program's p99 latency while the migration runs, over that of an idle shop."""
    done = Measurement("writers meanwhile", "p99 migrating / p99 idle", 1.5, at_least=False)
    for _ in range(rounds):
        with (
            it.prepared() as name,
            it.connect(name) as conn,
            Program("old_program", it.server.conninfo(name), "--rate", "100") as program,
        ):
            time.sleep(2)  # connections and plans are made
            program.phase("idle")
            time.sleep(IDLE_SECONDS)
            program.phase("migrating")
            conn.execute("call tandem.migrate('products')")
            program.phase("after")
            time.sleep(IDLE_SECONDS / 2)
            phases = program.stop().phases
            drift = conn.execute("select tandem.drift_count('products')").fetchone()
        if drift != (0,):
            raise SystemExit(f"drift is {drift}")
        idle, during = phases["idle"], phases["migrating"]
        done.ratios.append(during.p99_ms / idle.p99_ms)
        done.note("p50 migrating / p50 idle", during.p50_ms / idle.p50_ms)
        done.note("p99.9 migrating / p99.9 idle", during.p999_ms / idle.p999_ms)
        done.note("p99 migrating, ms", during.p99_ms)
        done.note("longest migrating / batch target", during.max_ms / TARGET_MS)
        done.note("p50 in sync / p50 idle", phases["after"].p50_ms / idle.p50_ms)
    return done


if __name__ == "__main__":
    sys.exit(run(measure))
