"""Traps 19 to 26: the migration beside writers, killed, resumed, called in the wrong place."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from pgtandem.deploy import deploy
from pgtandem.server import ThrowawayServer
from support.databases import Connection, Database, TestServer
from support.locks import wait_for_blocked_by, wait_for_end, wait_for_lock_wait, wait_until
from sync.catalogue import BOTH_SIDES, add, assert_same, counts
from sync.scheduler import Session
from sync.shops import Shop, flat_table, products

ROWS = """
insert into tblproduct (productname, version, catalogname, configname, sku, status, amount)
select 'P' || i %% 7, nullif('v' || i %% 3, 'v0'), 'c', 'n' || i, 's' || i, 'on',
  nullif(i %% 5, 0) from generate_series(1, %s) as i
"""


@pytest.fixture
def flat_shop(db: Database) -> Shop:
    """Deployed and prepared, with rows, nothing migrated."""
    shop = Shop(db, products())
    shop.owner.execute("call tandem.prepare('products')")
    shop.grant()
    shop.owner.execute(ROWS, (20,))
    return shop


def until_rows(shop: Shop, batches: int = 1) -> None:
    """Migrate until the sync is on and a batch or two of one row are done; then pause."""
    while shop.value("select phase from tandem.mapping") == "prepared":
        shop.owner.execute("call tandem.migrate('products', p_batch_rows => 1, p_max_batches => 1)")
    while shop.value("select count(configid) from tblproduct") < batches:
        shop.owner.execute("call tandem.migrate('products', p_batch_rows => 1, p_max_batches => 1)")


def migrated_once(shop: Shop, rows: int) -> None:
    """Each row has exactly one leaf, and the run counted each row once."""
    assert shop.value("select count(*) from tblconfig") == rows
    assert shop.value("select count(distinct configid) from tblproduct") == rows
    assert shop.value("select phase from tandem.mapping") == "migrated"
    read, written, unchanged, rejected, state = shop.rows(
        "select read_rows, written_rows, unchanged_rows, rejected_rows, state from tandem.run"
        " where kind = 'migrate' order by run_id desc limit 1"
    )[0]
    assert state == "done"
    assert read == written + unchanged + rejected
    assert_same(shop)


# 19 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("delete from tblproduct where productid = 10", 19),
        ("update tblproduct set configname = 'new', amount = 99 where productid = 10", 20),
        ("update tblproduct set productname = 'Elsewhere' where productid = 10", 20),
        ("update tblproduct set productname = '' where productid = 10", 20),
    ],
    ids=["delete", "update", "move", "reject"],
)
def test_trap_19_the_batch_waits_for_a_row_that_is_written(
    flat_shop: Shop, text: str, left: int
) -> None:
    shop = flat_shop
    until_rows(shop)
    writer, runner = (
        Session(shop.connect("old_app"), "writer"),
        Session(shop.connect("shop_owner"), "migrate"),
    )
    for statement in ("begin", text):
        writer.send(statement)
        assert writer.wait() is None, writer.message
    runner.send("call tandem.migrate('products')")
    wait_for_lock_wait(shop.owner, runner.pid)
    writer.send("commit")
    assert writer.wait() is None
    assert runner.wait() is None, runner.message
    assert shop.value("select count(*) from tblproduct") == left
    rejected = shop.value("select count(*) from tblproduct where syncstatus = 'rejected'")
    assert shop.value("select count(*) from tblconfig") == left - rejected
    if "99" in text:
        assert ("new", 99) in [(row[3], row[5]) for row in shop.rows(BOTH_SIDES)]
    assert_same(shop)


@pytest.mark.parametrize(
    "text",
    [
        "delete from tblproduct where productid = 10",
        "update tblproduct set configname = 'new', amount = 99 where productid = 10",
        "update tblproduct set productname = 'Elsewhere' where productid = 10",
    ],
    ids=["delete", "update", "move"],
)
def test_trap_19_a_row_is_written_between_the_batchs_read_and_its_write(
    flat_shop: Shop, text: str
) -> None:
    """The writer waits for the batch, whose rows are locked from its first read on."""
    shop = flat_shop
    until_rows(shop)
    shop.owner.execute(
        "create function hold() returns trigger language plpgsql as $$ begin"
        " if current_setting('application_name') = 'held' then"
        " perform pg_advisory_xact_lock(42); end if; return new; end $$;"
        "create trigger hold before insert on tblbaseproduct for each row execute function hold();"
        "update tandem.setting set value = '60000' where name = 'batch_lock_timeout'"
    )
    holder, writer, runner = (
        Session(shop.connect("old_app"), "holder"),
        Session(shop.connect("old_app"), "writer"),
        Session(shop.connect("shop_owner", application_name="held"), "migrate"),
    )
    holder.send("select pg_advisory_lock(42)")
    assert holder.wait() is None
    runner.send("call tandem.migrate('products')")
    wait_for_blocked_by(shop.owner, runner.pid, holder.pid)  # it has read its rows
    writer.send(text)
    wait_for_blocked_by(shop.owner, writer.pid, runner.pid)
    holder.send("select pg_advisory_unlock(42)")
    for session in (holder, runner, writer):
        assert session.wait() is None, session.message
    left = 19 if text.startswith("delete") else 20
    assert shop.value("select count(*) from tblproduct") == left
    assert shop.value("select count(*) from tblconfig") == left
    assert_same(shop)


def test_trap_19_the_live_trigger_was_first(flat_shop: Shop) -> None:
    shop = flat_shop
    until_rows(shop)
    shop.old.execute("update tblproduct set status = 'live' where productid > 10")
    leaves = shop.rows("select productid, configid from tblproduct where productid > 10 order by 1")
    assert all(row[1] for row in leaves)
    shop.owner.execute("call tandem.migrate('products')")
    again = shop.rows("select productid, configid from tblproduct where productid > 10 order by 1")
    assert again == leaves
    migrated_once(shop, 20)


def test_trap_19_the_hierarchy_is_written_while_rows_are_not_migrated(flat_shop: Shop) -> None:
    shop = flat_shop
    until_rows(shop, 3)
    shop.new.execute("update tblbaseproduct set name = name || '!'")
    shop.new.execute("update tblconfig set status = 'new'")
    shop.owner.execute("call tandem.migrate('products')")
    migrated_once(shop, 20)
    assert shop.value("select count(*) from tblproduct where status = 'new'") == 3


# 20 -----------------------------------------------------------------------------------------------


@contextmanager
def own_server(rows: int) -> Iterator[tuple[ThrowawayServer, Shop]]:
    """A server that a test may kill, with a prepared shop; sessions are the test's own."""
    mapping = products()
    with ThrowawayServer() as embedded:
        server = TestServer(embedded.conninfo(), embedded.binaries, "embedded", embedded)
        server.make_roles()
        with server.clone(None) as database:
            shop = Shop(database, mapping)
            shop.owner.execute(flat_table(mapping).encode())
            deploy(shop.owner, [mapping])
            shop.owner.execute("call tandem.prepare('products')")
            shop.grant()
            shop.owner.execute(ROWS, (rows,))
            yield embedded, shop


def migrating(shop: Shop, options: str = "") -> Session:
    """A session in which a migration runs."""
    runner = Session(shop.connect("shop_owner"), "migrate")
    runner.send(f"call tandem.migrate('products'{options})")
    return runner


def start_batch_that_waits(shop: Shop) -> tuple[Connection, Session]:
    """A migration stopped inside a batch by a row lock; that lock's session and the migration's."""
    until_rows(shop, 5)
    # long enough that the batch does not give way meanwhile
    shop.owner.execute(
        "update tandem.setting set value = '60000' where name = 'batch_lock_timeout'"
    )
    locker = shop.connect("shop_owner", autocommit=False)
    locker.execute("select from tblproduct where productid = 15 for update")
    runner = migrating(shop, ", p_batch_rows => 4")
    wait_for_lock_wait(shop.owner, runner.pid)
    return locker, runner


def ended(session: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Whether the server has ended this session."""
    try:
        session.execute("select 1")
    except psycopg.OperationalError:
        return True
    return False


def test_trap_20_the_backend_is_killed_inside_a_batch() -> None:
    with own_server(20) as (embedded, shop):
        _, runner = start_batch_that_waits(shop)
        witness = shop.db.superuser()
        os.kill(runner.pid, signal.SIGKILL)  # the server restarts all its sessions then
        wait_until(lambda: ended(witness), "the server ends all sessions")
        shop.db.close_all()
        wait_until(embedded.answers, "the server is back")
        done = shop.value("select count(configid) from tblproduct")
        assert 5 <= done < 20
        assert shop.value("select count(*) from tblconfig") == done
        assert shop.value("select read_rows from tandem.run where kind = 'migrate'") == done
        shop.owner.execute("call tandem.migrate('products')")
        migrated_once(shop, 20)
        assert shop.value("select max(attempt) from tandem.run where kind = 'migrate'") > 1


def test_trap_20_the_server_is_killed_inside_a_batch() -> None:
    with own_server(20) as (embedded, shop):
        start_batch_that_waits(shop)
        embedded.kill()
        shop.db.close_all()
        embedded.start()
        assert shop.value("select count(*) from tblconfig") == shop.value(
            "select count(configid) from tblproduct"
        )
        shop.owner.execute("call tandem.migrate('products')")
        migrated_once(shop, 20)


def test_trap_20_the_server_is_killed_between_batches() -> None:
    with own_server(20) as (embedded, shop):
        until_rows(shop, 5)
        migrating(shop, ", p_batch_rows => 1, p_pause_ms => 3600000")
        wait_until(
            lambda: (
                shop.value("select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
                == 1
            ),
            "the migration rests between batches",
        )
        done = shop.value("select read_rows from tandem.run where kind = 'migrate'")
        embedded.kill()
        shop.db.close_all()
        embedded.start()
        assert shop.value("select read_rows from tandem.run where kind = 'migrate'") == done
        assert shop.value("select count(*) from tblconfig") == done
        shop.owner.execute("call tandem.migrate('products')")
        migrated_once(shop, 20)
        assert shop.value("select read_rows from tandem.run where kind = 'migrate'") == 20


def test_trap_20_the_client_is_killed(flat_shop: Shop) -> None:
    shop = flat_shop
    until_rows(shop, 5)
    client = subprocess.Popen(
        [shop.db.server.programs.psql, "-X", "-d", shop.db.owner_dsn, "-c",
         "call tandem.migrate('products', p_batch_rows => 1, p_pause_ms => 3600000)"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    query = "select backend_pid from tandem.run where kind = 'migrate' and backend_pid <> %s"
    mine = shop.owner.info.backend_pid
    wait_until(lambda: shop.rows(query, mine) != [], "psql's migration runs")
    backend = shop.value(query, mine)
    wait_until(
        lambda: shop.rows("select from pg_stat_activity where pid = %s and wait_event = 'PgSleep'",
                          backend) != [],
        "it rests",
    )  # fmt: skip
    client.send_signal(signal.SIGKILL)
    client.wait()
    # the backend does not hear of it while it rests; one migration at a time, and it says who
    with pytest.raises(psycopg.Error) as caught:
        shop.owner.execute("call tandem.migrate('products')")
    assert caught.value.sqlstate == "TD010"
    assert str(backend) in (caught.value.diag.message_hint or "")
    shop.owner.execute("select pg_terminate_backend(%s)", (backend,))
    wait_for_end(shop.owner, backend)
    shop.owner.execute("call tandem.migrate('products')")
    migrated_once(shop, 20)


# 21 -----------------------------------------------------------------------------------------------


def test_trap_21_it_ends_under_constant_inserts_above_the_cursor(flat_shop: Shop) -> None:
    shop = flat_shop
    stop, added = threading.Event(), [0]

    def insert() -> None:
        with psycopg.connect(shop.db.old_app_dsn, autocommit=True) as conn:
            while not stop.is_set():
                conn.execute(
                    "insert into tblproduct (productname, configname) values ('P1', 'more')"
                )
                added[0] += 1

    thread = threading.Thread(target=insert)
    thread.start()
    try:
        wait_until(lambda: added[0] > 0, "the writer writes")
        shop.owner.execute("set statement_timeout = '60s'")
        shop.owner.execute("call tandem.migrate('products', p_batch_rows => 1)")
    finally:
        stop.set()
        thread.join(30)
    assert added[0] > 0
    migrated_once(shop, 20 + added[0])


# 22 -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_trap_22_a_table_never_analysed_batch_300_costs_what_batch_1_costs(db: Database) -> None:
    shop = Shop(db, products())
    shop.owner.execute("call tandem.prepare('products')")
    for table in (shop.flat, *shop.hierarchy):
        shop.owner.execute(f"alter table {table} set (autovacuum_enabled = false)")
    shop.owner.execute(
        "insert into tblproduct (productname, version, configname, amount)"
        " select 'P' || i / 3, 'v', 'c', i from generate_series(1, 30000) as i"
    )
    shop.owner.execute("call tandem.migrate('products', p_batch_rows => 100)")
    taken = [
        float(row[0])
        for row in shop.rows(
            "select milliseconds from tandem.run_batch where read_rows = 100 order by batch"
        )
    ]
    assert len(taken) == 300
    first, last = statistics.median(taken[:30]), statistics.median(taken[-30:])
    assert last < 2.5 * first, f"{first:.1f} ms at first, {last:.1f} ms at the end"
    assert shop.value("select count(*) from tblconfig") == 30000


# 23 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferred", [False, True], ids=["check", "deferred"])
def test_trap_23_a_poison_row_is_isolated(flat_shop: Shop, deferred: bool) -> None:
    shop = flat_shop
    if deferred:
        shop.owner.execute(
            """
            create table allowed (name text primary key);
            insert into allowed select configname from tblproduct where configname <> 'n13';
            alter table tblconfig add constraint allowed_fkey foreign key (name)
              references allowed deferrable initially deferred
            """
        )
    else:
        shop.owner.execute("alter table tblconfig add constraint poison check (name <> 'n13')")
    shop.owner.execute("call tandem.migrate('products')")
    assert shop.value("select count(*) from tblconfig") == 19
    assert shop.rows("select productid from tblproduct where syncstatus = 'rejected'") == [(13,)]
    assert shop.rows(
        "select row_key, sqlstate, content ->> 'configname' from tandem.rejected_row"
        " where resolved_at is null"
    ) == [("13", "23503" if deferred else "23514", "n13")]
    read, written, rejected = shop.rows(
        "select read_rows, written_rows, rejected_rows from tandem.run where kind = 'migrate'"
    )[0]
    assert (read, written, rejected) == (20, 19, 1)
    assert_same(shop)
    # a later correct write closes it
    correct = "n1" if deferred else "fine"
    shop.old.execute("update tblproduct set configname = %s where productid = 13", (correct,))
    assert shop.value("select count(*) from tandem.rejected_row where resolved_at is null") == 0
    assert shop.value("select count(*) from tblconfig") == 20
    assert_same(shop)


def test_trap_23_stop_at_a_poison_row_loses_nothing(flat_shop: Shop) -> None:
    shop = flat_shop
    shop.owner.execute("alter table tblconfig add constraint poison check (name <> 'n13')")
    with pytest.raises(psycopg.errors.CheckViolation):
        shop.owner.execute(
            "call tandem.migrate('products', p_batch_rows => 5, p_on_reject => 'stop')"
        )
    assert shop.value("select count(*) from tblconfig") == 10
    shop.owner.execute("alter table tblconfig drop constraint poison")
    shop.owner.execute("call tandem.migrate('products')")
    assert shop.value("select count(*) from tblconfig") == 20
    assert_same(shop)


# 24 -----------------------------------------------------------------------------------------------

CALL = "call tandem.migrate('products')"


@pytest.mark.parametrize(
    "text",
    [
        f"begin; {CALL}; commit",
        f"select 1; {CALL}",
        f"{CALL}; select 1",
        f"create function f() returns void language plpgsql as $$ begin {CALL}; end $$; select f()",
        f"do $$ begin execute '{CALL.replace(chr(39), chr(39) * 2)}'; end $$; select 1",
        f"do $$ begin begin {CALL}; exception when others then raise; end; end $$",
    ],
    ids=["begin", "after", "before", "function", "execute", "exception-block"],
)
def test_trap_24_a_call_in_the_wrong_place_says_so_and_does_nothing(
    flat_shop: Shop, text: str
) -> None:
    shop = flat_shop
    conn = shop.connect("shop_owner")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(text)
    assert caught.value.sqlstate == "2D000"
    assert "migrate_step" in (caught.value.diag.message_hint or "")
    conn.rollback()
    assert shop.value("select count(*) from tandem.run where kind = 'migrate'") == 0
    assert counts(shop) == (0, 0, 0, 0, 0)


def test_trap_24_a_call_alone_or_as_one_transaction_works(flat_shop: Shop) -> None:
    shop = flat_shop
    with shop.owner.transaction():
        shop.owner.execute("call tandem.migrate('products', p_one_transaction => true)")
    migrated_once(shop, 20)
    shop.owner.execute(CALL)
    migrated_once(shop, 20)


def test_trap_24_what_commits_has_no_set_clause_and_no_definer(flat_shop: Shop) -> None:
    rows = flat_shop.rows(
        """
        select p.proname, p.proconfig, p.prosecdef, p.prosrc ~* '\\mcommit\\M'
        from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname in ('tandem', 'tandem_products') and p.prokind = 'p'
        """
    )
    assert rows
    assert [row[0] for row in rows if row[1] is not None or row[2]] == []
    assert [row[0] for row in rows if row[3]] == ["_run"]


# 25 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "insert into tblproduct (productname, configname) values ('P1', 'late')",
        "update tblproduct set configname = 'late' where productid = 3",
        "delete from tblproduct where productid = 3",
    ],
    ids=["insert", "update", "delete"],
)
def test_trap_25_switching_on_waits_for_writers_that_are_not_synced(
    flat_shop: Shop, text: str
) -> None:
    shop = flat_shop
    shop.owner.execute(
        "update tandem.setting set value = '60000' where name = 'batch_lock_timeout'"
    )
    writer = shop.connect("old_app", autocommit=False)
    writer.execute(text)
    runner = migrating(shop)
    wait_for_lock_wait(shop.owner, runner.pid)
    assert shop.value("select phase from tandem.mapping") == "prepared"
    writer.commit()
    assert runner.wait() is None, runner.message
    migrated_once(shop, shop.value("select count(*) from tblproduct"))


def test_trap_25_it_gives_way_to_other_writers_while_it_waits(flat_shop: Shop) -> None:
    """A waiting ALTER TABLE queues all later writers; so it must let go again and again."""
    shop = flat_shop
    writer = shop.connect("old_app", autocommit=False)
    writer.execute("update tblproduct set configname = 'open' where productid = 3")
    runner = migrating(shop)
    wait_for_lock_wait(shop.owner, runner.pid)
    third = shop.connect("old_app")
    third.execute("set statement_timeout = '10s'")
    third.execute("update tblproduct set configname = 'passed' where productid = 4")
    writer.commit()
    assert runner.wait() is None, runner.message
    migrated_once(shop, 20)


# 26 -----------------------------------------------------------------------------------------------


def test_trap_26_a_dry_run_does_the_work_and_leaves_nothing(flat_shop: Shop) -> None:
    shop = flat_shop
    shop.owner.execute("alter table tblconfig add constraint poison check (name <> 'n13')")
    shop.owner.execute("insert into tblproduct (productname) values ('')")
    query = "select ctid, xmin::text, t.* from tblproduct as t order by productid"
    before = shop.rows(query)
    shop.owner.execute("call tandem.migrate('products', p_dry_run => true, p_batch_rows => 7)")
    assert shop.rows(query) == before
    assert counts(shop) == (0, 0, 0, 0, 0)
    assert shop.value("select count(*) from tandem.rejected_row") == 0
    assert shop.value("select phase from tandem.mapping") == "prepared"
    enabled = "select count(*) from pg_trigger where tgname like 'tandem%' and tgenabled <> 'D'"
    assert shop.value(f"{enabled} and tgrelid = 'tblproduct'::regclass") == 0
    counted = "select read_rows, written_rows, rejected_rows from tandem.run order by run_id desc"
    told = shop.rows(counted)[0]
    shop.owner.execute(CALL)
    assert shop.rows(counted)[0] == told == (21, 19, 2)
    assert_same(shop)


def test_trap_26_parents_are_counted_before_and_found_after(flat_shop: Shop) -> None:
    shop = flat_shop
    findings = {
        row[0]: row[1]
        for row in shop.rows(
            "select subject, count from tandem.analyze('products') where finding like '%%stand for'"
        )
    }
    shop.owner.execute(CALL)
    found = dict(zip(("tblbaseproduct", "tblproductversion", "tblcatalog"), counts(shop)[:3],
                     strict=True))  # fmt: skip
    assert {name: findings[name] for name in found} == found


def test_trap_26_a_dry_run_beside_the_live_sync_changes_nothing(flat_shop: Shop) -> None:
    shop = flat_shop
    until_rows(shop, 3)
    add(shop, "live", configname="x")
    before = counts(shop)
    shop.owner.execute("call tandem.migrate('products', p_dry_run => true)")
    assert counts(shop) == before
    shop.owner.execute(CALL)
    migrated_once(shop, 21)
