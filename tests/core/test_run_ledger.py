"""The run ledger and the one loop that commits."""

from __future__ import annotations

import json
import time

import psycopg
import pytest
from psycopg import sql

from support.databases import Database
from support.locks import wait_for_lock_wait, wait_until
from support.shop import (
    Connection,
    assert_in_step,
    catalog,
    contents,
    fill,
    in_background,
    last_run,
    migrate,
    one,
    prepared,
)


def counts(conn: Connection) -> tuple[int, int, int, int]:
    """read, written, unchanged, rejected of the newest run."""
    read, written, unchanged, rejected = last_run(
        conn, "read_rows", "written_rows", "unchanged_rows", "rejected_rows"
    )
    return read, written, unchanged, rejected


def setting(conn: Connection, name: str, value: str) -> None:
    conn.execute("update tandem.setting set value = %s where name = %s", (value, name))


def wait_for_batches(conn: Connection, batches: int) -> None:
    """Until the newest run has saved so many batches."""
    wait_until(
        lambda: (
            one(
                conn,
                "select coalesce((select r.batches from tandem.run as r"
                " where r.kind = 'migrate' order by r.run_id desc limit 1), 0)",
            )
            >= batches
        ),
        f"{batches} batches",
    )


def assert_all_done(conn: Connection, rows: int) -> None:
    """The newest run saw each row; what a live trigger moved first, it found unchanged."""
    read, written, unchanged, rejected = counts(conn)
    assert (read, written + unchanged, rejected) == (rows, rows, 0)


def test_a_run_counts_what_it_did(db: Database) -> None:
    conn = db.owner(application_name="night job")
    prepared(conn, 1000)
    conn.execute("insert into tblproduct (productname) values (''), (' ')")
    migrate(conn, p_batch_rows=150)
    assert counts(conn) == (1002, 1000, 0, 2)
    row = last_run(
        conn,
        "kind",
        "mapping",
        "state",
        "attempt",
        "total_rows",
        "started_by",
        "application",
        "error_sqlstate",
    )
    assert row == ("migrate", "products", "done", 1, 1002, "shop_owner", "night job", None)
    assert one(
        conn, "select finished_at >= started_at from tandem.run order by run_id desc limit 1"
    )
    assert one(conn, "select wal_bytes > 0 from tandem.run order by run_id desc limit 1")
    assert_in_step(conn)


def test_batches_add_up_to_their_run(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 700)
    migrate(conn, p_batch_rows=100)
    different = conn.execute(
        """
        select r.run_id from tandem.run as r
        join (
            select b.run_id, count(*) as batches, max(b.batch) as last, sum(b.read_rows) as read,
                sum(b.written_rows) as written, sum(b.unchanged_rows) as unchanged,
                sum(b.rejected_rows) as rejected, sum(b.wal_bytes) as wal
            from tandem.run_batch as b group by b.run_id
        ) as b on b.run_id = r.run_id
        where (r.batches, r.batches, r.read_rows, r.written_rows, r.unchanged_rows,
            r.rejected_rows, r.wal_bytes) is distinct from (b.batches, b.last, b.read, b.written,
            b.unchanged, b.rejected, b.wal)
        """
    ).fetchall()
    assert different == []
    sizes = conn.execute(
        "select read_rows from tandem.run_batch where read_rows > 0 order by batch"
    ).fetchall()
    assert [size for (size,) in sizes] == [100] * 7


def test_counts_that_do_not_add_up_are_refused(db: Database) -> None:
    conn = db.owner()
    with pytest.raises(psycopg.errors.CheckViolation, match="run_count_check"):
        conn.execute("insert into tandem.run (kind, read_rows) values ('migrate', 1)")


def test_max_batches_pauses_and_the_same_call_goes_on(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 1000)
    migrate(conn, p_batch_rows=100, p_max_batches=14)
    state, attempt, run_id = last_run(conn, "state", "attempt", "run_id")
    assert (state, attempt) == ("paused", 1)
    read = counts(conn)[0]
    assert 0 < read < 1000
    assert one(conn, "select count(*) from tblconfig") == read
    # how fast to go may change; the run stays the same
    migrate(conn, p_batch_rows=37, p_pause_ms=1)
    assert last_run(conn, "state", "attempt", "run_id") == ("done", 2, run_id)
    assert counts(conn) == (1000, 1000, 0, 0)
    attempts = conn.execute(
        "select attempt, sum(read_rows) from tandem.run_batch where run_id = %s"
        " group by attempt order by 1",
        (run_id,),
    ).fetchall()
    assert [int(total) for _, total in attempts] == [read, 1000 - read]
    assert_in_step(conn)


def test_a_second_migration_finds_nothing_to_write(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 300)
    migrate(conn)
    before = contents(conn, ("public",))
    migrate(conn)
    assert counts(conn) == (300, 0, 300, 0)
    assert contents(conn, ("public",)) == before


def test_a_cancelled_run_goes_on_where_it_stopped(db: Database) -> None:
    conn, admin = db.owner(), db.owner()
    prepared(conn, 2000)
    pid = conn.info.backend_pid

    def call() -> None:
        with pytest.raises(psycopg.errors.QueryCanceled):
            migrate(conn, p_batch_rows=20, p_pause_ms=20)

    with in_background(conn, call) as done:
        wait_for_batches(admin, 14)
        admin.execute("select pg_cancel_backend(%s)", (pid,))
        done.result(30)
    assert last_run(conn, "state", "finished_at") == ("running", None)
    assert one(conn, "select count(*) from pg_locks where locktype = 'advisory'") == 0
    migrate(conn, p_batch_rows=500)
    assert last_run(conn, "state", "attempt") == ("done", 2)
    assert counts(conn) == (2000, 2000, 0, 0)
    assert_in_step(conn)


def assert_refused_while_running(db: Database, first: Connection, second: Connection) -> None:
    """The second caller leaves at once and says who runs; the first notices nothing."""
    second.execute("set statement_timeout = '2s'")
    with pytest.raises(psycopg.errors.DatabaseError) as caught:
        migrate(second, p_batch_rows=20, p_pause_ms=5)
    second.execute("reset statement_timeout")
    diag = caught.value.diag
    assert diag.sqlstate == "TD010", str(caught.value)
    assert "shop_owner" in (diag.message_detail or "")
    assert "the first" in (diag.message_detail or "")
    assert str(first.info.backend_pid) in (diag.message_detail or "")
    assert "pg_cancel_backend" in (diag.message_hint or "")


@pytest.mark.parametrize("pause_ms", [0, 40])
def test_a_second_caller_is_refused_and_told_who_runs(db: Database, pause_ms: int) -> None:
    first, second = db.owner(application_name="the first"), db.owner()
    prepared(second, 3000)

    def call() -> None:
        migrate(first, p_batch_rows=20, p_pause_ms=pause_ms)

    with in_background(first, call) as done:
        wait_for_batches(second, 14)
        try:
            for _ in range(6):
                assert_refused_while_running(db, first, second)
        finally:
            setting(second, "pause", "off")
            if pause_ms:
                second.execute("select pg_cancel_backend(%s)", (first.info.backend_pid,))
        if pause_ms:
            with pytest.raises(psycopg.errors.QueryCanceled):
                done.result(60)
        else:
            done.result(60)
            assert counts(second) == (3000, 3000, 0, 0)
    assert last_run(second, "attempt") == (1,)


def test_a_run_that_holds_is_still_running(db: Database) -> None:
    first, second = db.owner(application_name="the first"), db.owner()
    prepared(second, 400)
    setting(second, "pause", "on")
    with in_background(first, lambda: migrate(first)) as done:
        try:
            wait_for_batches(second, 1)
            for _ in range(8):
                time.sleep(0.1)  # over the moments of the holding loop, which is 0.5 s long
                assert_refused_while_running(db, first, second)
        finally:
            setting(second, "pause", "off")
        done.result(30)
    assert last_run(second, "state", "attempt") == ("done", 1)


def test_a_session_that_was_replaced_stops(db: Database) -> None:
    first, second = db.owner(), db.owner()
    prepared(second, 400)
    setting(second, "pause", "on")

    def call() -> None:
        with pytest.raises(psycopg.errors.DatabaseError) as caught:
            migrate(first)
        assert caught.value.sqlstate == "TD011", str(caught.value)
        assert "Attempt 1" in (caught.value.diag.message_detail or "")

    with in_background(first, call) as done:
        try:
            wait_for_batches(second, 1)
            # what a resuming session does, had the first one been silent for a moment
            second.execute("update tandem.run set attempt = attempt + 1 where finished_at is null")
        finally:
            setting(second, "pause", "off")
        done.result(30)
    assert last_run(second, "state", "attempt") == ("running", 2)
    migrate(second)
    assert last_run(second, "state", "attempt") == ("done", 3)
    assert counts(second) == (400, 400, 0, 0)


def test_an_unfinished_run_with_other_parameters_is_superseded(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 500)
    migrate(conn, p_batch_rows=50, p_max_batches=13)
    (old,) = last_run(conn, "run_id")
    migrate(conn, p_on_reject="stop")
    rows = conn.execute(
        "select run_id = %s, state, error_message from tandem.run where kind = 'migrate'"
        " order by run_id",
        (old,),
    ).fetchall()
    assert rows == [(True, "failed", "superseded by migrate"), (False, "done", None)]
    read, written, unchanged, _ = counts(conn)
    assert (read, written + unchanged) == (500, 500)
    assert unchanged > 0
    assert_in_step(conn)


def test_one_transaction_is_all_or_nothing(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 300)
    before = contents(conn)
    conn.execute("begin")
    migrate(conn, p_one_transaction=True, p_batch_rows=50)
    assert one(conn, "select count(*) from tblconfig") == 300
    conn.execute("rollback")
    assert contents(conn) == before
    migrate(conn, p_one_transaction=True, p_batch_rows=50)
    assert counts(conn) == (300, 300, 0, 0)
    assert last_run(conn, "state") == ("done",)
    assert_in_step(conn)


def test_one_transaction_that_fails_leaves_nothing(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 300)
    conn.execute("alter table tblconfig add constraint no_c250 check (name <> 'c250')")
    before = contents(conn)
    with pytest.raises(psycopg.errors.CheckViolation, match="no_c250"):
        migrate(conn, p_one_transaction=True, p_on_reject="stop", p_batch_rows=50)
    assert contents(conn) == before


def test_a_run_in_one_transaction_keeps_no_other_run_waiting(db: Database) -> None:
    first, second = db.owner(application_name="the first"), db.owner()
    prepared(first, 300)
    first.execute("begin")
    migrate(first, p_one_transaction=True)
    second.execute("set statement_timeout = '3s'")
    with pytest.raises(psycopg.errors.DatabaseError) as caught:
        migrate(second)
    assert caught.value.sqlstate == "TD010", str(caught.value)
    first.execute("commit")
    assert_in_step(second)


def test_a_dry_run_leaves_nothing(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 500)
    conn.execute("insert into tblproduct (productname) values ('')")
    before, objects = contents(conn), catalog(conn)
    migrate(conn, p_dry_run=True, p_batch_rows=100)
    assert counts(conn) == (501, 500, 0, 1)
    after = contents(conn)
    for table in ("tandem.run", "tandem.run_batch"):  # the account of the run itself
        assert after.pop(table) != before.pop(table)
    assert after == before
    assert catalog(conn) == objects
    migrate(conn)
    assert counts(conn) == (501, 500, 0, 1)
    assert_in_step(conn)


def test_a_dry_run_does_not_end_a_paused_migration(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 500)
    migrate(conn, p_batch_rows=50, p_max_batches=13)
    (run_id,) = last_run(conn, "run_id")
    migrate(conn, p_dry_run=True)
    assert one(conn, "select state from tandem.run where run_id = %s", run_id) == "paused"
    migrate(conn, p_batch_rows=50)
    assert one(conn, "select state from tandem.run where run_id = %s", run_id) == "done"


def test_ranges_run_in_two_sessions_at_once(db: Database) -> None:
    first, second, watch = db.owner(), db.owner(), db.owner()
    prepared(watch, 2000)
    lower = {"p_from": "1", "p_to": "1000", "p_batch_rows": 50}
    upper = {"p_from": "1001", "p_to": "2000", "p_batch_rows": 50}
    with (
        in_background(first, lambda: migrate(first, **lower)) as one_done,
        in_background(second, lambda: migrate(second, **upper)) as other_done,
    ):
        one_done.result(60)
        other_done.result(60)
    rows = watch.execute(
        "select key_from, key_to, state, attempt, read_rows, written_rows from tandem.run"
        " where kind = 'migrate' order by key_from"
    ).fetchall()
    assert rows == [("1", "1000", "done", 1, 1000, 1000), ("1001", "2000", "done", 1, 1000, 1000)]
    overlap = one(
        watch,
        "select count(*) from tandem.run as a, tandem.run as b where a.key_from = '1'"
        " and b.key_from = '1001' and a.started_at < b.finished_at"
        " and b.started_at < a.finished_at",
    )
    assert overlap == 1, "the two did not run at once"
    # whichever came last has found nothing left, and both sides equal
    assert one(watch, "select phase from tandem.mapping") == "migrated"
    assert one(watch, "select sum(drift_rows) from tandem.run where kind = 'migrate'") == 0
    assert_in_step(watch)


@pytest.mark.parametrize("why", ["a gap", "a part under way", "drift"])
def test_a_range_does_not_end_the_migration_before_all_is_done(db: Database, why: str) -> None:
    """Row 50 in no part; a part that is only paused; a row that differs since a trigger was off."""
    conn = db.owner()
    prepared(conn, 100)
    migrate(conn, p_from="1", p_to="49" if why == "a gap" else "50")
    if why == "a part under way":
        migrate(conn, p_from="90", p_max_batches=1)
    if why == "drift":
        conn.execute("alter table tblproduct disable trigger user")
        conn.execute("update tblproduct set sku = 'other' where productid = 1")
        conn.execute("alter table tblproduct enable trigger user")
        conn.execute("alter table tblproduct disable trigger tandem_90_log")
    migrate(conn, p_from="51")
    assert one(conn, "select phase from tandem.mapping") == "syncing"
    migrate(conn)
    if why == "drift":
        assert one(conn, "select tandem.drift_count('products')") == 0
    assert one(conn, "select phase from tandem.mapping") == "migrated"
    assert_in_step(conn)


def test_a_range_begun_while_another_checks_is_still_a_part(db: Database) -> None:
    """The migration ends with the later of the two: what new programs write where the sync was off
    meanwhile is not overwritten by a part that had begun before."""
    conn = db.owner()
    prepared(conn, 100)
    migrate(conn, p_from="51")
    stage = "select max(cursor ->> 'stage') from tandem.run where key_from = %s and key_to = %s"
    for first, last, wanted in (("1", "50", "checks"), ("51", "99", "rows")):
        while one(conn, stage, first, last) != wanted:
            migrate(conn, p_from=first, p_to=last, p_max_batches=1, p_batch_rows=20)
    migrate(conn, p_from="1", p_to="50")
    assert one(conn, "select phase from tandem.mapping") == "syncing"
    migrate(conn, p_from="51", p_to="99")
    assert one(conn, "select phase from tandem.mapping") == "migrated"


@pytest.mark.parametrize("how", ["keep", "remove"])
def test_ranges_leave_what_a_rollback_kept_of_deleted_rows_to_the_whole(
    db: Database, how: str
) -> None:
    """A row was deleted while the flat table was alone. Ranges end in phase syncing, and what is
    kept of it waits for a migration of everything, which takes it for deleted."""
    conn = db.owner()
    prepared(conn, 40)
    migrate(conn)
    conn.execute(f"call tandem.rollback('products', '{how}')".encode())
    conn.execute("delete from tblproduct where productid = 7")
    migrate(conn, p_from="1", p_to="20")
    migrate(conn, p_from="21")
    assert one(conn, "select phase from tandem.mapping") == "syncing"
    assert one(conn, "select next_step from tandem.status") == "CALL tandem.migrate('products');"
    migrate(conn)
    assert one(conn, "select phase from tandem.mapping") == "migrated"
    assert one(conn, "select reason from tandem_products.kept where flat_key = '7'") == "deleted"
    assert_in_step(conn)


def test_a_range_takes_its_ends_and_nothing_else(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 100)
    migrate(conn, p_from="11", p_to="20")
    assert counts(conn) == (10, 10, 0, 0)
    keys = conn.execute(
        "select min(productid), max(productid) from tblproduct where configid is not null"
    ).fetchone()
    assert keys == (11, 20)
    assert last_run(conn, "message") == (
        "this range is moved; the last one ends the migration, or CALL tandem.migrate('products');",
    )


def test_a_range_that_ends_before_it_begins_is_refused(db: Database) -> None:
    """As the key's type compares, not as text does: 9 is before 10."""
    conn = db.owner()
    prepared(conn, 30)
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        migrate(conn, p_from="10", p_to="9")
    assert "p_from => '9', p_to => '10'" in (caught.value.diag.message_hint or "")
    assert last_run(conn, "kind") == ("prepare",)
    migrate(conn, p_from="9", p_to="10")
    migrate(conn, p_from="9", p_to="9")
    assert one(conn, "select count(configid) from tblproduct") == 2


def test_on_reject_continue_keeps_the_row_and_goes_on(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 100)
    conn.execute("update tblproduct set productname = ' ' where productid in (5, 50)")
    migrate(conn)
    assert counts(conn) == (100, 98, 0, 2)
    rows = conn.execute(
        "select row_key, side, sqlstate, message, content ->> 'sku', run_id is not null,"
        " hint <> '' from tandem.rejected_row where resolved_at is null order by row_key::int"
    ).fetchall()
    assert rows == [
        ("5", "flat", "TD030", "productname is missing", "sku5", True, True),
        ("50", "flat", "TD030", "productname is missing", "sku50", True, True),
    ]
    # a later correct write closes it
    conn.execute("update tblproduct set productname = 'Named' where productid = 5")
    assert one(conn, "select count(*) from tandem.rejected_row where resolved_at is null") == 1
    assert_in_step(conn)


def test_on_reject_stop_names_the_row_and_loses_nothing(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 300)
    conn.execute("update tblproduct set productname = '' where productid = 250")
    with pytest.raises(psycopg.errors.DatabaseError) as caught:
        migrate(conn, p_on_reject="stop", p_batch_rows=100)
    assert caught.value.sqlstate == "TD030"
    assert "row 250" in str(caught.value)
    assert "p_on_reject" in (caught.value.diag.message_hint or "")
    state, code, message = last_run(conn, "state", "error_sqlstate", "error_message")
    assert (state, code) == ("paused", "TD030")
    assert "250" in message
    assert counts(conn) == (200, 200, 0, 0)
    assert one(conn, "select count(*) from tandem.rejected_row") == 0
    conn.execute("update tblproduct set productname = 'Named' where productid = 250")
    migrate(conn, p_on_reject="stop", p_batch_rows=100)
    assert last_run(conn, "attempt", "error_sqlstate", "error_message") == (2, None, None)
    assert counts(conn) == (300, 299, 1, 0), "it went on; the UPDATE had moved row 250"
    assert_in_step(conn)


def test_a_poison_row_is_isolated(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 1000)
    conn.execute("alter table tblconfig add constraint no_poison check (name <> 'c377')")
    migrate(conn)
    assert counts(conn) == (1000, 999, 0, 1)
    rows = conn.execute(
        "select row_key, sqlstate, message like '%no_poison%', content ->> 'configname'"
        " from tandem.rejected_row where resolved_at is null"
    ).fetchall()
    assert rows == [("377", "23514", True, "c377")]
    assert_in_step(conn)


def test_a_deferred_constraint_cannot_poison_the_commit(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 200)
    conn.execute("create table allowed (name text primary key)")
    conn.execute("insert into allowed select configname from tblproduct where configname <> 'c99'")
    conn.execute(
        "alter table tblconfig add constraint only_allowed foreign key (name)"
        " references allowed deferrable initially deferred"
    )
    migrate(conn)
    assert counts(conn) == (200, 199, 0, 1)
    assert one(conn, "select row_key || sqlstate from tandem.rejected_row") == "9923503"


def test_stop_at_a_poison_row_says_which_constraint(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 100)
    conn.execute("alter table tblconfig add constraint no_poison check (name <> 'c77')")
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        migrate(conn, p_on_reject="stop")
    assert "no_poison" in str(caught.value)
    assert "c77" in (caught.value.diag.message_detail or ""), "DETAIL names the failing row"
    assert last_run(conn, "state", "error_sqlstate") == ("paused", "23514")


def test_batches_adapt_to_the_target_duration(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 6000)
    migrate(conn, p_target_ms=1)
    (smallest,) = conn.execute(
        "select min(x.read_rows) from (select b.read_rows from tandem.run_batch as b"
        " join tandem.run as r using (run_id) where b.read_rows > 0 and r.kind = 'migrate'"
        " order by b.batch desc offset 1) as x"  # the last one has what was left
    ).fetchone() or (None,)
    assert smallest == 200  # batch_rows_min
    sizes = conn.execute(
        "select tandem._next_batch_rows(1000, 500, 50), tandem._next_batch_rows(1000, 45, 50),"
        " tandem._next_batch_rows(1000, 1, 50), tandem._next_batch_rows(250, 5000, 50),"
        " tandem._next_batch_rows(4000, 10, 50)"
    ).fetchone()
    # at most halved, nearly right, at most doubled, never below or above the settings
    assert sizes == (500, 1111, 2000, 200, 5000)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("p_on_reject", "ignore"),
        ("p_on_reject", None),
        ("p_batch_rows", 0),
        ("p_batch_rows", 100_001),
        ("p_target_ms", 0),
        ("p_pause_ms", -1),
        ("p_max_batches", 0),
        ("p_from", "abc"),
        ("p_to", "1.5"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_done(
    db: Database, argument: str, value: object
) -> None:
    conn = db.owner()
    prepared(conn, 10)
    before, objects = contents(conn), catalog(conn)
    with pytest.raises(psycopg.errors.DatabaseError) as caught:
        migrate(conn, **{argument: value})
    assert caught.value.sqlstate == "22023", str(caught.value)
    assert argument in str(caught.value)
    assert contents(conn) == before
    assert catalog(conn) == objects


def test_an_unknown_mapping_is_named_with_those_that_are_there(db: Database) -> None:
    conn = db.owner()
    for statement in (
        "call tandem.prepare('nothing')",
        "call tandem.migrate('nothing')",
        "select * from tandem.validate('nothing')",
        "select * from tandem.drift('nothing')",
        "select tandem.drift_count('nothing')",
        "select * from tandem.show('nothing', '1')",
        "select * from tandem.analyze('nothing')",
    ):
        with pytest.raises(psycopg.errors.DatabaseError) as caught:
            conn.execute(statement.encode())
        assert caught.value.sqlstate == "TD001", statement
        assert "products" in (caught.value.diag.message_detail or "")
    with pytest.raises(psycopg.errors.DatabaseError) as caught:
        conn.execute("call tandem.migrate(null)")
    assert caught.value.sqlstate == "TD001", str(caught.value)


def test_a_verb_in_the_wrong_phase_names_the_next_call(db: Database) -> None:
    conn = db.owner()
    for statement in (
        "call tandem.migrate('products')",
        "select * from tandem.validate('products')",
        "select * from tandem.drift('products')",
    ):
        with pytest.raises(psycopg.errors.DatabaseError) as caught:
            conn.execute(statement.encode())
        assert caught.value.sqlstate == "TD002", statement
        assert "tandem.prepare('products')" in (caught.value.diag.message_hint or "")


def test_a_migration_of_tables_that_lost_something_is_refused(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 10)
    conn.execute("drop trigger tandem_21_update on tblconfig")
    with pytest.raises(psycopg.errors.DatabaseError) as caught:
        migrate(conn)
    assert caught.value.sqlstate == "TD003", str(caught.value)
    assert "tandem_21_update" in (caught.value.diag.message_detail or "")
    assert "tandem.prepare" in (caught.value.diag.message_hint or "")


HELD = ("running", None, None, "waits: tandem.setting pause is on")


def test_pause_holds_every_run_until_it_is_off(db: Database) -> None:
    first, second = db.owner(), db.owner()
    prepared(second, 200)
    said: list[str] = []
    first.add_notice_handler(lambda diag: said.append(diag.message_primary or ""))
    setting(second, "pause", "on")
    second.execute("select tandem.grant_to('old_app', 'reader')")
    held = "select state, rows_per_second, eta_seconds, message from tandem.progress limit 1"
    with in_background(first, lambda: migrate(first, p_batch_rows=50)) as done:
        wait_for_batches(second, 1)
        before = last_run(second, "batches")
        time.sleep(1.2)  # two turns of the holding loop
        assert last_run(second, "batches") == before
        watch = db.old_app()
        # for an instant, between a COMMIT and the next lock, nobody is seen at it
        wait_until(lambda: watch.execute(held).fetchall() == [HELD], "the hold is shown")
        setting(second, "pause", "off")
        done.result(30)
    assert [line for line in said if "waits: " in line] == [
        "migrate products waits: tandem.setting pause is on"
    ]
    assert last_run(second, "state") == ("done",)
    assert "waits" not in watch.execute(held).fetchall()[0][3]


def test_a_run_waits_for_long_transactions_where_it_is_asked_to(db: Database) -> None:
    first, second, other = db.owner(), db.owner(), db.owner()
    prepared(second, 200)
    setting(second, "max_transaction_age", "1")
    other.execute("begin")
    other.execute("select 1")
    said: list[str] = []
    first.add_notice_handler(lambda diag: said.append(diag.message_primary or ""))
    time.sleep(1.1)  # the age of the other transaction
    with in_background(first, lambda: migrate(first, p_batch_rows=50)) as done:
        wait_until(lambda: any("max_transaction_age" in line for line in said), "the run waits")
        assert last_run(second, "state") == ("running",)
        other.execute("commit")
        done.result(30)
    assert last_run(second, "state") == ("done",)


def test_a_throttle_that_cannot_see_says_so_once(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 500)
    setting(conn, "max_replica_lag", "1000000")
    said: list[str] = []
    conn.add_notice_handler(lambda diag: said.append(diag.message_primary or ""))
    migrate(conn, p_batch_rows=50)
    assert sum("pg_read_all_stats" in line for line in said) == 1, said


def test_lock_timeouts_are_retried(db: Database) -> None:
    first, second, writer = db.owner(), db.owner(), db.old_app()
    prepared(second, 300)
    migrate(second, p_batch_rows=50, p_max_batches=13)
    read = counts(second)[0]
    writer.execute("begin")
    writer.execute("update tblproduct set status = 'off' where productid = 300")
    with in_background(first, lambda: migrate(first, p_batch_rows=50)) as done:
        wait_for_lock_wait(second, first.info.backend_pid)
        time.sleep(0.6)  # over batch_lock_timeout, twice
        assert not done.done()
        assert counts(second)[0] >= read
        writer.execute("commit")
        done.result(30)
    assert last_run(second, "state") == ("done",)
    assert_all_done(second, 300)  # the writer's own row was moved by the trigger
    assert one(second, "select status from tblconfig where name = 'c300'") == "off"
    assert_in_step(second)


def test_a_batch_that_never_gets_its_locks_gives_up(db: Database) -> None:
    conn, writer = db.owner(), db.old_app()
    prepared(conn, 100)
    migrate(conn, p_batch_rows=20, p_max_batches=12)
    setting(conn, "batch_attempts", "2")
    setting(conn, "batch_lock_timeout", "50")
    writer.execute("begin")
    writer.execute("update tblproduct set status = 'off' where productid = 100")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        migrate(conn, p_batch_rows=20)
    assert last_run(conn, "state", "error_sqlstate") == ("paused", "55P03")
    writer.execute("commit")
    migrate(conn, p_batch_rows=20)
    assert last_run(conn, "state") == ("done",)
    assert_in_step(conn)


def test_deadlocks_are_retried(db: Database) -> None:
    # A session looks for a deadlock once, this long after it began to wait: the run, and not the
    # writer, also on a machine that is slow to close the circle.
    with db.server.admin(db.clone_name) as admin:
        for role, seconds in (("shop_owner", 5), ("old_app", 120)):
            admin.execute(
                f"alter role {role} in database {db.clone_name}"
                f" set deadlock_timeout = '{seconds}s'".encode()
            )
    first, second, writer = db.owner(), db.owner(), db.old_app()
    prepared(second, 100)
    migrate(second, p_batch_rows=5, p_max_batches=12)
    setting(second, "batch_lock_timeout", "20000")  # so that the deadlock is found first
    writer.execute("begin")
    writer.execute("update tblproduct set status = 'off' where productid = 100")
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    before = one(second, deadlocks)
    with in_background(first, lambda: migrate(first, p_batch_rows=100)) as done:
        wait_for_lock_wait(second, first.info.backend_pid)
        # The run waits for row 100 and has the others: this closes the circle.
        writer.execute("update tblproduct set status = 'off' where productid = 99")
        writer.execute("commit")
        done.result(30)
    wait_until(lambda: one(second, deadlocks) > before, "the deadlock is counted")
    assert last_run(second, "state") == ("done",)
    assert_all_done(second, 100)
    assert_in_step(second)


def test_rows_inserted_above_the_cursor_do_not_prolong_a_run(db: Database) -> None:
    conn, writer = db.owner(), db.old_app()
    prepared(conn, 500)
    migrate(conn, p_batch_rows=50, p_max_batches=13)
    writer.execute(
        "insert into tblproduct (productname) select 'New ' || i from generate_series(1, 90) i"
    )
    migrate(conn, p_batch_rows=50)
    assert counts(conn)[0] == 500
    assert_in_step(conn)


def test_a_migration_of_an_empty_table_is_done(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 0)
    migrate(conn)
    assert last_run(conn, "state") == ("done",)
    assert one(conn, "select phase from tandem.mapping") == "migrated"
    fill(conn, 5)
    assert_in_step(conn)


def test_a_failed_run_frees_its_place(db: Database) -> None:
    conn = db.owner()
    for _ in range(2):
        with pytest.raises(psycopg.errors.DatabaseError):
            migrate(conn)  # wrong phase
    assert one(conn, "select count(*) from tandem.run where finished_at is null") == 0
    assert one(conn, "select count(*) from pg_locks where locktype = 'advisory'") == 0


def test_the_cursor_is_saved_with_the_work(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 900)
    migrate(conn, p_batch_rows=50, p_max_batches=13)
    (cursor,) = last_run(conn, "cursor")
    assert isinstance(cursor, dict), json.dumps(cursor)
    done = one(conn, "select max(productid) from tblproduct where configid is not null")
    assert int(cursor["from"]) == done + 1


def test_one_row_batches(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 30)
    migrate(conn, p_batch_rows=1)
    assert counts(conn) == (30, 30, 0, 0)
    assert_in_step(conn)


def test_prepare_writes_a_run_too_and_twice_does_nothing(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 10)
    assert last_run(conn, "kind", "state") == ("prepare", "done")
    objects = catalog(conn)
    conn.execute("call tandem.prepare('products')")
    assert catalog(conn) == objects
    assert last_run(conn, "kind", "state") == ("prepare", "done")


def test_prepare_counts_the_statements_that_plan_lists(db: Database) -> None:
    conn = db.owner()
    listed = one(conn, "select count(*) from tandem.plan('products') where verb = 'prepare'")
    said: list[str] = []
    conn.add_notice_handler(lambda diag: said.append(diag.message_primary or ""))
    for count in (listed, 0):
        conn.execute("call tandem.prepare('products')")
        assert said[-1].startswith(f"prepare products: {count} statements, prepared; next: ")


def test_prepare_does_not_end_a_paused_migration(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 900)
    migrate(conn, p_batch_rows=50, p_max_batches=13)
    (run_id,) = last_run(conn, "run_id")
    conn.execute("call tandem.prepare('products')")
    assert one(conn, "select state from tandem.run where run_id = %s", run_id) == "paused"


def test_prepare_refuses_what_is_there_in_another_shape(db: Database) -> None:
    conn = db.owner()
    conn.execute("create table tblconfig (configid text primary key)")
    with pytest.raises(psycopg.errors.DatabaseError) as caught:
        conn.execute("call tandem.prepare('products')")
    assert caught.value.sqlstate == "TD004", str(caught.value)
    assert caught.value.diag.message_hint
    assert one(conn, "select phase from tandem.mapping") == "deployed"
    columns = conn.execute(
        sql.SQL(
            "select attname from pg_attribute where attrelid = 'tblconfig'::regclass and attnum > 0"
        )
    ).fetchall()
    assert columns == [("configid",)]


COLUMNS = """
    run_id kind mapping phase state done_rows total_rows percent rows_per_second eta_seconds
    read_rows written_rows unchanged_rows rejected_rows batches attempt started_at finished_at
    running_now message dry_run
""".split()


def test_progress_has_the_columns_that_programs_read(db: Database) -> None:
    conn = db.owner()
    names = [
        c.name for c in conn.execute("select * from tandem.progress limit 0").description or ()
    ]
    assert set(COLUMNS) <= set(names)


def test_a_dry_run_is_no_migration(db: Database) -> None:
    """tandem.progress says which runs only count, and the metrics leave them out."""
    conn = db.owner()
    prepared(conn, 30)
    migrate(conn, p_dry_run=True)
    migrate(conn)
    conn.execute("call tandem.repair('products', 'flat')")
    query = "select kind, dry_run from tandem.progress where kind <> 'prepare' order by run_id"
    assert conn.execute(query).fetchall() == [
        ("migrate", True), ("migrate", False), ("repair", True),
    ]  # fmt: skip
    query = "select labels ->> 'kind', value from tandem.metrics where metric = %s"
    runs: dict[str, float] = dict(conn.execute(query, ("tandem_runs",)).fetchall())
    assert (runs["migrate"], runs.get("repair")) == (1, None)
    read: dict[str, float] = dict(conn.execute(query, ("tandem_run_rows_read",)).fetchall())
    assert read["migrate"] == 30


def test_progress_says_how_far_and_whether_somebody_is_at_it(db: Database) -> None:
    first, watch = db.owner(), db.owner()
    prepared(watch, 1000)
    query = (
        "select state, running_now, done_rows between 0 and total_rows, total_rows, percent,"
        " eta_seconds from tandem.progress where kind = 'migrate'"
    )
    with in_background(first, lambda: migrate(first, p_batch_rows=20, p_pause_ms=20)) as done:
        wait_for_batches(watch, 14)
        row = watch.execute(query).fetchone()
        while row is not None and row[0] == "interrupted" and not done.done():
            # for an instant, between a COMMIT and the next lock, nobody is seen at it
            row = watch.execute(query).fetchone()
        assert row is not None
        assert row[:4] == ("running", True, True, 1000)
        assert 0 < row[4] < 100
        assert row[5] >= 0
        done.result(60)
    row = watch.execute(query).fetchone()
    assert row is not None
    assert row[:5] == ("done", False, True, 1000, 100)


def test_progress_shows_a_run_that_nobody_is_at(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 500)
    migrate(conn, p_batch_rows=50, p_max_batches=13)
    query = "select state, running_now from tandem.progress where kind = 'migrate'"
    assert conn.execute(query).fetchone() == ("paused", False)
