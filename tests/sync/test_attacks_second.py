"""Attacks on batches, the origin and the ways back that once found lost data or a way in."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgtandem.deploy import deploy
from pgtandem.mapping import parse_mapping
from support.databases import Connection, Database
from support.locks import wait_for_lock_wait, wait_until
from support.shop import fill, in_background, migrate, one
from sync.shops import products, sqlstate
from sync.test_attacks import ROW, config, drift, run_sql, synced


def waiting(db: Database, rows: int) -> Connection:
    """shop_owner's session in a prepared shop with flat rows 1, 2, ... of three products."""
    owner = db.owner()
    owner.execute(
        "insert into tblproduct (productid, productname, version, catalogname, configname, amount)"
        " select i, 'P' || i %% 3, '1', 'home', 'c' || i, i from generate_series(1, %s) as i",
        (rows,),
    )
    owner.execute("call tandem.prepare('products')")
    db.grant_new_app()
    return owner


# --- lost or changed data -------------------------------------------------------------------

NO_DEAR_PRICES = """
create function cheap() returns trigger language plpgsql set search_path = public as $$
begin
    if new.amount > 10 then return null; end if;
    return new;
end $$;
create trigger cheap before insert on tblconfigprice for each row execute function cheap();
"""


@pytest.mark.parametrize("how", ["migration", "insert", "update"])
def test_an_own_trigger_that_suppresses_a_price_does_not_wipe_the_amount(
    db: Database, how: str
) -> None:
    """docs/limits.md: one that suppresses the write is an error."""
    owner = waiting(db, 2)
    owner.execute("update tblproduct set amount = 20 where productid = 2")
    if how == "migration":
        owner.execute(NO_DEAR_PRICES)
        with contextlib.suppress(psycopg.Error):
            migrate(owner)
        assert one(owner, "select amount from tblproduct where productid = 2") == 20
        return
    migrate(owner)
    owner.execute(NO_DEAR_PRICES)
    text = {
        "insert": "insert into tblproduct (productid, productname, amount) values (9, 'x', 30)",
        "update": "update tblproduct set amount = 30 where productid = 2",
    }[how]
    state = sqlstate(db.old_app(), text)
    assert state == "TD044" or one(owner, "select count(*) from tblproduct where amount = 30") == 1


@pytest.mark.parametrize("change", ["productname = 'Else'", "sku = 'new'"])
def test_a_key_that_changes_while_a_batch_waits_for_it_does_not_widen_the_batch(
    db: Database, change: str
) -> None:
    owner = waiting(db, 12)
    owner.execute("delete from tblproduct where productid = 9")
    while not one(owner, "select count(configid) from tblproduct"):
        migrate(owner, p_batch_rows=1, p_max_batches=1)
    jumper, writer, runner = db.old_app(), db.old_app(), db.owner()
    pid = runner.info.backend_pid
    jumper.execute("begin")
    jumper.execute("update tblproduct set productid = 9 where productid = 2")
    with in_background(runner, lambda: migrate(runner, p_batch_rows=3)) as run:
        wait_for_lock_wait(owner, pid)
        writer.execute("begin")
        writer.execute(f"update tblproduct set {change} where productid = 7".encode())
        jumper.execute("commit")
        wait_until(
            lambda: (
                run.done()
                or one(
                    owner, "select %s = any (pg_blocking_pids(%s))", writer.info.backend_pid, pid
                )
            ),
            "the batch waits for the writer of row 7",
        )
        writer.execute("commit")
        run.result(60)
    assert one(owner, "select count(*) from tblconfig") == 11
    assert drift(owner) == []


def test_a_key_inserted_again_gets_the_newest_kept_leaf(db: Database) -> None:
    owner = synced(db, 2)
    for key, notes in ((1, "one"), (2, "two")):
        owner.execute(
            "update tblconfig set notes = %s where configid = %s", (notes, config(owner, key))
        )
    old = db.old_app()
    old.execute("delete from tblproduct where productid = 1")
    old.execute("update tblproduct set productid = 1 where productid = 2")
    old.execute("delete from tblproduct where productid = 1")
    old.execute(ROW, (1,))
    assert one(owner, "select notes from tblconfig") == "two"


@pytest.mark.parametrize("mode", ["keep", "remove"])
@pytest.mark.parametrize(
    "text",
    [
        "delete from tblproduct where productid = 2400",
        "update tblproduct set productid = 0 where productid = 2400",
    ],
    ids=["delete", "key"],
)
def test_a_rollback_notes_rows_that_change_while_it_works(
    db: Database, mode: str, text: str
) -> None:
    """Row 2400 is above the cursor and not noted yet."""
    owner = db.owner()
    fill(owner, 2500)
    owner.execute(
        "update tblproduct set productname = 'P', version = 'v', catalogname = 'c',"
        " configname = null, sku = null"
    )
    owner.execute("call tandem.prepare('products')")
    db.grant_new_app()
    migrate(owner)
    owner.execute("update tblconfig set notes = 'mine' where configid = %s", (config(owner, 2400),))
    blocker, old, runner = db.old_app(), db.old_app(), db.owner()
    blocker.execute("begin")
    blocker.execute("select from tblproduct where productid = 2450 for update")
    call = f"call tandem.rollback('products', p_hierarchy => '{mode}', p_drop_columns => true)"
    with in_background(runner, lambda: run_sql(runner, call)) as run:
        wait_until(
            lambda: one(
                owner,
                "select count(*) > 0 from pg_locks where pid = %s and not granted"
                " and locktype in ('transactionid', 'tuple')",
                runner.info.backend_pid,
            ),
            "the rollback waits for row 2450",
        )
        old.execute(text.encode())
        blocker.execute("commit")
        run.result(60)
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert drift(owner) == []
    if "update" in text:
        assert one(owner, "select notes from tblconfig where configid = %s", config(owner, 0)) == (
            "mine"
        )


# --- stuck ----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["old_app", "new_app"])
def test_the_way_forward_is_open_where_a_removed_parent_was_made_again(
    db: Database, who: str
) -> None:
    owner = synced(db, 2)
    owner.execute("update tblbaseproduct set description = 'mine'")
    owner.execute("call tandem.rollback('products', p_hierarchy => 'remove')")
    if who == "new_app":
        db.new_app().execute("insert into tblbaseproduct values (gen_random_uuid(), 'Lamp')")
    else:
        while (
            one(
                owner,
                "select coalesce(cursor ->> 'stage', '') from tandem.run"
                " order by run_id desc limit 1",
            )
            != "restore"
        ):
            migrate(owner, p_max_batches=1)
        db.old_app().execute("insert into tblproduct (productname, version) values ('Lamp', '1')")
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select description from tblbaseproduct where name = 'Lamp'") == "mine"
    assert one(owner, "select count(*) from tandem_products.kept_level") == 0


def test_kept_children_come_back_under_a_parent_that_was_made_again(db: Database) -> None:
    """Base and version are made again, the catalog is not; what it says beside its key is kept."""
    owner = synced(db, 2)
    owner.execute("update tblcatalog set description = 'mine'")
    owner.execute("call tandem.rollback('products', p_hierarchy => 'remove')")
    db.new_app().execute(
        "with base as (insert into tblbaseproduct (name) values ('Lamp') returning *)"
        " insert into tblproductversion (baseproductid, version)"
        " select baseproductid, '1' from base"
    )
    migrate(owner)
    assert one(owner, "select description from tblcatalog") == "mine"
    assert one(owner, "select count(*) from tblproductversion") == 1
    assert drift(owner) == []


def test_a_kept_parent_that_cannot_come_back_is_not_lost(db: Database) -> None:
    owner = synced(db, 2)
    owner.execute("alter table tblbaseproduct add unique (description)")
    owner.execute("update tblbaseproduct set description = 'mine'")
    owner.execute("call tandem.rollback('products', p_hierarchy => 'remove')")
    db.new_app().execute("insert into tblbaseproduct (name, description) values ('Else', 'mine')")
    with pytest.raises(psycopg.Error) as caught:
        migrate(owner)
    assert caught.value.sqlstate == "TD031"
    db.new_app().execute("update tblbaseproduct set description = 'yours'")
    migrate(owner)
    assert one(owner, "select description from tblbaseproduct where name = 'Lamp'") == "mine"
    assert drift(owner) == []


# --- silent drift, ways in ------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["sync:1", "sync:1:1", "sync:1:"])
def test_a_forged_origin_does_not_hide_a_foreign_keys_cascade(db: Database, origin: str) -> None:
    """A cascade runs at depth 1 and as the owner of the table."""
    owner = synced(db)
    owner.execute(
        "create table catalogs (name text primary key); insert into catalogs values ('home');"
        "grant select, update on catalogs to old_app;"
        "alter table tblproduct add foreign key (catalogname) references catalogs"
        " on update cascade"
    )
    old = db.old_app()
    old.execute("update tblproduct set sku = 'own write'")
    old.execute(f"set tandem.origin = '{origin}'".encode())
    old.execute("update catalogs set name = 'garden'")
    assert drift(owner) == []


@pytest.mark.parametrize(
    "text",
    [
        "insert into tblproduct (productname) values ('x')",
        "update tblproduct set sku = 'x'",
        "delete from tblproduct",
        "update tblconfig set sku = 'x'",
        "update tblproduct set configid = null",
    ],
)
def test_a_forged_origin_does_not_hide_what_a_trigger_of_the_owner_writes(
    db: Database, text: str
) -> None:
    owner = synced(db)
    owner.execute(
        f"""
        create table inbox (id int);
        grant insert on inbox to old_app;
        create function taken() returns trigger language plpgsql security definer
        set search_path = public as $$ begin {text}; return null; end $$;
        create trigger taken after insert on inbox for each row execute function taken();
        """.encode()
    )
    old = db.old_app()
    old.execute("set tandem.origin = 'sync:1:1'")
    with contextlib.suppress(psycopg.errors.ObjectNotInPrerequisiteState):  # no token yet
        old.execute("insert into inbox values (1)")
    assert drift(owner) == []
    old.execute("update tblproduct set sku = 'own write'")
    old.execute("insert into inbox values (2)")
    assert drift(owner) == []


def test_nobody_but_the_owner_reads_the_token(db: Database) -> None:
    owner = synced(db)
    for level in ("operator", "admin"):
        owner.execute("select tandem.grant_to('old_app', %s)", (level,))
    old = db.old_app()
    old.execute("update tblproduct set sku = 'own write'")
    for text in (
        "select currval('tandem.origin')",
        "select last_value from tandem.origin",
        "select nextval('tandem.origin')",
        "select lastval()",
        "select tandem._mark('')",
    ):
        assert sqlstate(old, text) == "42501"
    query = "select last_value from pg_sequences where sequencename = 'origin'"
    assert one(old, query) is None
    start = "select seqstart from pg_sequence where seqrelid = to_regclass('tandem.origin')"
    assert one(owner, query) - one(owner, start) > 1_000_000


def test_an_operator_begins_no_run_of_an_admins_verb(db: Database) -> None:
    owner = synced(db)
    owner.execute("select tandem.grant_to('old_app', 'operator')")
    state = sqlstate(db.old_app(), "select * from tandem._run_begin('rollback', 'products', '{}')")
    assert state == "42501"


def test_an_operator_does_not_reject_migrated_rows_by_calling_the_step(db: Database) -> None:
    owner = synced(db)
    owner.execute("select tandem.grant_to('old_app', 'operator')")
    old = db.old_app()
    run = one(old, "select run_id from tandem._run_begin('migrate', 'products', '{\"x\": 1}')")
    old.execute(
        'select tandem._run_batch(%s, 1, row(false, \'{"stage": "rows"}\', 0, 0, 0, 0, null,'
        " null)::tandem.step_result, 0, 0)",
        (run,),
    )
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        old.execute(
            "select tandem.migrate_step('products', %s, 9, %s)",
            (run, '{"sqlstate": "X", "message": "m"}'),
        )
    assert one(owner, "select syncstatus from tblproduct") == "active"


# --- rows rejected, errors ------------------------------------------------------------------


@pytest.mark.parametrize("when", ["live", "migration"])
def test_an_own_trigger_that_makes_a_default_child_of_each_parent(db: Database, when: str) -> None:
    owner = waiting(db, 0)
    owner.execute(
        """
        create function child() returns trigger language plpgsql set search_path = public as $$
        begin
            insert into tblproductversion (versionid, baseproductid, version)
            values (gen_random_uuid(), new.baseproductid, '1');
            return null;
        end $$;
        create trigger child after insert on tblbaseproduct
        for each row execute function child();
        """
    )
    if when == "live":
        migrate(owner)
    db.old_app().execute("insert into tblproduct (productname) values ('A'), ('B')")
    if when == "migration":
        migrate(owner)
    assert one(owner, "select count(*) from tblproduct where syncstatus = 'rejected'") == 0
    assert drift(owner) == []


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("perform no_such_function()", "42883"),
        ("insert into not_there values (1)", "42P01"),
        ("raise exception using errcode = 'disk_full'", "53100"),
    ],
)
def test_a_fault_that_all_rows_share_rejects_none(db: Database, body: str, state: str) -> None:
    owner = waiting(db, 20)
    owner.execute(
        f"""
        create function broken() returns trigger language plpgsql set search_path = public as $$
        begin
            {body};
            return new;
        end $$;
        create trigger broken before insert on tblconfig for each row execute function broken();
        """.encode()
    )
    with pytest.raises(psycopg.Error) as caught:
        migrate(owner)
    assert caught.value.sqlstate == state
    assert one(owner, "select count(*) from tandem.rejected_row") == 0
    assert one(owner, "select state from tandem.run order by run_id desc limit 1") == "failed"
    owner.execute("drop trigger broken on tblconfig")
    migrate(owner)
    assert one(owner, "select count(*) from tblconfig") == 20


@pytest.mark.parametrize("name", ["p_from", "v_from", "v_now", "p_key", "v_leaf"])
def test_other_columns_of_the_flat_table_are_named_like_variables(
    bare_db: Database, name: str
) -> None:
    owner = bare_db.owner()
    owner.execute(f"alter table tblproduct add {name} text".encode())
    owner.execute("insert into tblproduct (productid, productname) values (1, 'A'), (2, 'B')")
    deploy(owner, [products()])
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert one(owner, "select count(*) from tblproduct where syncstatus = 'rejected'") == 0
    bare_db.old_app().execute("insert into tblproduct (productid, productname) values (3, 'Z')")
    assert drift(owner) == []


def test_a_level_named_todo(bare_db: Database) -> None:
    owner = bare_db.owner()
    source = products().source.replace('name = "base"', 'name = "todo"')
    owner.execute("insert into tblproduct (productid, productname) values (1, 'A')")
    deploy(owner, [replace(parse_mapping(source), source=source)])
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert one(owner, "select syncstatus from tblproduct") == "active"


def test_two_collations_are_a_blocker_before_anything_is_made(bare_db: Database) -> None:
    owner = bare_db.owner()
    owner.execute(
        'alter table tblproduct alter productname type text collate "C";'
        "create table tblbaseproduct (baseproductid uuid primary key default gen_random_uuid(),"
        ' name text collate "POSIX" not null unique, description text, status text)'
    )
    deploy(owner, [products()])
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"
    cure = one(
        owner,
        "select cure from tandem.analyze('products')"
        " where severity = 'blocker' and finding like '%collation%'",
    )
    owner.execute(cure.encode())
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    bare_db.old_app().execute("insert into tblproduct (productname) values ('A')")
    assert drift(owner) == []


def test_new_tables_have_the_collations_of_the_flat_columns(bare_db: Database) -> None:
    """Else each look-up of a parent reads the whole table: the index has another order."""
    owner = bare_db.owner()
    owner.execute(
        'alter table tblproduct alter productname type text collate "C",'
        ' alter sku type text collate "POSIX", alter currency type char(3) collate "C"'
    )
    owner.execute("insert into tblproduct (productname, sku) values ('B', 'x')")
    deploy(owner, [products()])
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    bare_db.old_app().execute("insert into tblproduct (productname) values ('A')")
    owner.execute("update tblbaseproduct set name = 'Q' where name = 'A'")
    assert drift(owner) == []
    rows = owner.execute(
        "select attname, attcollation::regcollation::text from pg_attribute where attcollation"
        " not in (0, 'pg_catalog.default'::regcollation) and attrelid = any (array['tblconfig',"
        " 'tblbaseproduct', 'tblconfigprice']::regclass[]) order by 1"
    ).fetchall()
    assert rows == [("currency", '"C"'), ("name", '"C"'), ("sku", '"POSIX"')]


def test_the_owner_as_operator(db: Database) -> None:
    owner = synced(db)
    assert sqlstate(owner, "select tandem.grant_to('shop_owner', 'operator')") in (None, "22023")


def test_a_second_rollback_keeps_what_the_first_noted(db: Database) -> None:
    """First without the columns, then, with no row migrated again, the hierarchy goes."""
    owner = synced(db)
    owner.execute("update tblconfig set notes = 'here'")
    owner.execute("update tblproduct set amount = amount + 1")
    before = owner.execute("select configid, notes from tblconfig").fetchall()
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    owner.execute("call tandem.prepare('products')")
    owner.execute("call tandem.rollback('products', p_hierarchy => 'remove')")
    migrate(owner)
    assert owner.execute("select configid, notes from tblconfig").fetchall() == before
    assert one(owner, "select count(*) from tblconfigprice") == 2
    assert one(owner, "select tandem.drift_count('products')") == 0


@pytest.mark.parametrize("mode", ["keep", "remove"])
def test_a_rollback_follows_keys_that_change_before_the_columns_go(db: Database, mode: str) -> None:
    owner = synced(db, 2)
    owner.execute("update tblconfig set notes = 'mine' where configid = %s", (config(owner, 2),))
    leaf = config(owner, 2)
    owner.execute("call tandem.rollback('products', %s)", (mode,))
    db.old_app().execute("update tblproduct set productid = 20 where productid = 2")
    owner.execute("call tandem.rollback('products', %s, p_drop_columns => true)", (mode,))
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert config(owner, 20) == leaf
    assert one(owner, "select notes from tblconfig where configid = %s", leaf) == "mine"
    assert drift(owner) == []


def test_a_second_removal_keeps_the_content_of_the_first(db: Database) -> None:
    owner = synced(db)
    owner.execute("update tblconfig set notes = 'mine'")
    owner.execute("update tblproduct set amount = amount + 1")
    for _ in range(2):
        owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    assert one(owner, "select notes from tblconfig") == "mine"
    assert one(owner, "select count(*) from tblconfigprice") == 2
    assert drift(owner) == []


@pytest.mark.parametrize("mode", ["keep", "remove"])
def test_a_rollback_with_the_sync_off_notes_what_belongs_together(db: Database, mode: str) -> None:
    owner = synced(db, 2)
    owner.execute("update tblconfig set notes = 'mine' where configid = %s", (config(owner, 2),))
    leaf = config(owner, 2)
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    db.old_app().execute("update tblproduct set productid = 20 where productid = 2")
    owner.execute("call tandem.rollback('products', %s, p_drop_columns => true)", (mode,))
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', true)")
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert config(owner, 20) == leaf
    assert one(owner, "select notes from tblconfig where configid = %s", leaf) == "mine"
    assert drift(owner) == []


def test_a_rollback_that_ended_in_its_notes_leaves_the_sync_right(db: Database) -> None:
    """The notes are of rows that old and new programs go on to change."""
    owner = synced(db, 4)
    before = [config(owner, key) for key in (1, 2, 3, 4)]
    run = one(owner, "select run_id from tandem._run_begin('rollback', 'products', '{}')")
    for _ in range(2):
        cursor = one(owner, "select (tandem.rollback_step('products', %s, 100, null)).cursor", run)
        owner.execute("update tandem.run set cursor = %s where run_id = %s", (Jsonb(cursor), run))
    assert one(owner, "select count(*) from tandem_products.kept") == 4
    old, new = db.old_app(), db.new_app()
    old.execute("update tblproduct set productid = 20 where productid = 2")
    old.execute("delete from tblproduct where productid = 3")
    new.execute("delete from tblconfig where configid = %s", (before[3],))
    for key in (2, 3, 4):
        old.execute(ROW, (key,))
    assert drift(owner) == []
    assert config(owner, 20) == before[1]
    assert config(owner, 3) == before[2]
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select count(*) from tblconfig") == 5
