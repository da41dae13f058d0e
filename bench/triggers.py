"""What each trigger costs, by level and event, as EXPLAIN ANALYZE has it.

    python bench/triggers.py [--rows 100000] [--rounds 3]

No target: the table is for docs/design-notes.md. Each statement writes 2,000 rows in a session of
its own, twice, and is taken back; the second time counts, when plans are made. A trigger's time
holds all that it does, its writes to the other side and the triggers that these fire. `statement`
is the rest: the statement without any trigger of ours, foreign keys included.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass
from typing import Any

from lab import Connection, Lab, lab

ROWS = 2_000
EVENTS = {
    ("flat", "INSERT, parents there"): "insert into tblproduct (productname, version, catalogname,"
    " configname, amount) select productname, version, catalogname, 'again', 1 from tblproduct"
    f" limit {ROWS}",
    ("flat", "INSERT, new parents"): "insert into tblproduct (productname, configname, amount)"
    f" select 'new ' || i, 'c', 1 from generate_series(1, {ROWS}) as i",
    ("flat", "UPDATE, leaf"): "update tblproduct set status = 'x' where productid in"
    f" (select productid from tblproduct limit {ROWS})",
    ("flat", "UPDATE, price"): "update tblproduct set amount = coalesce(amount, 0) + 1"
    f" where productid in (select productid from tblproduct limit {ROWS})",
    ("flat", "UPDATE, moved"): "update tblproduct set catalogname = 'moved' where productid in"
    f" (select productid from tblproduct limit {ROWS})",
    ("flat", "UPDATE, nothing mapped"): "update tblproduct set createdat = now() where productid in"
    f" (select productid from tblproduct limit {ROWS})",
    ("flat", "DELETE"): "delete from tblproduct where productid in"
    f" (select productid from tblproduct limit {ROWS})",
    ("base", "UPDATE, renamed"): "update tblbaseproduct set name = name || ' x' where baseproductid"
    f" in (select baseproductid from tblbaseproduct limit {ROWS})",
    ("version", "UPDATE, renamed"): "update tblproductversion set version = version || ' x' where"
    f" versionid in (select versionid from tblproductversion limit {ROWS})",
    ("catalog", "UPDATE, renamed"): "update tblcatalog set name = name || ' x' where catalogid in"
    f" (select catalogid from tblcatalog limit {ROWS})",
    ("config", "INSERT"): "insert into tblconfig (configid, catalogid, name)"
    f" select gen_random_uuid(), catalogid, 'new' from tblcatalog limit {ROWS}",
    ("config", "UPDATE"): "update tblconfig set status = 'x' where configid in"
    f" (select configid from tblconfig limit {ROWS})",
    ("config", "DELETE"): "delete from tblconfig where configid in"
    f" (select configid from tblconfig limit {ROWS})",
    ("price", "INSERT"): "insert into tblconfigprice (priceid, configid, effectivefrom, amount)"
    f" select gen_random_uuid(), configid, clock_timestamp(), 5 from tblconfig limit {ROWS}",
    ("price", "UPDATE, in force"): "update tblconfigprice set amount = amount + 1 where priceid in"
    f" (select priceid from tblconfigprice limit {ROWS})",
    ("price", "DELETE, in force"): "delete from tblconfigprice where priceid in"
    f" (select priceid from tblconfigprice limit {ROWS})",
}


@dataclass(frozen=True)
class Cost:
    """Microseconds a row: the statement without our triggers, and each of these by name."""

    rows: int
    statement: float
    triggers: dict[str, float]


def cost(conn: Connection, statement: str) -> Cost:
    """What a statement costs the second time in a session; nothing of it stays."""
    for _ in range(2):
        with conn.transaction(force_rollback=True):
            explain = f"explain (analyze, costs off, summary, format json) {statement}"
            row = conn.execute(explain.encode()).fetchone()
    assert row is not None
    found: Any = row[0]
    plan = found[0]
    rows = int(plan["Plan"]["Plans"][0]["Actual Rows"])
    triggers = {
        one["Trigger Name"]: one["Time"] * 1000 / rows
        for one in plan["Triggers"]
        if one["Trigger Name"].startswith("tandem_")
    }
    return Cost(rows, plan["Execution Time"] * 1000 / rows - sum(triggers.values()), triggers)


def measure(it: Lab, rounds: int) -> dict[tuple[str, str], tuple[int, float, dict[str, float]]]:
    """By level and event: rows, median cost of the statement and of each trigger."""
    taken: dict[tuple[str, str], list[Cost]] = {event: [] for event in EVENTS}
    with it.migrated() as name:
        for _ in range(rounds):
            for event, statement in EVENTS.items():
                with it.connect(name) as conn:
                    taken[event].append(cost(conn, statement))
    return {
        event: (
            costs[0].rows,
            statistics.median(one.statement for one in costs),
            {
                trigger: statistics.median(one.triggers[trigger] for one in costs)
                for trigger in costs[0].triggers
            },
        )
        for event, costs in taken.items()
    }


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with lab(given.rows) as it:
        found = measure(it, given.rounds)
    print("| level | event | statement, us a row | triggers, us a row | together / statement |")
    print("|---|---|---|---|---|")
    for (level, event), (_, statement, triggers) in found.items():
        each = ", ".join(f"{name} {time:.0f}" for name, time in triggers.items())
        ratio = 1 + sum(triggers.values()) / statement
        print(f"| {level} | {event} | {statement:.0f} | {each} | {ratio:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
