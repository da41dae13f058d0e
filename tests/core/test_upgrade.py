"""A database that the first bundle made is, after today's, what a fresh installation would be.

tests/frozen/ holds the bundle of a release as it was given out (0.1.0: as it is to be given out;
until then it is made anew where a schema change is edited, see CONTRIBUTING.md).
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from pgtandem.bundle import build_bundle
from support.databases import Database, TestServer, dump
from support.shop import Connection, assert_in_step, contents, fill, migrate, one
from sync.shops import products

FROZEN = sorted((Path(__file__).parent.parent / "frozen").glob("*.sql.gz"))
ROWS = 60
BY_CHANCE = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d[ T][\d:.]+\+\d\d(:\d\d)?"
)


def todays() -> str:
    """The bundle of this tree."""
    return build_bundle([products()]).sql


def held(conn: Connection) -> dict[str, list[str]]:
    """Every row of every table but what says which build was deployed when."""
    found = contents(conn)
    for table in ("deployment", "schema_change", "mapping"):
        del found[f"tandem.{table}"]
    return found


GROWS = ("tandem.setting", "tandem.phase_step")
"""Tables to which a release may add rows of its own."""


def lost(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Rows that an upgrade has not left as they were; it may have added columns behind theirs."""
    missing = []
    for table, rows in before.items():
        left = list(after[table])
        for row in rows:
            same = next((one for one in left if one.startswith(row[:-1])), None)
            if same is None:
                missing.append((table, row))
            else:
                left.remove(same)
        missing += [(table, row) for row in left if table not in GROWS]
    return missing


def comparable(conn: Connection) -> dict[str, list[str]]:
    """What two shops with one history have in common: no ids, no times, no durations."""
    found = held(conn)
    for table in ("run", "run_batch"):
        del found[f"tandem.{table}"]
    return {table: sorted(BY_CHANCE.sub("", row) for row in rows) for table, rows in found.items()}


def begin(conn: Connection) -> None:
    """A shop that is being migrated: one row cannot fit, the run is paused half way."""
    fill(conn, ROWS)
    conn.execute("update tandem.setting set value = '3' where name = 'batch_attempts'")
    conn.execute("call tandem.prepare('products')")
    conn.execute("update tblproduct set productname = '' where productid = 7")
    while one(conn, "select count(configid) from tblproduct") == 0:
        migrate(conn, p_batch_rows=20, p_max_batches=1)
    assert one(conn, "select count(*) from tblproduct where configid is null") > ROWS / 2
    assert one(conn, "select count(*) from tandem.rejected_row where resolved_at is null") == 1


def live(conn: Connection) -> None:
    """Writes of both sides, of every kind that leaves something behind."""
    conn.execute("update tblproduct set amount = 77, productname = 'Moved' where productid = 12")
    conn.execute("update tblconfig set status = 'off' where name = 'c3'")
    conn.execute("delete from tblproduct where productid = 5")
    conn.execute(
        "insert into tblconfigprice (priceid, configid, effectivefrom, amount, currency)"
        " select tandem.new_id(), configid, now() + interval '1 day', 5, 'EUR'"
        " from tblconfig where name = 'c9'"
    )
    conn.execute("insert into tblproduct (productid, productname) values (900, ' ')")


def end(conn: Connection) -> None:
    """What was begun ends: the migration, a rejected row, a deleted one that comes back."""
    migrate(conn)
    conn.execute("update tblproduct set productname = 'Product 2' where productid = 7")
    conn.execute(
        "insert into tblproduct (productid, productname, configname) values (5, 'Product 1', 'c5')"
    )
    assert one(conn, "select configid is not null from tblproduct where productid = 5")
    assert one(conn, "select count(*) from tandem.rejected_row where resolved_at is null") == 1
    assert_in_step(conn)


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda path: path.name.removesuffix(".sql.gz"))
@pytest.mark.parametrize("until", ["deployed", "begun", "lived", "ended"])
def test_a_database_of_the_first_bundle_becomes_what_a_fresh_one_is(
    frozen: Path, until: str, server: TestServer, bare_db: Database, bare_template: str
) -> None:
    steps = (begin, live, end)
    before = ["deployed", "begun", "lived", "ended"].index(until)
    old = bare_db.owner()
    old.execute(gzip.decompress(frozen.read_bytes()))
    for step in steps[:before]:
        step(old)
    had = held(old)
    old.execute(todays().encode())
    assert lost(had, held(old)) == []
    for step in steps[before:]:
        step(old)

    with server.clone(bare_template) as other:
        fresh = other.owner()
        fresh.execute(todays().encode())
        for step in steps:
            step(fresh)
        assert dump(bare_db, "--schema-only") == dump(other, "--schema-only")
        assert comparable(old) == comparable(fresh)


def test_there_is_a_frozen_bundle() -> None:
    assert FROZEN
