"""Traps 10 to 18: two sessions, READ COMMITTED unless said. Waits are seen, never slept for."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from support.databases import Database
from support.shop import migrate, one, prepared
from sync.catalogue import add, assert_same, counts, hierarchy, names
from sync.histories import NEW, OLD
from sync.scheduler import Session
from sync.shops import Shop
from sync.test_laws import hasten_deadlocks

RENAME_Z = (NEW, "update tblbaseproduct set name = 'Z'")
SET_NAME = (OLD, "update tblproduct set configname = 'n'")
SET_STATUS = (NEW, "update tblconfig set status = 't'")


def session(shop: Shop, role: str) -> Session:
    return Session(shop.connect(role), role)


def run(one: Session, *statements: str) -> None:
    """Run statements that nothing may stop."""
    for text in statements:
        one.send(text)
        assert one.wait() is None, one.message


def interleave(shop: Shop, first: tuple[str, str], second: tuple[str, str]) -> str | None:
    """The first's transaction is open while the second writes; then both commit.

    Each is (role, statement). Returns the SQLSTATE of the second, None where it was accepted.
    """
    one, two = session(shop, first[0]), session(shop, second[0])
    run(one, "begin", first[1])
    run(two, "begin")
    two.run_until_blocked(second[1], shop.owner)
    run(one, "commit")
    state = two.wait()
    run(two, "rollback" if state else "commit")
    return state


# 10 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hierarchy_column", ["name", "status"], ids=["same", "disjoint"])
def test_trap_10_opposite_directions_deadlock_at_worst_once(
    shop: Shop, hierarchy_column: str
) -> None:
    hasten_deadlocks(shop)
    key = add(shop, "A", configname="x", status="s")
    one, two = session(shop, OLD), session(shop, NEW)
    run(one, "begin", f"select * from tblproduct where productid = {key} for update")
    assert not two.run_until_blocked(f"update tblconfig set {hierarchy_column} = 'new'", shop.owner)
    one.send("update tblproduct set configname = 'old'")
    states = [one.wait(), two.wait() if one.sqlstate else None]
    if one.sqlstate is None:
        run(one, "commit")
        states.append(two.wait())
    else:
        run(one, "rollback")
    assert [state for state in states if state] == ["40P01"]
    assert_same(shop)
    # the victim tries again
    if one.sqlstate or states[0]:
        run(one, "update tblproduct set configname = 'old'")
    else:
        run(two, f"update tblconfig set {hierarchy_column} = 'new'")
    rows = shop.rows("select configname, status from tblproduct")
    if hierarchy_column == "status":
        assert rows == [("old", "new")]
    else:
        assert rows in ([("old", "s")], [("new", "s")])
    assert_same(shop)


def test_trap_10_both_writes_survive_under_load_and_the_rate_is_told(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    """Disjoint columns of one entity from both sides, as fast as it goes."""
    hasten_deadlocks(shop)
    add(shop, "A", configname="0", status="0")
    writes, deadlocks = 150, {OLD: 0, NEW: 0}

    def write(role: str, text: str) -> None:
        with psycopg.connect(shop.db.dsn(role), autocommit=True) as conn:
            for number in range(1, writes + 1):
                while True:
                    try:
                        conn.execute(text, (str(number),))
                        break
                    except psycopg.errors.DeadlockDetected:
                        deadlocks[role] += 1

    threads = [
        threading.Thread(target=write, args=(OLD, "update tblproduct set configname = %s")),
        threading.Thread(target=write, args=(NEW, "update tblconfig set status = %s")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert shop.rows("select configname, status from tblproduct") == [(str(writes), str(writes))]
    assert_same(shop)
    total = sum(deadlocks.values())
    record_property("deadlocks per 1000 writes", round(1000 * total / (2 * writes), 1))
    assert total < writes / 2


# 11 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SET_NAME, SET_STATUS),
        (SET_STATUS, SET_NAME),
        ((OLD, "update tblproduct set configname = 'n', status = 't'"),
         (NEW, "insert into tblconfigprice (configid, amount) select configid, 7 from tblconfig")),
        ((NEW, "insert into tblconfigprice (configid, amount) select configid, 7 from tblconfig"),
         (OLD, "update tblproduct set configname = 'n', status = 't'")),
        (RENAME_Z,
         (OLD, "update tblproduct set configname = 'n', status = 't'")),
        ((OLD, "update tblproduct set configname = 'n', status = 't', amount = 7"),
         RENAME_Z),
        ((NEW, "update tblproductversion set version = 'v9'"),
         RENAME_Z),
    ],
    ids=["flat-leaf", "leaf-flat", "flat-price", "price-flat", "base-flat", "flat-base", "levels"],
)  # fmt: skip
def test_trap_11_disjoint_columns_survive_without_a_deadlock(
    shop: Shop, first: tuple[str, str], second: tuple[str, str]
) -> None:
    add(shop, "A", configname="x", status="s", amount=1)
    assert interleave(shop, first, second) is None
    row = shop.rows("select productname, version, configname, status, amount from tblproduct")[0]
    told = first[1] + second[1]
    assert row[0] == ("Z" if "'Z'" in told else "A")
    assert row[1] == ("v9" if "'v9'" in told else None)
    assert row[2] == ("n" if "'n'" in told else "x")
    assert row[3] == ("t" if "'t'" in told else "s")
    assert row[4] == (7 if "7" in told else 1)
    assert_same(shop)


# 12 -----------------------------------------------------------------------------------------------

INSERT_NEW = "insert into tblproduct (productname, version) values ('N', 'v')"


def test_trap_12_two_sessions_create_the_same_parent(shop: Shop) -> None:
    assert interleave(shop, (OLD, INSERT_NEW), (OLD, INSERT_NEW)) is None
    assert counts(shop)[:4] == (1, 1, 1, 2)
    assert_same(shop)


def test_trap_12_the_first_gives_up_and_the_second_creates_it(shop: Shop) -> None:
    one, two = session(shop, OLD), session(shop, OLD)
    run(one, "begin", INSERT_NEW)
    assert not two.run_until_blocked(INSERT_NEW, shop.owner)
    run(one, "rollback")
    assert two.wait() is None
    assert counts(shop)[:4] == (1, 1, 1, 1)
    assert_same(shop)


def test_trap_12_the_new_program_creates_the_same_parent(shop: Shop) -> None:
    one, two = session(shop, NEW), session(shop, OLD)
    run(one, "begin", "insert into tblbaseproduct (name) values ('N')")
    assert not two.run_until_blocked(INSERT_NEW, shop.owner)
    run(one, "commit")
    assert two.wait() is None
    assert counts(shop)[:4] == (1, 1, 1, 1)
    assert_same(shop)


def test_trap_12_many_rows_in_opposite_order_end(shop: Shop) -> None:
    """Parents of one statement are created row by row: a deadlock is told, and the retry works."""
    hasten_deadlocks(shop)
    for order in ("asc", "desc"):
        text = (
            "insert into tblproduct (productname) select 'P' || i from generate_series(1, 40) as i"
            f" order by i {order}"
        )
        (shop.old if order == "asc" else shop.connect(OLD)).execute(text)
    errors: list[str | None] = []

    def write(order: str) -> None:
        with psycopg.connect(shop.db.dsn(OLD), autocommit=True) as conn:
            for round_number in range(5):
                while True:
                    try:
                        conn.execute(
                            "insert into tblproduct (productname) select %s || i"
                            f" from generate_series(1, 40) as i order by i {order}",
                            (f"R{round_number}-",),
                        )
                        break
                    except psycopg.Error as error:
                        errors.append(error.sqlstate)

    threads = [threading.Thread(target=write, args=(order,)) for order in ("asc", "desc")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(errors) <= {"40P01"}
    assert counts(shop)[:4] == (240, 240, 240, 480)
    assert_same(shop)


# 13 -----------------------------------------------------------------------------------------------

BELOW = {
    "by flat": (OLD, "insert into tblproduct (productname, version, catalogname, configname,"
                     " amount) values ('A', 'v', 'c', 'added', 1)"),
    "by hierarchy": (NEW, "insert into tblconfig (catalogid, name)"
                          " select catalogid, 'added' from tblcatalog where name = 'c'"
                          " and versionid in (select versionid from tblproductversion where"
                          " baseproductid in (select baseproductid from tblbaseproduct"
                          " where name = 'A'))"),
    "by a move": (OLD, "update tblproduct set productname = 'A', version = 'v', catalogname = 'c',"
                       " configname = 'added' where productname = 'Other'"),
    "by a move in the hierarchy": (NEW, "update tblconfig set name = 'added', catalogid = ("
                       "select c.catalogid from tblcatalog c join tblproductversion v using"
                       " (versionid) join tblbaseproduct b using (baseproductid)"
                       " where b.name = 'A') where name = 'other'"),
}  # fmt: skip
ABOVE = {
    "base renamed": "update tblbaseproduct set name = 'Z' where name = 'A'",
    "version renamed": "update tblproductversion set version = 'vz' where version = 'v'",
    "catalog renamed": "update tblcatalog set name = 'cz' where name = 'c'",
    "version moved": "update tblproductversion set baseproductid = (select baseproductid from"
    " tblbaseproduct where name = 'Other') where version = 'v'",
    "catalog moved": "update tblcatalog set versionid = (select versionid from tblproductversion"
    " where version = 'other') where name = 'c'",
}


@pytest.mark.parametrize("insert_first", [True, False], ids=["insert-first", "rename-first"])
@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("below", BELOW)
def test_trap_13_a_leaf_comes_under_a_parent_that_is_renamed(
    shop: Shop, below: str, above: str, insert_first: bool
) -> None:
    add(shop, "A", version="v", catalogname="c", configname="there", amount=1)
    add(shop, "Other", version="other", catalogname="other", configname="other")
    rename = (NEW, ABOVE[above])
    pair = (BELOW[below], rename) if insert_first else (rename, BELOW[below])
    state = interleave(shop, *pair)
    assert state in (None, "40P01")
    assert_same(shop)
    rows = {row[3]: row[:3] for row in hierarchy(shop)}
    moved = {
        "base renamed": ("Z", "v", "c"),
        "version renamed": ("A", "vz", "c"),
        "catalog renamed": ("A", "v", "cz"),
        "version moved": ("Other", "v", "c"),
        "catalog moved": ("Other", "other", "c"),
    }[above]
    if state is None:
        assert rows["there"] == moved
        if insert_first or below in ("by hierarchy", "by a move in the hierarchy"):
            assert rows["added"] == moved
        else:  # the old program's words are taken as they are: a parent of that name is made
            assert rows["added"] == ("A", "v", "c")


@pytest.mark.parametrize("way", ["flat", "hierarchy"])
def test_trap_13_the_insert_waits_for_a_rename_that_is_rolled_back(shop: Shop, way: str) -> None:
    add(shop, "A", version="v", catalogname="c", configname="there")
    one = session(shop, NEW)
    role, text = BELOW[f"by {way}"]
    two = session(shop, role)
    run(one, "begin", ABOVE["base renamed"])
    assert not two.run_until_blocked(text, shop.owner)
    run(one, "rollback")
    assert two.wait() is None
    assert names(shop) == ["A"]
    assert_same(shop)


# 14 -----------------------------------------------------------------------------------------------

MOVES = {
    "by flat": (OLD, "update tblproduct set productname = 'B' where configname = 'mover'"),
    "by hierarchy": (NEW, "update tblconfig set catalogid = (select c.catalogid from tblcatalog c"
                          " join tblproductversion v using (versionid) join tblbaseproduct b"
                          " using (baseproductid) where b.name = 'B') where name = 'mover'"),
}  # fmt: skip


@pytest.mark.parametrize("move_first", [True, False], ids=["move-first", "rename-first"])
@pytest.mark.parametrize("above", ["base renamed", "version renamed", "catalog renamed"])
@pytest.mark.parametrize("way", MOVES)
def test_trap_14_a_leaf_moves_while_its_old_parent_is_renamed(
    shop: Shop, way: str, above: str, move_first: bool
) -> None:
    add(shop, "A", version="v", catalogname="c", configname="mover")
    add(shop, "A", version="v", catalogname="c", configname="stays")
    add(shop, "B", version="vb", catalogname="cb", configname="b")
    rename = (NEW, ABOVE[above])
    pair = (MOVES[way], rename) if move_first else (rename, MOVES[way])
    state = interleave(shop, *pair)
    assert state in (None, "40P01")
    assert_same(shop)
    rows = {row[3]: row[:3] for row in hierarchy(shop)}
    if state is None:
        assert rows["mover"][0] == "B"
        assert rows["stays"][0] == ("Z" if above == "base renamed" else "A")


# 15 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [(OLD, OLD), (NEW, NEW), (OLD, NEW), (NEW, OLD)])
def test_trap_15_the_last_two_leaves_are_deleted_at_once(
    shop: Shop, roles: tuple[str, str]
) -> None:
    add(shop, "A", configname="x")
    add(shop, "A", configname="y")
    tables = {OLD: ("tblproduct", "configname"), NEW: ("tblconfig", "name")}
    first, second = (
        (role, f"delete from {tables[role][0]} where {tables[role][1]} = '{name}'")
        for role, name in zip(roles, "xy", strict=True)
    )
    assert interleave(shop, first, second) is None
    assert counts(shop) == (1, 1, 1, 0, 0)
    assert shop.value("select count(*) from tblproduct") == 0
    assert_same(shop)


@pytest.mark.parametrize("delete_first", [True, False])
@pytest.mark.parametrize("way", ["by flat", "by hierarchy"])
def test_trap_15_the_last_leaf_goes_while_another_comes(
    shop: Shop, way: str, delete_first: bool
) -> None:
    add(shop, "A", version="v", catalogname="c", configname="last")
    delete = (OLD, "delete from tblproduct where configname = 'last'")
    pair = (delete, BELOW[way]) if delete_first else (BELOW[way], delete)
    assert interleave(shop, *pair) is None
    assert [row[:4] for row in hierarchy(shop)] == [("A", "v", "c", "added")]
    assert_same(shop)


@pytest.mark.parametrize("flat_first", [True, False])
def test_trap_15_both_sides_delete_the_same_leaf(shop: Shop, flat_first: bool) -> None:
    hasten_deadlocks(shop)
    add(shop, "A", configname="x", amount=1)
    pair = [(OLD, "delete from tblproduct"), (NEW, "delete from tblconfig")]
    assert interleave(shop, *(pair if flat_first else pair[::-1])) in (None, "40P01")
    assert counts(shop) == (1, 1, 1, 0, 0)
    assert_same(shop)


@pytest.mark.parametrize(
    "write",
    [
        (NEW, "update tblconfig set status = 's'"),
        (NEW, "insert into tblconfigprice (configid, amount) select configid, 9 from tblconfig"),
        (NEW, "update tblbaseproduct set name = 'Z' where name = 'A'"),
        (OLD, "update tblproduct set productname = 'B', amount = 3"),
    ],
    ids=["leaf", "price", "base", "flat"],
)
@pytest.mark.parametrize("delete_first", [True, False])
def test_trap_15_a_leaf_is_deleted_while_it_is_written(
    shop: Shop, write: tuple[str, str], delete_first: bool
) -> None:
    hasten_deadlocks(shop)
    add(shop, "A", configname="x", amount=1)
    for role, table in ((OLD, "tblproduct"), (NEW, "tblconfig")):
        delete = (role, f"delete from {table}")
        state = interleave(shop, *((delete, write) if delete_first else (write, delete)))
        assert state in (None, "40P01", "23503")
        assert_same(shop)
        shop.owner.execute("delete from tblproduct; delete from tblconfig;"
                           "delete from tblcatalog; delete from tblproductversion;"
                           "delete from tblbaseproduct")  # fmt: skip
        add(shop, "A", configname="x", amount=1)


# 16 -----------------------------------------------------------------------------------------------

STRICT = ["repeatable read", "serializable"]


@pytest.mark.parametrize("level", STRICT)
@pytest.mark.parametrize(
    ("early", "late"),
    [
        (SET_STATUS, SET_NAME),
        (SET_NAME, SET_STATUS),
        (RENAME_Z, (OLD, "update tblproduct set amount = 3")),
        ((OLD, INSERT_NEW), (OLD, INSERT_NEW)),
        (RENAME_Z,
         (OLD, "insert into tblproduct (productname) values ('A')")),
    ],
    ids=["leaf-flat", "flat-leaf", "base-flat", "same-parent", "rename-insert"],
)  # fmt: skip
def test_trap_16_a_snapshot_that_is_too_old_gets_40001_and_nothing_is_half_written(
    shop: Shop, level: str, early: tuple[str, str], late: tuple[str, str]
) -> None:
    add(shop, "A", configname="x", status="s", amount=1)
    strict = session(shop, late[0])
    run(strict, f"begin isolation level {level}", "select 1 from pg_class limit 1")
    run(session(shop, early[0]), early[1])
    before = hierarchy(shop)
    strict.send(late[1])
    state = strict.wait()
    if state is None:
        strict.send("commit")
        state = strict.wait()
    assert state == "40001", strict.message
    run(strict, "rollback")
    assert hierarchy(shop) == before
    assert_same(shop)
    run(strict, f"begin isolation level {level}", late[1], "commit")
    assert_same(shop)


@pytest.mark.parametrize("level", STRICT)
def test_trap_16_strict_writers_work_when_nobody_interferes(shop: Shop, level: str) -> None:
    key = add(shop, "A", configname="x", amount=1)
    with shop.old.transaction():
        shop.old.execute(f"set transaction isolation level {level}")
        shop.old.execute("update tblproduct set productname = 'B', amount = 2, configname = 'y'")
        shop.old.execute("insert into tblproduct (productname) values ('C')")
        shop.old.execute("delete from tblproduct where productid = %s", (key,))
    with shop.new.transaction():
        shop.new.execute(f"set transaction isolation level {level}")
        shop.new.execute("update tblconfig set status = 's'")
        shop.new.execute(
            "insert into tblconfigprice (configid, amount) select configid, 4 from tblconfig"
        )
        shop.new.execute(
            "insert into tblconfig (catalogid, name) select catalogid, 'n' from tblconfig"
        )
        shop.new.execute("delete from tblconfig where name is null")
    assert_same(shop)


@pytest.mark.parametrize("level", STRICT)
@pytest.mark.parametrize("above", ["base renamed", "version renamed", "catalog moved"])
def test_trap_16_a_parent_is_renamed_in_read_committed_only(
    shop: Shop, level: str, above: str
) -> None:
    add(shop, "A", version="v", catalogname="c")
    add(shop, "Other", version="other")
    strict = session(shop, NEW)
    run(strict, f"begin isolation level {level}")
    strict.send(ABOVE[above])
    assert strict.wait() == "TD043"
    run(strict, "rollback")
    assert_same(shop)


def test_trap_16_prepare_transaction_meets_no_temporary_objects(shop: Shop) -> None:
    """Where two-phase commit is switched off (55000) it is refused later than 0A000 would be."""
    key = add(shop, "A", configname="x", amount=1)
    one = session(shop, OLD)
    run(one, "begin", "update tblproduct set productname = 'B', amount = 2, configname = 'y'",
        INSERT_NEW, f"delete from tblproduct where productid = {key}")  # fmt: skip
    one.send("prepare transaction 'trap_16'")
    state = one.wait()
    if int(shop.value("select current_setting('max_prepared_transactions')")):
        assert state is None
        run(one, "commit prepared 'trap_16'")
        assert names(shop) == ["A", "B", "N"]
    else:
        assert state == "55000"
    assert_same(shop)


# 17 -----------------------------------------------------------------------------------------------

MANY = 10_000  # rows of a statement in trap 17
SOME = 3_000


def fill(shop: Shop, rows: int) -> None:
    shop.old.execute(
        "insert into tblproduct (productname, version, configname, status, amount)"
        " select 'P' || i %% 50, 'v' || i %% 2, 'c' || i, 's', i from generate_series(1, %s) as i",
        (rows,),
    )


@pytest.mark.slow
def test_trap_17_a_statement_of_many_rows_uses_no_subtransactions(shop: Shop) -> None:
    fill(shop, MANY)
    next_xid = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    for role, text in (
        (OLD, "update tblproduct set status = 't', amount = amount + 1"),
        (OLD, "update tblproduct set version = 'moved' where productid % 5 = 0"),
        (NEW, "update tblconfig set status = 'u'"),
        (NEW, "update tblbaseproduct set name = name || '!'"),
    ):
        before = shop.value(next_xid)
        shop.connect(role).execute(text)
        # each subtransaction that writes takes a transaction id
        assert shop.value(next_xid) - before < 20, text
    assert_same(shop)


# 18 -----------------------------------------------------------------------------------------------


def milliseconds(
    conn: psycopg.Connection[tuple[object, ...]], text: str, rounds: int = 40
) -> float:
    """The median of single-row writes on different rows."""
    taken = []
    for number in range(1, rounds + 1):
        begun = time.perf_counter()
        conn.execute(text, (f"w{time.perf_counter()}"[:15], number))
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)


@pytest.mark.parametrize("role", [OLD, NEW])
def test_trap_18_single_rows_stay_quick_after_a_bulk_statement(shop: Shop, role: str) -> None:
    fill(shop, SOME)
    shop.owner.execute("analyze")
    if role == OLD:
        one = "update tblproduct set status = %s where productid = %s"
        bulk = "update tblproduct set status = 'bulk', amount = amount + 1"
    else:
        one = (
            "update tblconfig set status = %s where configid ="
            " (select configid from tblconfig order by configid offset %s limit 1)"
        )
        bulk = "update tblconfig set status = 'bulk'"
    fresh = milliseconds(shop.connect(role), one)
    poisoned = shop.connect(role)
    poisoned.execute(bulk)
    after = milliseconds(poisoned, one)
    assert after < 5 * fresh, f"{fresh:.2f} ms, and {after:.2f} ms after the bulk statement"
    assert_same(shop)


def test_trap_18_a_session_that_began_with_empty_tables_stays_quick(shop: Shop) -> None:
    """Plans made while the tables were empty must not stay when they have grown."""
    early = shop.connect(OLD)
    for number in range(1, 11):
        early.execute("insert into tblproduct (productid, productname) values (%s, 'early')",
                      (100_000 + number,))  # fmt: skip
        early.execute("update tblproduct set status = 'x', configname = 'x' where productid = %s",
                      (100_000 + number,))  # fmt: skip
    fill(shop, SOME)
    shop.owner.execute("analyze")
    text = "update tblproduct set status = %s where productid = %s"
    fresh = milliseconds(shop.connect(OLD), text)
    after = milliseconds(early, text)
    assert after < 5 * fresh, f"{fresh:.2f} ms, and {after:.2f} ms in the early session"


def test_trap_18_a_session_that_wrote_when_the_migration_began_stays_quick(
    db: Database,
) -> None:
    """Plans made when the new tables were nearly empty do not last while they fill."""
    owner = db.owner()
    prepared(owner, 12_000)
    migrate(owner, p_batch_rows=10, p_max_batches=12)
    assert one(owner, "select phase from tandem.mapping") == "syncing"
    early = db.old_app()
    for number in range(1, 31):
        early.execute(
            "update tblproduct set status = 'e', configname = 'e', amount = amount + 1,"
            " productname = productname || '!' where productid = %s",
            (number,),
        )
        early.execute("insert into tblproduct (productname, amount) values ('early', 1)")
    migrate(owner, p_batch_rows=500, p_max_batches=23)
    assert one(owner, "select state from tandem.progress limit 1") == "paused"
    early.execute("select pg_stat_force_next_flush()")
    count = (
        "select sum(seq_tup_read) from pg_stat_user_tables"
        " where relname in ('tblconfig', 'tblconfigprice', 'tblcatalog', 'tblproductversion')"
    )
    before = one(owner, count)
    for number in range(1, 11):
        early.execute(
            "update tblproduct set status = 'f', amount = amount + 1, productname = productname"
            " || '?' where productid = %s",
            (number,),
        )
        early.execute("insert into tblproduct (productname, amount) values ('late', 1)")
    early.execute("select pg_stat_force_next_flush()")
    assert one(owner, count) - before < 1000


@pytest.mark.parametrize("rows", [0, 2, 100])
def test_trap_22_a_bulk_insert_into_a_small_synced_shop_reads_no_table_whole(
    db: Database, rows: int
) -> None:
    """One statement is planned once: with tables that were analysed when they held a row or two
    each row would be looked for in all those before it."""
    owner = db.owner()
    prepared(owner, rows)
    migrate(owner)
    loader = db.old_app()
    loader.execute(
        "insert into tblproduct (productname, configname, amount)"
        " select 'P' || i % 50, 'c' || i, i from generate_series(1, 1500) as i"
    )
    loader.execute("select pg_stat_force_next_flush()")
    read = one(owner, "select sum(seq_tup_read) from pg_stat_user_tables where relname ~ '^tbl'")
    assert read < 50_000


# --- what a DELETE kept ---------------------------------------------------------------------------


def with_notes(shop: Shop) -> tuple[object, ...]:
    """A leaf with what the flat table cannot hold, and its price rows: its id and all of that."""
    add(shop, "A", productid=1001, configname="x", amount=1)
    shop.new.execute("update tblconfig set notes = 'kept'; update tblconfigprice set note = 'p'")
    return complement(shop)


def complement(shop: Shop) -> tuple[object, ...]:
    (row,) = shop.rows(
        "select f.configid, f.notes, array_agg((p.priceid, p.amount, p.note) order by p.priceid)"
        " from tblconfig f join tblconfigprice p using (configid) group by f.configid"
    )
    return row


INSERT_AGAIN = (
    "insert into tblproduct (productid, productname, version, configname, amount)"
    " values (1001, 'B', 'v', 'x', 1)"
)


@pytest.mark.parametrize("end", ["", " on conflict do nothing"])
@pytest.mark.parametrize("role", [OLD, NEW])
def test_an_insert_that_waits_for_a_delete_of_its_key_gets_the_leaf_back(
    shop: Shop, role: str, end: str
) -> None:
    """By a DELETE in the hierarchy nothing is kept: then the leaf is a new one."""
    before = with_notes(shop)
    add(shop, "B", version="v")
    table = "tblproduct where productid = 1001" if role == OLD else "tblconfig where notes = 'kept'"
    one, two = session(shop, role), session(shop, OLD)
    run(one, "begin", f"delete from {table}")
    assert not two.run_until_blocked(INSERT_AGAIN + end, shop.owner)
    run(one, "commit")
    assert two.wait() is None, two.message
    if role == OLD:
        assert complement(shop) == before
    else:
        assert complement(shop)[0] != before[0]
    assert shop.value(f"select count(*) from {shop.schema}.kept") == 0
    assert shop.value("select productname from tblproduct where productid = 1001") == "B"
    assert_same(shop)


@pytest.mark.parametrize(
    "texts",
    [
        ["begin", "delete from tblproduct where productid = 1001", INSERT_AGAIN, "commit"],
        ["with gone as (delete from tblproduct where productid = 1001 returning *)"
         " insert into tblproduct (productid, productname, version, configname, amount)"
         " select productid, 'B', 'v', 'x', 1 from gone"],
    ],
    ids=["statements", "one statement"],
)  # fmt: skip
def test_a_delete_and_an_insert_of_one_transaction_keep_the_leaf(
    shop: Shop, texts: list[str]
) -> None:
    before = with_notes(shop)
    add(shop, "B", version="v")
    one = session(shop, OLD)
    for text in texts:
        run(one, text)
    assert complement(shop) == before
    assert_same(shop)
