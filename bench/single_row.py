"""A single-row flat UPDATE with the sync against the application writing both shapes itself.

    python bench/single_row.py [--rows 1000000] [--rounds 3]

The baseline is the source document's first design: the application writes the flat row and the
configuration in one transaction. Both by pgbench, prepared statements, one client, in turns. The
notes have the same for a price, where the baseline reads the price in force first, and the leanest
thing that one could write for two shapes: one statement with a data-modifying CTE.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import Lab, Measurement, run

SECONDS = 5
PICK = "\\set id random(1, {rows})\n\\set n random(1, 1000000)\n"
STATUS = {
    "ours": "update tblproduct set status = 's' || :n where productid = :id;",
    "by hand": (
        "begin;\n"
        "update tblproduct set status = 's' || :n where productid = :id;\n"
        "update tblconfig set status = 's' || :n from tblproduct as p"
        " where p.productid = :id and tblconfig.configid = p.configid;\n"
        "commit;"
    ),
    "one statement": (
        "with f as (update tblproduct set status = 's' || :n where productid = :id"
        " returning configid) update tblconfig set status = 's' || :n from f"
        " where tblconfig.configid = f.configid;"
    ),
}
PRICE = {
    "ours": "update tblproduct set amount = :n where productid = :id;",
    "by hand": (
        "begin;\n"
        "update tblproduct set amount = :n where productid = :id;\n"
        "insert into tblconfigprice (priceid, configid, effectivefrom, amount, currency)"
        " select tandem.new_id(), p.configid, clock_timestamp(), p.amount, p.currency"
        " from tblproduct as p where p.productid = :id and p.amount is distinct from ("
        " select s.amount from tblconfigprice as s where s.configid = p.configid"
        " and s.effectivefrom <= clock_timestamp() order by s.effectivefrom desc limit 1);\n"
        "commit;"
    ),
}


def rate(it: Lab, script: str, sync: bool) -> float:
    """Transactions a second of a pgbench script on a fresh clone."""
    with it.migrated() as name, tempfile.TemporaryDirectory() as folder:
        with it.connect(name) as conn:
            it.switch(conn, sync)
        path = Path(folder) / "script.sql"
        path.write_text(PICK.format(rows=it.rows) + script + "\n")
        target = it.server.conninfo(name)
        command = [str(it.server.binaries.pgbench), "-n", "-M", "prepared", "-T", str(SECONDS)]
        done = subprocess.run(
            [*command, "-f", str(path), target], check=True, capture_output=True, text=True
        )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if found is None or "number of failed transactions: 0 " not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    return float(found[1])


def measure(it: Lab, rounds: int) -> Measurement:
    """A single-row flat UPDATE with sync against the application writing both: throughput ratio."""
    done = Measurement("single-row UPDATE", "our throughput / by hand", 1.8, at_least=True)
    for turn in range(rounds):
        status, price = (
            {
                label: rate(it, script, label == "ours")
                for label, script in (scripts.items() if turn % 2 else reversed(scripts.items()))
            }
            for scripts in (STATUS, PRICE)
        )
        done.ratios.append(status["ours"] / status["by hand"])
        done.micros.append((1e6 / status["ours"], 1e6 / status["by hand"]))
        done.note("against one statement for both shapes", status["ours"] / status["one statement"])
        done.note("a price: our throughput / by hand", price["ours"] / price["by hand"])
        done.note("transactions a second, ours", status["ours"])
    return done


if __name__ == "__main__":
    sys.exit(run(measure))
