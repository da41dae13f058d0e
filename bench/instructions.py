"""Machine instructions of a flat UPDATE with the sync, by callgrind: the same on a busy machine.

    python bench/instructions.py [--sql 'alter table tblconfig disable trigger tandem_21_update']

Needs valgrind and Linux. A single-user backend runs 60 and 260 single-row UPDATEs, and UPDATEs of
100 and 1,100 rows; the difference tells what one costs. `--sql` changes the shop before, so that
parts can be left out.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab import Lab

from pgtandem.server import ThrowawayServer, server_identity

ROWS = 2000
SINGLE = "execute one({});\n"
PREPARE = (
    "prepare one as update public.tblproduct set status = 's' || $1::int where productid = $1;\n"
)
BULK = (
    "update public.tblproduct set status = 'w' where productid <= 5;\n"
    "update public.tblproduct set status = 'x' where productid <= {};\n"
)


def shop(server: ThrowawayServer, extra: list[str]) -> None:
    """A migrated shop, in sync both ways, on disk."""
    with Lab(server, ROWS).connect("shop") as conn:
        conn.execute("call tandem.migrate('products')")
        for statement in extra:
            conn.execute(statement.encode())
        conn.execute("vacuum (analyze, freeze)")
        conn.execute("checkpoint")


def instructions(server: ThrowawayServer, statements: str) -> int:
    """What a single-user backend needs for these, on a copy of the data, start and end included."""
    identity = server_identity()
    folder = Path(tempfile.mkdtemp())
    try:
        data = folder / "data"
        shutil.copytree(server.data, data)
        (data / "postmaster.pid").unlink(missing_ok=True)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, identity.uid, identity.gid, follow_symlinks=False)
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        command += [str(server.binaries.program("postgres")), "--single", "-D", str(data), "shop"]
        done = subprocess.run(
            command,
            input=statements,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            **identity.popen,
        )
    finally:
        shutil.rmtree(folder)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None or "ERROR" in done.stderr:
        raise SystemExit(done.stderr[-2000:])
    return int(found[1])


def main() -> None:
    """Print what one row costs, alone and in bulk."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sql", action="append", default=[], help="changes the shop before")
    extra = parser.parse_args().sql
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is needed; on Debian: apt-get install valgrind")
    with ThrowawayServer({"autovacuum": "off", "jit": "off"}) as server:
        shop(server, extra)
        server.kill()
        few, many = (
            instructions(server, PREPARE + "".join(SINGLE.format(i) for i in range(1, n + 1)))
            for n in (60, 260)
        )
        print(f"single-row UPDATE: {(many - few) / 200 / 1000:.0f} thousand instructions")
        few, many = (instructions(server, BULK.format(n)) for n in (100, 1100))
        print(f"a row of a bulk UPDATE: {(many - few) / 1000 / 1000:.0f} thousand instructions")


if __name__ == "__main__":
    main()
