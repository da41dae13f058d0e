"""Many sessions of both sides on few rows: one hot parent, renames, moves, prices, rows that go.

Each session owns one column of some rows, and knows what it wrote there. PGTANDEM_SECONDS says how
long (30), PGTANDEM_SEED repeats what each session tries.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import psycopg
import pytest

from support.databases import Database
from support.programs import assert_nothing_left_behind, connect
from support.shop import assert_in_step, one

SESSIONS = 16
HOT = 48
SECONDS = float(os.environ.get("PGTANDEM_SECONDS", "30"))
DIRECTIONS = ("flat_to_hierarchy", "hierarchy_to_flat")
EXPECTED = {
    "40P01": "deadlock",
    "40001": "serialization failure",
    "23503": "its parent went",
    "23505": "a name that is taken",
    "TD041": "its parent went",
}


class Session(threading.Thread):
    """A program of one side. `known` is what it was last told is committed, by row."""

    def __init__(self, shop: Database, number: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.number, self.random = number, random.Random(f"{seed} {number}")
        self.is_old = number % 2 == 0
        self.dsn = shop.old_app_dsn if self.is_old else shop.new_app_dsn
        self.known: dict[str, str] = {}
        self.stop = threading.Event()
        self.written = 0
        self.met: Counter[str] = Counter()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with psycopg.connect(self.dsn, autocommit=True) as conn:
                while not self.stop.is_set():
                    try:
                        (self._old if self.is_old else self._new)(conn)
                        self.written += 1
                    except psycopg.Error as error:
                        if error.sqlstate not in EXPECTED:
                            raise
                        self.met[error.sqlstate] += 1
        except BaseException as error:
            self.error = error

    def _mine(self) -> str:
        """A hot row whose column of this side only this session writes."""
        key = self.random.randrange(HOT // (SESSIONS // 2)) * (SESSIONS // 2) + self.number // 2
        return f"hot {key}"

    def _keep(self, conn: psycopg.Connection, query: str) -> None:
        name, value = self._mine(), f"{self.number}-{self.random.randrange(10**9)}"
        assert conn.execute(query.encode(), (value, name)).rowcount == 1
        self.known[name] = value

    def _old(self, conn: psycopg.Connection) -> None:
        rnd = self.random
        chosen = rnd.random()
        name = f"hot {rnd.randrange(HOT)}"
        if chosen < 0.45:
            self._keep(conn, "update tblproduct set status = %s where configname = %s")
        elif chosen < 0.65:
            conn.execute(
                "update tblproduct set amount = %s where configname = %s",
                (rnd.randrange(1000), name),
            )
        elif chosen < 0.8:
            conn.execute(
                "update tblproduct set catalogname = %s where configname = %s",
                (f"cat {rnd.randrange(3)}", name),
            )
        elif chosen < 0.9:
            conn.execute(
                "insert into tblproduct (productname, configname)"
                " select productname, 'guest' from tblproduct where configname = %s",
                (name,),
            )
        else:
            conn.execute(
                "delete from tblproduct where productid = (select min(productid) from tblproduct"
                " where configname = 'guest')"
            )

    def _new(self, conn: psycopg.Connection) -> None:
        rnd = self.random
        chosen = rnd.random()
        name = f"hot {rnd.randrange(HOT)}"
        if chosen < 0.5:
            self._keep(conn, "update tblconfig set sku = %s where name = %s")
        elif chosen < 0.7:
            conn.execute(
                "insert into tblconfigprice (priceid, configid, amount, effectivefrom)"
                " select gen_random_uuid(), configid, %s, clock_timestamp()"
                " from tblconfig where name = %s",
                (rnd.randrange(1000), name),
            )
        elif chosen < 0.8:
            conn.execute(
                "update tblbaseproduct set name = 'Hot ' || %s where baseproductid = ("
                " select baseproductid from tblproductversion join tblcatalog using (versionid)"
                " join tblconfig using (catalogid) where tblconfig.name = %s)",
                (rnd.randrange(10**9), name),
            )
        elif chosen < 0.9:
            conn.execute(
                "update tblconfig set catalogid = (select catalogid from tblcatalog"
                " join tblconfig as other using (catalogid) where other.name = %s) where name = %s",
                (f"hot {rnd.randrange(HOT)}", name),
            )
        else:
            conn.execute(
                "delete from tblconfig where configid = (select configid from tblconfig"
                " where name = 'guest' limit 1)"
            )


def written_by(shop: Database, seed: int) -> tuple[list[Session], str]:
    """All sessions at work for a while; and what they met, a million writes."""
    sessions = [Session(shop, number, seed) for number in range(SESSIONS)]
    for session in sessions:
        session.start()
    time.sleep(SECONDS)
    for session in sessions:
        session.stop.set()
    for session in sessions:
        session.join(60)
        if session.error is not None:
            raise session.error
    written = sum(session.written for session in sessions)
    met = sum((session.met for session in sessions), Counter[str]())
    rates = [
        f"{code} ({EXPECTED[code]}) {count * 10**6 / written:.0f}"
        for code, count in met.most_common()
    ]
    return sessions, f"{written} writes; per million: {', '.join(rates) or 'nothing'}"


def assert_known(conn: psycopg.Connection, sessions: list[Session], both: bool) -> None:
    """What each session was told is there; on its own side, or on both."""
    for session in sessions:
        column = "status" if session.is_old else "sku"
        for table, key in (("tblproduct", "configname"), ("tblconfig", "name")):
            if both or session.is_old == (table == "tblproduct"):
                query = f"select {key}, {column} from {table} where {key} = any (%s)"
                rows = conn.execute(query.encode(), (list(session.known),)).fetchall()
                assert dict(rows) == session.known, f"{table}.{column}, session {session.number}"


@pytest.mark.faults
def test_sixteen_sessions_on_one_product(
    shop: Database, record_property: Callable[[str, object], None]
) -> None:
    """The same sessions without the sync first, which tells what is the sync's doing."""
    seed = int(os.environ.get("PGTANDEM_SEED") or random.SystemRandom().randrange(10**6))
    record_property("told", f"PGTANDEM_SEED={seed}")
    with connect(shop.owner_dsn) as conn:
        conn.execute(
            "insert into tblproduct (productname, configname, amount)"
            " select 'Hot', 'hot ' || i, i from generate_series(0, %s) as i",
            (HOT - 1,),
        )
        for direction in DIRECTIONS:
            conn.execute("select tandem.set_sync('products', %s, false)", (direction,))
        sessions, told = written_by(shop, seed)
        record_property("told", f"16 sessions without sync: {told}")
        assert_known(conn, sessions, both=False)
        for direction in DIRECTIONS:
            conn.execute("select tandem.set_sync('products', %s, true)", (direction,))
        conn.execute(
            "call tandem.repair('products', 'flat', p_dry_run => false, p_extra => 'delete')"
        )
        assert_in_step(conn)
        sessions, told = written_by(shop, seed)
        record_property("told", f"16 sessions with sync: {told}")
        assert_in_step(conn)
        assert_nothing_left_behind(conn)
        assert_known(conn, sessions, both=True)
        hot = "select count(*), count(distinct configid) from tblproduct where configname like %s"
        assert conn.execute(hot.encode(), ("hot %",)).fetchone() == (HOT, HOT)
        assert one(conn, "select count(*) from tblconfig where name like 'hot %'") == HOT
