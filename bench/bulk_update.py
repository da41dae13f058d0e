"""A flat UPDATE of 100,000 rows with the sync against two hand-written statements.

    python bench/bulk_update.py [--rows 1000000] [--rounds 3]

By hand: UPDATE of the flat table, then UPDATE ... FROM of the configurations, in one transaction.
The notes have the same for the other columns: a price, and a key column that moves the rows.
"""

from __future__ import annotations

import sys
import time

from lab import Lab, Measurement, run

BULK = 100_000
STATUS = {
    "ours": "update tblproduct set status = 'bulk' where productid <= {n}",
    "by hand": (
        "begin;"
        "update tblproduct set status = 'bulk' where productid <= {n};"
        "update tblconfig set status = p.status from tblproduct as p"
        " where p.configid = tblconfig.configid and p.productid <= {n}"
        " and tblconfig.status is distinct from p.status;"
        "commit"
    ),
}
PRICE = {
    "ours": "update tblproduct set amount = productid + 0.5 where productid <= {n}",
    "by hand": (
        "begin;"
        "update tblproduct set amount = productid + 0.5 where productid <= {n};"
        "insert into tblconfigprice (priceid, configid, effectivefrom, amount, currency)"
        " select tandem.new_id(), p.configid, clock_timestamp(), p.amount, p.currency"
        " from tblproduct as p where p.productid <= {n} and p.configid is not null;"
        "commit"
    ),
}


def seconds(it: Lab, work: str, sync: bool) -> float:
    """How long a statement takes on a fresh clone."""
    with it.migrated() as name, it.connect(name) as conn:
        it.switch(conn, sync)
        conn.execute("vacuum analyze tblproduct, tblconfig, tblconfigprice")
        started = time.perf_counter()
        conn.execute(work.format(n=min(BULK, it.rows)).encode())
        return time.perf_counter() - started


def measure(it: Lab, rounds: int) -> Measurement:
    """A flat UPDATE of 100,000 rows with sync against two statements by hand: time ratio."""
    done = Measurement("bulk UPDATE", "our time / by hand", 1.15, at_least=False)
    for turn in range(rounds):
        status, price = (
            {
                label: seconds(it, work, label == "ours")
                for label, work in (works.items() if turn % 2 else reversed(works.items()))
            }
            for works in (STATUS, PRICE)
        )
        done.ratios.append(status["ours"] / status["by hand"])
        rows = min(BULK, it.rows)
        done.micros.append((status["ours"] / rows * 1e6, status["by hand"] / rows * 1e6))
        done.note("a price: our time / by hand", price["ours"] / price["by hand"])
        done.note("seconds, ours", status["ours"])
    return done


if __name__ == "__main__":
    sys.exit(run(measure))
