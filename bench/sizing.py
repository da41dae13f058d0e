"""What pgtandem takes: bytes on disk a row, before and after the migration, and WAL by event.

    python bench/sizing.py [--rows 100000]

No target: the figures are for docs/operations.md. WAL is that of single statements in transactions
of their own, with the sync on and, of the same statements, with it off, full_page_writes off (a
page's first change after a checkpoint costs up to 8 kB more on a real server).
"""

from __future__ import annotations

import argparse
import sys

from lab import Connection, lab, value

PARTS = ("tblproduct", "tblbaseproduct", "tblproductversion", "tblcatalog", "tblconfig")
DATED = "tblconfigprice"
EVENTS = {
    "flat UPDATE, status": "update tblproduct set status = 's{i}' where productid = {i}",
    "flat UPDATE, price": "update tblproduct set amount = {i} + 0.25 where productid = {i}",
    "flat INSERT, new product": "insert into tblproduct (productname, configname, amount)"
    " values ('new {i}', 'c', 1)",
    "flat DELETE": "delete from tblproduct where productid = {i}",
    "hierarchy UPDATE, status": "update tblconfig set status = 'h{i}' where configid ="
    " (select configid from tblproduct where productid = {i})",
    "hierarchy INSERT, price": "insert into tblconfigprice (configid, amount, currency)"
    " select configid, {i}, 'EUR' from tblproduct where productid = {i}",
}
TIMES = 1000


def size(conn: Connection, table: str) -> int:
    """Bytes of a table with its indexes."""
    found = value(conn, "select pg_total_relation_size(to_regclass(%s))", table)
    assert isinstance(found, int)
    return found


def wal_a_statement(conn: Connection, statement: str, first: int) -> float:
    """Mean WAL bytes of TIMES statements on different rows."""
    before = value(conn, "select pg_current_wal_insert_lsn()")
    for i in range(first, first + TIMES):
        conn.execute(statement.format(i=i).encode())
    written = value(conn, "select pg_current_wal_insert_lsn() - %s::pg_lsn", before)
    return float(str(written)) / TIMES


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with lab(rows) as it, it.prepared() as name, it.connect(name) as conn:
        before = size(conn, "tblproduct")
        conn.execute("call tandem.migrate('products')")
        written = value(conn, "select wal_bytes from tandem.run where kind = 'migrate'")
        grown = {part: size(conn, part) for part in (*PARTS, DATED)}
        conn.execute("vacuum full tblproduct")
        print(f"{rows} rows; bytes a flat row, indexes included")
        print(f"  the flat table before: {before / rows:.0f}")
        print(f"  the flat table after the migration: {grown['tblproduct'] / rows:.0f}")
        print(f"  the same, compacted: {size(conn, 'tblproduct') / rows:.0f}")
        print(f"  the five new tables: {(sum(grown.values()) - grown['tblproduct']) / rows:.0f}")
        print(f"  WAL of the migration: {float(str(written)) / rows:.0f}")
        print("WAL bytes a statement: with the sync, without")
        for number, (event, statement) in enumerate(EVENTS.items()):
            figures = []
            for turn, enabled in enumerate((True, False)):
                it.switch(conn, enabled)
                figures.append(wal_a_statement(conn, statement, 1 + TIMES * (2 * number + turn)))
            print(f"  {event}: {figures[0]:.0f}, {figures[1]:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
