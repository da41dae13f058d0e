"""What somebody meets who works with psql: checks, indexes, hints, what is said and shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgtandem.bundle import build_bundle
from pgtandem.cli.options import notice_text
from support.databases import Connection, Database
from support.locks import wait_until
from support.shop import (
    assert_in_step,
    contents,
    failed_checks,
    fill,
    in_background,
    last_run,
    migrate,
    one,
    prepared,
)
from sync.shops import Shop, products, sqlstate
from sync.test_attacks import ROW, drift, synced

NEXT_STEP = "select next_step from tandem.status"
SAMPLED = "select note from tandem.plan('products', 10) where verb = 'migrate' and note is not null"


def notices(conn: Connection) -> list[str]:
    """What the server says to a session from now on."""
    said: list[str] = []
    conn.add_notice_handler(lambda diagnostic: said.append(notice_text(diagnostic)))
    return said


def left_for_later(conn: Connection, rows: int) -> list[str]:
    """A filled table whose indexes prepare has left to be built CONCURRENTLY; their statements."""
    fill(conn, rows)
    conn.execute("analyze tblproduct")
    conn.execute("update tandem.setting set value = '0' where name = 'index_build_rows'")
    conn.execute("call tandem.prepare('products')")
    query = "select statement from tandem.plan('products') where run_by = 'tool' order by step"
    return [statement for (statement,) in conn.execute(query)]


# --- the checks at the end of a migration ---------------------------------------------------------


def test_statistics_of_a_dry_run_do_not_outlive_the_migration(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 600)
    migrate(conn, p_dry_run=True)
    conn.execute("analyze tblconfig")  # what autovacuum would do: pages, and no row in them
    estimate = "select reltuples from pg_class where oid = 'tblconfig'::regclass"
    assert one(conn, estimate) == 0
    migrate(conn)
    assert one(conn, estimate) == 600
    assert_in_step(conn)


def test_a_run_says_that_it_checks(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 60)
    fixed = {"p_batch_rows": 100000}
    for _ in range(100):
        migrate(conn, p_max_batches=1, **fixed)
        phase, message = conn.execute(
            "select phase, message from tandem.progress where kind = 'migrate'"
        ).fetchall()[0]
        if phase == "checks":
            break
    assert (phase, message) == ("checks", "checking")
    assert one(conn, "select phase from tandem.mapping") == "migrated"
    assert "goes on" in one(conn, NEXT_STEP)
    migrate(conn, **fixed)
    assert last_run(conn, "state", "message") == ("done", "checks: 17 passed, 0 failed")


def test_a_table_that_is_locked_is_not_waited_for(db: Database) -> None:
    conn, other = db.owner(), db.owner()
    prepared(conn, 3000)  # small tables are not analysed
    said = notices(conn)
    migrate(conn, p_batch_rows=100000, p_max_batches=12)
    with other.transaction():
        other.execute("lock table tblcatalog in share update exclusive mode")
        migrate(conn, p_batch_rows=100000)
    assert last_run(conn, "state") == ("done",)
    assert any("skipping analyze" in line for line in said), said


# --- indexes that are built later -----------------------------------------------------------------


def test_migrate_asks_for_the_indexes_that_prepare_left_for_later(db: Database) -> None:
    conn = db.owner()
    statements = left_for_later(conn, 50)
    assert len(statements) == 4
    (message,) = last_run(conn, "message")
    assert message == f"prepared, but indexes are left to build (4); next: {one(conn, NEXT_STEP)}"
    assert statements[0] in message
    for dry_run in (True, False):
        with pytest.raises(psycopg.Error) as caught:
            migrate(conn, p_dry_run=dry_run)
        diag = caught.value.diag
        assert diag.sqlstate == "TD003"
        assert "tblproduct_configid_key on public.tblproduct (absent)" in str(diag.message_detail)
        assert all(f"{statement};" in str(diag.message_hint) for statement in statements)
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("select * from tandem.plan('products', 10)")
    assert caught.value.sqlstate == "TD003"
    assert [name for name, *_ in failed_checks(conn)] == [
        "every row migrated",
        "indexes built",
    ] or ["sync columns populated"]
    for statement in statements:
        assert one(conn, NEXT_STEP).startswith(f"{statement};")
        conn.execute(statement.encode())
    assert "tandem.migrate('products')" in one(conn, NEXT_STEP)
    migrate(conn)
    assert_in_step(conn)


def test_an_invalid_index_is_missing_too(db: Database) -> None:
    conn = db.owner()
    for statement in left_for_later(conn, 50):
        conn.execute(statement.encode())
    migrate(conn)
    db.superuser().execute(
        "update pg_index set indisvalid = false"
        " where indexrelid = 'tblproduct_configid_key'::regclass"
    )
    assert failed_checks(conn) == [("indexes built", "0", "1")]
    step = one(conn, NEXT_STEP)
    assert step.startswith("drop index concurrently public.tblproduct_configid_key; ")
    with pytest.raises(psycopg.Error) as caught:
        migrate(conn)
    assert caught.value.sqlstate == "TD003"
    for statement in step.partition("  --")[0].rstrip(";").split("; "):
        conn.execute(statement.encode())
    migrate(conn)
    assert_in_step(conn)


def test_a_bloated_table_counts_by_its_rows(db: Database) -> None:
    conn = db.owner()
    fill(conn, 2000)
    conn.execute("delete from tblproduct where productid > 100")
    conn.execute("analyze tblproduct")
    conn.execute("update tandem.setting set value = '150' where name = 'index_build_rows'")
    by = "select distinct run_by from tandem.plan('products') where statement like 'create%index%'"
    assert conn.execute(by.encode()).fetchall() == [("procedure",)]
    conn.execute("update tandem.setting set value = '50' where name = 'index_build_rows'")
    assert ("tool",) in conn.execute(by.encode()).fetchall()


def test_a_table_that_was_never_analysed_counts_by_its_size(db: Database) -> None:
    conn = db.owner()
    fill(conn, 2000)
    assert one(conn, "select reltuples from pg_class where oid = 'tblproduct'::regclass") == -1
    conn.execute("update tandem.setting set value = '500' where name = 'index_build_rows'")
    by = "select distinct run_by from tandem.plan('products') where relation like '%tblproduct'"
    assert ("tool",) in conn.execute(by.encode()).fetchall()


# --- what is said ---------------------------------------------------------------------------------


def test_a_dry_repair_says_that_nothing_was_done(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 30)
    migrate(conn)
    conn.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    conn.execute("update tblproduct set configname = 'changed' where productid in (3, 4)")
    conn.execute("call tandem.repair('products', 'flat')")
    (message,) = last_run(conn, "message")
    assert message == (
        "dry run: nothing was changed, the counts are what would be done; drift is 2"
    )
    conn.execute("call tandem.repair('products', 'flat', p_dry_run => false)")
    assert last_run(conn, "message") == ("drift now: 0",)


def test_grant_to_speaks_of_the_role_alone(db: Database) -> None:
    conn = db.owner()
    if one(conn, "select count(*) from pg_roles where rolname ~ '^tandem_'"):
        pytest.skip("this server has the roles")
    said = notices(conn)
    conn.execute("select tandem.grant_to('old_app', 'reader')")
    conn.execute("select tandem.grant_to('new_app', 'writer')")
    assert said == []


def test_the_bundle_prints_nothing_of_its_own(bare_db: Database, tmp_path: Path) -> None:
    file = tmp_path / "products.sql"
    file.write_text(build_bundle([products()]).sql, encoding="utf-8")
    done = subprocess.run(
        [str(bare_db.server.programs.psql), "-X", "-q", "-d", bare_db.owner_dsn, "-f", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0
    assert "_apply_privileges" not in done.stdout


# --- status ---------------------------------------------------------------------------------------


def test_the_next_step_speaks_of_overdue_rows(shop: Shop) -> None:
    shop.old.execute("insert into tblproduct (productname, amount) values ('A', 1)")
    shop.grant()
    shop.new.execute(
        "insert into tblconfigprice (configid, amount, effectivefrom)"
        " select configid, 2, clock_timestamp() + interval '0.2 s' from tblconfig"
    )
    assert "validate" in shop.value(NEXT_STEP)
    shop.owner.execute("select pg_sleep(0.3)")
    step = shop.value(NEXT_STEP)
    assert step.startswith("CALL tandem.apply_due('products');  -- 1 ")
    shop.owner.execute("call tandem.apply_due('products')")
    assert "validate" in shop.value(NEXT_STEP)


def test_the_next_step_speaks_of_columns_that_were_added(shop: Shop) -> None:
    shop.owner.execute("alter table tblproduct add column colour text")
    assert "colour" in shop.value("select stale from tandem.status")
    step = shop.value(NEXT_STEP)
    assert step.startswith("SELECT * FROM tandem.analyze('products');")
    assert "stale" in step
    shop.owner.execute("call tandem.prepare('products')")
    assert shop.value("select stale from tandem.status") is None
    assert "validate" in shop.value(NEXT_STEP)


def test_a_flat_column_that_was_narrowed(shop: Shop) -> None:
    """The mapping knows the type that it was deployed with; PostgreSQL knows the column's."""
    shop.grant()
    shop.old.execute("insert into tblproduct (productname, configname) values ('A', 'c')")
    narrow = b"alter table tblproduct alter status type varchar(5)"
    for change in (narrow, b"alter table tblproduct drop column status"):
        with pytest.raises(psycopg.Error) as caught:
            shop.owner.execute(change)
        assert caught.value.sqlstate in ("0A000", "2BP01"), "the view names it"
    shop.owner.execute("drop view tandem_products.flat")
    shop.owner.execute(narrow)
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        shop.new.execute("update tblconfig set status = 'longer'")
    with pytest.raises(psycopg.Error) as caught:
        shop.new.execute("update tblconfig set status = 'longer than twenty characters'")
    assert caught.value.sqlstate == "22001", "of the new column too, which is as wide"
    assert shop.rows("select status from tblconfig") == [(None,)]
    assert shop.value("select tandem.drift_count('products')") == 0
    assert "tandem.analyze('products')" in shop.value(NEXT_STEP)
    warnings = "select finding from tandem.analyze('products') where subject like '%status'"
    assert shop.rows(warnings) == [("a column has another type than the mapping says",)]


def test_a_new_table_with_less_room_than_the_mapping_says_stops_prepare(db: Database) -> None:
    """Its values would not fit, with PostgreSQL's own error for the old program."""
    owner = db.owner()
    owner.execute("call tandem.prepare('products')")
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    owner.execute("alter table tblconfigprice alter amount type numeric(10,2)")
    owner.execute("alter table tblconfig alter status type varchar(30)")
    found = owner.execute(
        "select severity, subject, cure from tandem.analyze('products')"
        " where finding like 'a column has another type%' order by 1"
    ).fetchall()
    assert [row[:2] for row in found] == [
        ("blocker", "public.tblconfigprice.amount"),
        ("warning", "public.tblconfig.status"),
    ]
    owner.execute(str(found[0][2]).split("the column: ")[1].encode())
    owner.execute("call tandem.prepare('products')")


def test_repair_says_how_to_take_out_what_the_other_side_alone_has(shop: Shop) -> None:
    shop.old.execute("insert into tblproduct (productname) values ('A'), ('B')")
    shop.owner.execute("alter table tblproduct disable trigger user")
    shop.owner.execute("delete from tblproduct where productname = 'B'")
    shop.owner.execute("alter table tblproduct enable trigger user")
    shop.owner.execute("call tandem.repair('products', 'flat', p_dry_run => false)")
    query = "select message from tandem.run order by run_id desc limit 1"
    assert shop.value(query).startswith("drift now: 1; rows that only the other side has are kept")
    detail = "select detail from tandem.validate('products') where not passed"
    assert "(mapping, 'flat', 'delete', false)" in shop.value(detail)
    shop.owner.execute("call tandem.repair('products', 'flat', 'delete', false)")
    assert shop.value(query) == "drift now: 0"


def test_a_blank_name_from_the_new_side_says_what_to_do(shop: Shop) -> None:
    shop.grant()
    shop.old.execute("insert into tblproduct (productname) values ('A')")
    with pytest.raises(psycopg.Error) as caught:
        shop.new.execute("update tblbaseproduct set name = ''")
    assert caught.value.sqlstate == "TD040"
    assert "not blank" in (caught.value.diag.message_hint or "")


# --- progress -------------------------------------------------------------------------------------


def test_a_cancelled_run_is_interrupted_and_one_that_was_replaced_superseded(
    db: Database,
) -> None:
    conn, admin = db.owner(), db.owner()
    prepared(conn, 1000)
    pid = conn.info.backend_pid

    def call() -> None:
        with pytest.raises(psycopg.errors.QueryCanceled):
            migrate(conn, p_batch_rows=20, p_pause_ms=20)

    with in_background(conn, call) as done:
        batches = "select coalesce(max(batches), 0) from tandem.run where kind = 'migrate'"
        wait_until(lambda: one(admin, batches) > 13, "14 batches")
        admin.execute("select pg_cancel_backend(%s)", (pid,))
        done.result(30)
    states = "select state from tandem.progress where kind = 'migrate' order by run_id"
    assert admin.execute(states.encode()).fetchall() == [("interrupted",)]
    migrate(conn, p_on_reject="stop")
    assert admin.execute(states.encode()).fetchall() == [("superseded",), ("done",)]


def test_the_rate_leaves_out_the_time_between_attempts(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 1000)
    migrate(conn, p_batch_rows=100, p_max_batches=16)
    conn.execute("update tandem.run set started_at = started_at - interval '1 day'")
    conn.execute(
        "update tandem.run_batch set finished_at = finished_at - interval '1 day'"
        " where run_id = (select max(run_id) from tandem.run)"
    )
    said = notices(conn)
    migrate(conn, p_batch_rows=100, p_max_batches=2)
    rate = "select rows_per_second from tandem.progress where kind = 'migrate'"
    assert one(conn, rate) > 50
    assert " 0 rows/s" not in said[-1]
    migrate(conn, p_batch_rows=100)
    assert " 0 rows/s" not in said[-1]


def test_a_plan_locks_no_parent_where_there_is_none(db: Database) -> None:
    rows = db.owner().execute(
        "select relation, lock_mode from tandem.plan('products')"
        " where statement like 'create table%' order by step"
    )
    modes: dict[str, str] = dict(rows.fetchall())
    assert modes["public.tblbaseproduct"] == "ACCESS EXCLUSIVE"
    assert modes["public.tblcatalog"] == "SHARE ROW EXCLUSIVE on the parent table"


# --- show -----------------------------------------------------------------------------------------


def test_a_text_key_that_looks_like_an_id(order_shop: Shop) -> None:
    shop = order_shop
    key = "11111111-2222-3333-4444-555555555555"
    shop.old.execute(
        f"""insert into {shop.flat} ("select", "Kunde Name", "group") values (%s, ' ', 'g')""",
        (key,),
    )
    shown = shop.rows("select flat_value from tandem.show('orders', %s)", key)
    assert (key,) in shown


# --- the switches, locks and settings --------------------------------------------------------


def test_the_sync_can_be_switched_off_while_a_migration_begins(db: Database) -> None:
    """Its triggers are on table by table, before the phase says syncing."""
    owner = synced(db)
    owner.execute("call tandem.rollback('products')")
    migrate(owner, p_max_batches=2)
    assert one(owner, "select phase from tandem.status") == "prepared"
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    db.old_app().execute(ROW, (7,))
    assert one(owner, "select configid from tblproduct where productid = 7") is None
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', true)")
    migrate(owner)
    assert one(owner, "select tandem.drift_count('products')") == 0


def test_a_lock_that_stays_is_named_in_the_error_and_in_the_next_step(db: Database) -> None:
    owner = synced(db)
    owner.execute("call tandem.rollback('products')")
    owner.execute("update tandem.setting set value = '2' where name = 'batch_attempts'")
    new = db.new_app()
    new.execute("begin")
    new.execute("update tblbaseproduct set status = 'x'")
    with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
        migrate(owner)
    assert caught.value.diag.message_detail == "It was tried 2 times."
    hint = caught.value.diag.message_hint or ""
    assert f"backend {new.info.backend_pid}" in hint and "tblbaseproduct" in hint
    step = one(owner, "select next_step from tandem.status")
    assert "55P03" in step and "tandem.migrate" in step
    new.execute("rollback")
    migrate(owner)
    assert one(owner, "select phase from tandem.status") == "migrated"


def test_a_dry_run_begins_anew(db: Database) -> None:
    owner = synced(db, 3)
    owner.execute("call tandem.rollback('products', 'remove', p_drop_columns => true)")
    owner.execute("call tandem.prepare('products')")
    migrate(owner, p_dry_run=True, p_max_batches=1)
    migrate(owner)
    migrate(owner, p_dry_run=True)
    query = "select attempt, written_rows from tandem.run order by run_id desc limit 1"
    assert owner.execute(query).fetchone() == (1, 0)


def test_one_transaction_is_not_cut_into_parts(db: Database) -> None:
    owner = synced(db)
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        migrate(owner, p_one_transaction=True, p_max_batches=2)


def test_the_sample_of_rows_to_be_rejected_is_of_whole_keys_in_their_order(db: Database) -> None:
    owner = db.owner()
    owner.execute(
        "insert into tblproduct (productid, productname)"
        " select i * 100000000000, '' from generate_series(1, 12) as i"
    )
    query = "select sample from tandem.analyze('products') where finding like 'rows will be%'"
    keys = [str(i * 100000000000) for i in range(1, 6)]
    assert one(owner, query) == ", ".join([*keys, "..."])


@pytest.mark.parametrize(
    ("name", "value"),
    [("pause", "true"), ("batch_rows_min", "abc"), ("batch_attempts", "-5"), ("pause", "")],
)
def test_a_setting_takes_no_value_that_means_nothing(db: Database, name: str, value: str) -> None:
    owner = db.owner()
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute("update tandem.setting set value = %s where name = %s", (value, name))


def test_the_next_step_tells_of_a_run_under_way_and_of_rows_kept_back(db: Database) -> None:
    owner, runner = synced(db), db.owner()
    owner.execute("insert into tblproduct (productname) values ('')")
    assert "rejected_row" in one(owner, "select next_step from tandem.status")
    owner.execute("update tandem.setting set value = 'on' where name = 'pause'")
    with in_background(runner, lambda: migrate(runner, p_batch_rows=1)) as run:
        wait_until(
            lambda: "waits" in one(owner, "select next_step from tandem.status"),
            "the run is seen to wait",
        )
        owner.execute("update tandem.setting set value = 'off' where name = 'pause'")
        run.result(60)
    assert "under way" not in one(owner, "select next_step from tandem.status")


def test_the_view_of_the_hierarchy_reads_the_prices_of_one_leaf(db: Database) -> None:
    owner = synced(db)
    rows = owner.execute(
        "explain select * from tandem_products.hierarchy where flat_key = 1"
    ).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert "Limit" in plan and "Unique" not in plan


def test_leaves_that_come_back_are_counted_as_written(db: Database) -> None:
    owner = synced(db, 3)
    owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    query = "select written_rows from tandem.run order by run_id desc limit 1"
    assert one(owner, query) == 3


def test_an_operator_writes_nothing_before_the_sync_is_on(db: Database) -> None:
    """The step function of a dry run migrates nothing where an operator calls it and commits."""
    owner = db.owner()
    owner.execute(ROW, (1,))
    owner.execute("call tandem.prepare('products')")
    owner.execute("select tandem.grant_to('new_app', 'operator')")
    operator = db.new_app()
    params = Jsonb({"dry_run": True, "on_reject": "continue"})
    found = operator.execute(
        "select * from tandem._run_begin('migrate', 'products', %s)", (params,)
    )
    run, attempt = found.fetchone() or (None, None)
    for _ in range(2):
        call = f"select tandem.migrate_step('products', {run}, 100, null)"
        if sqlstate(operator, call) is not None:
            break
        operator.execute(
            "with s as (select s::tandem.step_result as r"
            " from tandem.migrate_step('products', %s, 100, null) as s)"
            " select tandem._run_batch(%s, %s, s.r, 1, 1) from s",
            (run, run, attempt),
        )
    assert one(owner, "select phase from tandem.mapping") == "prepared"
    assert one(owner, "select count(*) from tblconfig") == 0


def test_plan_with_a_sample(db: Database) -> None:
    """README, step 4: before the migration the estimate comes from a batch."""
    owner = db.owner()
    owner.execute(ROW, (1,))
    owner.execute("call tandem.prepare('products')")
    assert sqlstate(owner, "select * from tandem.plan('products', 10)") is None


@pytest.mark.parametrize("until", ["prepared", "begun", "syncing"])
def test_a_plan_with_a_sample_leaves_all_tables_as_they_were(db: Database, until: str) -> None:
    """In phase prepared, and beside a migration that is paused at its beginning or half way."""
    conn = db.owner()
    prepared(conn, 60)
    if until != "prepared":
        migrate(conn, p_max_batches=1, p_batch_rows=5)
    while until == "syncing" and one(conn, "select count(configid) from tblproduct") == 0:
        migrate(conn, p_max_batches=1, p_batch_rows=5)
    before = contents(conn)
    assert one(conn, SAMPLED).startswith("from a batch of ")
    assert contents(conn) == before
    migrate(conn)
    assert_in_step(conn)


def test_a_sample_finds_no_row_left_after_a_migration(db: Database) -> None:
    owner = synced(db, 3)
    before = contents(owner)
    assert one(owner, SAMPLED) == "the sample found no row left to migrate"
    assert contents(owner) == before


def test_a_trigger_that_prepare_makes_again_is_switched_on(db: Database) -> None:
    """A trigger was dropped in phase migrated. prepare makes it again and switches it on, so that
    the next write of a new program reaches the flat table."""
    owner = synced(db, 1)
    owner.execute("drop trigger tandem_21_update on tblconfig")
    owner.execute("call tandem.prepare('products')")
    db.new_app().execute("update tblconfig set status = 'sold'")
    assert drift(owner) == []


def test_drift_without_a_limit(shop: Shop) -> None:
    """As the command line's --limit: 0 is all, like NULL; a negative one is refused."""
    shop.owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    shop.old.execute("insert into tblproduct (productname) values ('a'), ('b'), ('c')")
    count = "select count(*) from tandem.drift('products', {})"
    assert [shop.value(count.format(limit)) for limit in ("2", "0", "null")] == [2, 3, 3]
    with pytest.raises(psycopg.Error) as caught:
        shop.owner.execute("select * from tandem.drift('products', -1)")
    assert (caught.value.sqlstate, bool(caught.value.diag.message_hint)) == ("22023", True)


def test_a_range_of_text_keys_is_compared_as_text(order_shop: Shop) -> None:
    """In the collation of the key's column, and for an operator, too."""
    owner = order_shop.owner
    owner.execute("select tandem.grant_to('old_app', 'operator')")
    call = "call tandem.migrate('orders', p_from => {}, p_to => {})"
    assert sqlstate(order_shop.old, call.format("'B9'", "'B10'")) == "22023"
    assert sqlstate(order_shop.old, call.format("'B10'", "'B9'")) is None
    assert sqlstate(order_shop.old, call.format("'B10'", "null")) is None


def test_a_migration_whose_checks_fail_names_the_next_statement(db: Database) -> None:
    owner = synced(db, 3)
    owner.execute("alter table tblproduct disable trigger tandem_21_update")
    owner.execute("update tblproduct set status = 'unseen' where productid = 2")
    owner.execute("alter table tblproduct enable trigger tandem_21_update")
    migrate(owner)
    (message,) = last_run(owner, "message")
    assert message.endswith("1 failed (values); next: SELECT * FROM tandem.validate('products');")


def test_the_hint_of_an_isolation_level_helps_a_call(db: Database) -> None:
    owner = synced(db)
    owner.execute("set default_transaction_isolation = 'serializable'")
    with pytest.raises(psycopg.Error) as caught:
        migrate(owner)
    hint = caught.value.diag.message_hint or ""
    assert (caught.value.sqlstate, hint.partition(";")[0]) == (
        "TD043", "SET default_transaction_isolation = 'read committed'",
    )  # fmt: skip
    owner.execute(hint.partition(";")[0].encode())
    migrate(owner)
