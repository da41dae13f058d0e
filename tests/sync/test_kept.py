"""What is kept of rows that went: as it was, for whoever awaits it, and never in the way."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support.databases import Connection, Database
from support.locks import wait_for_lock_wait
from support.shop import assert_in_step, in_background, migrate, one
from sync.shops import Shop, sqlstate
from sync.test_attacks import ROW, config, drift, run_sql, synced
from sync.test_ways_back import forward_to_rows, noted, notes, rolled_back_to

ODD_COLUMNS = """
    create type pair as (a text, b integer[]);
    create domain some_json as jsonb;
    create domain short as varchar(4) check (value <> 'x');
    alter table {table}
        add odd_null jsonb, add odd_json_null jsonb not null default '[]', add odd_json json,
        add odd_domain some_json, add odd_array integer[], add odd_texts text[],
        add odd_empty text default 'default', add odd_default text default 'default',
        add odd_text text, add odd_pair pair, add odd_no_pair pair, add odd_bytes bytea,
        add odd_number numeric, add odd_float float8, add odd_time timestamptz,
        add odd_interval interval, add odd_char char(6), add odd_short short,
        add "odd ""name"", with {{}}" text, add odd_gone text,
        add odd_generated integer generated always as (cardinality(odd_array)) stored
"""
ODD_VALUES = """
    update {table} set
        odd_json_null = 'null', odd_json = ' {{"b": 1,  "a": "\\u0000", "a": null}} ',
        odd_domain = 'null', odd_array = '[2:3]={{7,NULL}}',
        odd_texts = array['', 'NULL', null, 'a,b', 'say "x"', '\\', '{{}}'],
        odd_empty = '', odd_default = null, odd_text = E'(a,b) "c" \\\\ d''\\n\\t é ☃ ,"" \\\\"',
        odd_pair = row('x "y" \\ (z),', array[1, null]), odd_no_pair = row(null, null),
        odd_bytes = '\\x00ff5c22', odd_number = 'NaN', odd_float = 0.1::float8 + 0.2,
        odd_time = '-infinity', odd_interval = '-1 mons +3 days -04:05:06.7', odd_char = ' a ',
        odd_short = 'wert', "odd ""name"", with {{}}" = 'name'
"""


def odd(owner: Connection, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table that gets ODD_COLUMNS, as text, in which NULL is told from the rest."""
    owner.execute(ODD_COLUMNS.format(table=table).encode())
    owner.execute(ODD_VALUES.format(table=table).encode())
    owner.execute(f"alter table {table} drop odd_gone".encode())
    return rows_of(owner, table)


def rows_of(owner: Connection, table: str) -> list[tuple[Any, ...]]:
    return owner.execute(f"select one::text from {table} as one".encode()).fetchall()


@pytest.mark.parametrize("how", ["delete", "rollback"])
def test_a_kept_leaf_comes_back_with_all_its_values(db: Database, how: str) -> None:
    owner = synced(db)
    before = odd(owner, "tblconfig")
    if how == "delete":
        db.old_app().execute("delete from tblproduct")
        db.old_app().execute(ROW, (1,))
    else:
        owner.execute("call tandem.rollback('products', 'remove')")
        migrate(owner)
    assert rows_of(owner, "tblconfig") == before
    assert drift(owner) == []


def test_a_kept_parent_comes_back_with_all_its_values(db: Database) -> None:
    owner = synced(db)
    before = odd(owner, "tblcatalog")
    owner.execute("call tandem.rollback('products', 'remove')")
    assert one(owner, "select count(*) from tblcatalog") == 0
    migrate(owner)
    assert rows_of(owner, "tblcatalog") == before


def test_a_parent_that_is_made_for_a_moved_row_has_all_values_of_the_one_it_left(
    db: Database,
) -> None:
    owner = synced(db, 2)
    odd(owner, "tblcatalog")
    db.old_app().execute("update tblproduct set catalogname = 'other' where productid = 2")
    assert one(owner, "select count(*) from tblcatalog") == 2
    columns = "odd_json_null, odd_array, odd_default, odd_pair::text, odd_char, odd_generated"
    assert one(owner, f"select count(distinct ({columns})) from tblcatalog") == 1
    assert one(owner, "select count(*) from tblcatalog where odd_default is null") == 2


def test_a_value_that_became_too_long_stays_kept_and_is_said(db: Database) -> None:
    """Nothing is cut. Where the table has a CHECK or a foreign key of the shop's, the old program's
    INSERT goes well, with all else that was kept; else, without a subtransaction, it fails."""
    owner = synced(db)
    owner.execute("alter table tblconfig add extra varchar(10)")
    owner.execute("update tblconfig set extra = '123456789', notes = 'mine'")
    old = db.old_app()
    old.execute("delete from tblproduct")
    owner.execute("alter table tblconfig alter extra type varchar(5)")
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        old.execute(ROW, (1,))
    owner.execute("alter table tblconfig add check (sku <> 'x')")
    old.execute(ROW, (1,))
    assert (notes(owner, 1), one(owner, "select extra from tblconfig")) == ("mine", None)
    assert one(owner, "select sqlstate from tandem.rejected_row where resolved_at is null") == (
        "TD019"
    )
    owner.execute("call tandem.retry_rejected('products')")
    assert one(owner, "select times from tandem.rejected_row where resolved_at is null") == 2
    owner.execute("alter table tblconfig alter extra type text")
    owner.execute("call tandem.retry_rejected('products')")
    assert one(owner, "select extra from tblconfig") == "123456789"
    assert one(owner, "select count(*) from tandem.rejected_row where resolved_at is null") == 0
    assert one(owner, "select count(*) from tandem_products.kept") == 0


@pytest.mark.parametrize("mode", ["keep", "remove"])
def test_a_key_taken_over_from_a_deleted_row_that_waited_to_be_linked(
    db: Database, mode: str
) -> None:
    """The row that takes the key over brings its own leaf; the deleted row's is kept, not given."""
    owner = synced(db, 3)
    leaves = {key: noted(owner, key, f"n{key}") for key in (1, 2, 3)}
    if mode == "keep":
        forward_to_rows(owner)
    else:
        owner.execute("call tandem.rollback('products', 'remove', p_drop_columns => true)")
        owner.execute("call tandem.prepare('products')")
        while one(owner, "select count(*) from tandem_products.kept_level"):
            migrate(owner, p_max_batches=1)
    old = db.old_app()
    old.execute("delete from tblproduct where productid = 2")
    old.execute("update tblproduct set productid = 2 where productid = 3")
    migrate(owner)
    assert (config(owner, 2), notes(owner, 2)) == (leaves[3], "n3")
    assert drift(owner) == []
    assert one(owner, "select count(*) from tblconfig") == 2
    assert one(owner, "select reason from tandem_products.kept where leaf_id = %s", leaves[2]) == (
        "deleted"
    )
    old.execute("delete from tblproduct where productid = 1")
    old.execute("update tblproduct set productid = 1 where productid = 2")
    old.execute(ROW, (2,))
    assert notes(owner, 2) == "n2"
    assert (config(owner, 1), notes(owner, 1)) == (leaves[3], "n3")


def test_a_rejected_row_that_takes_a_key_over_gets_what_was_its_own(db: Database) -> None:
    """Key 1 was deleted last, so what is kept of it is newer than what the rejected row awaits."""
    owner = synced(db, 2)
    leaves = {key: noted(owner, key, f"n{key}") for key in (1, 2)}
    old = db.old_app()
    old.execute("delete from tblproduct where productid = 2")
    old.execute("delete from tblproduct where productid = 1")
    old.execute("insert into tblproduct (productid, productname, sku) values (2, '', 'waits')")
    old.execute("update tblproduct set productid = 1 where productid = 2")
    old.execute("update tblproduct set productname = 'Lamp' where productid = 1")
    assert (config(owner, 1), notes(owner, 1)) == (leaves[2], "n2")
    assert drift(owner) == []


@pytest.mark.parametrize("mode", ["keep", "remove"])
def test_a_text_key_may_look_like_a_name_of_ours(order_shop: Shop, mode: str) -> None:
    shop = order_shop
    insert = f'insert into {shop.flat} ("select", "Kunde Name", "group") values (%s, %s, %s)'
    shop.old.execute(insert, ("a", "K", "g"))
    leaf = shop.value(f'select "Position Id" from {shop.flat}')
    shop.old.execute(f'update {shop.flat} set "select" = %s', (f"leaf {leaf}",))
    shop.owner.execute("call tandem.rollback('orders', %s)", (mode,))
    shop.owner.execute("call tandem.migrate('orders')")
    shop.assert_in_step()
    assert shop.value(f'select "Position Id" from {shop.flat}') == leaf
    assert shop.value(f"select count(*) from {shop.schema}.kept") == 0


STRAY = (
    "insert into tblconfig (configid, catalogid, name, sku, notes)"
    " select '00000000-0000-7000-8000-000000000001', catalogid, 'only', 'only', %s from tblcatalog"
)
STRAY_ID = "00000000-0000-7000-8000-000000000001"
PRICE = "insert into tblconfigprice (configid, amount, note) values (%s, 7, %s)"


def with_stray(db: Database) -> Connection:
    """A leaf with a price and no flat row, written while nothing was synced; a rollback with remove
    is to go on at its last stage but one."""
    owner = synced(db, 2)
    rolled_back_to(owner, "rows", "remove", drop=False)
    new = db.new_app()
    new.execute(STRAY, ("mine",))
    new.execute(PRICE, (STRAY_ID, "first"))
    return owner


def remove_step(owner: Connection) -> dict[str, Any]:
    """One batch of the rollback, its cursor saved as the loop saves it."""
    run = one(owner, "select run_id from tandem.run where finished_at is null")
    cursor: dict[str, Any] = one(
        owner, "select (tandem.rollback_step('products', %s, 100, null)).cursor", run
    )
    owner.execute("update tandem.run set cursor = %s where run_id = %s", (Jsonb(cursor), run))
    return cursor


def stray(owner: Connection) -> tuple[Any, ...] | None:
    return owner.execute(
        "select c.notes, c.sku, array_agg(p.note order by p.note) from tblconfig as c"
        " left join tblconfigprice as p using (configid) where c.configid = %s group by c.configid",
        (STRAY_ID,),
    ).fetchone()


@pytest.mark.parametrize("when", ["during", "after", "forward"])
def test_a_leaf_that_was_taken_out_is_inserted_again(db: Database, when: str) -> None:
    """By a program that has its id; the kept notes and prices join what it wrote."""
    owner = with_stray(db)
    if when == "during":
        while not one(owner, "select count(*) from tandem_products.kept where flat_key is null"):
            remove_step(owner)
    else:
        owner.execute("call tandem.rollback('products', 'remove')")
    if when == "forward":
        while not one(owner, "select count(*) from tblcatalog"):
            migrate(owner, p_max_batches=1)
        assert stray(owner) == ("mine", "only", ["first"])
    else:
        new = db.new_app()
        if when == "after":
            new.execute(
                "with base as (insert into tblbaseproduct (name) values ('Lamp') returning *),"
                " version as (insert into tblproductversion (baseproductid, version)"
                " select baseproductid, '1' from base returning *)"
                " insert into tblcatalog (versionid, name) select versionid, 'home' from version"
            )
        new.execute(STRAY.replace("'only', 'only'", "'only', 'new'"), (None,))
        new.execute(PRICE, (STRAY_ID, "second"))
    if when == "during":
        owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    expected = ("mine", "new", ["first", "second"])
    assert stray(owner) == (("mine", "only", ["first"]) if when == "forward" else expected)
    assert {row[0] for row in drift(owner)} <= {"hierarchy_only"}
    assert one(owner, "select phase from tandem.status") == "migrated"
    assert one(owner, "select count(*) from tandem_products.kept") == 0


def test_a_leaf_of_a_flat_row_is_inserted_again_while_it_is_taken_out(db: Database) -> None:
    owner = synced(db, 2)
    leaf = noted(owner, 2, "mine")
    owner.execute("update tblproduct set amount = 11")
    rolled_back_to(owner, "levels", "remove", drop=False)
    db.new_app().execute(
        "insert into tblconfig (configid, catalogid, name, sku)"
        " select %s, catalogid, 'c', 's' from tblcatalog",
        (leaf,),
    )
    owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    assert (config(owner, 2), notes(owner, 2)) == (leaf, "mine")
    assert one(owner, "select count(*) from tblconfigprice where configid = %s", leaf) == 2
    assert_in_step(owner)


def test_a_leaf_made_again_under_a_deleted_ones_id_is_not_lost(db: Database) -> None:
    """Something is kept of it for a deleted flat row; the new one never had a flat row."""
    owner = synced(db, 2)
    leaf = noted(owner, 2, "old")
    db.old_app().execute("delete from tblproduct where productid = 2")
    rolled_back_to(owner, "rows", "remove", drop=False)
    db.new_app().execute(
        "insert into tblconfig (configid, catalogid, name, sku, notes)"
        " select %s, catalogid, 'c', 's', 'new' from tblcatalog",
        (leaf,),
    )
    owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    assert one(owner, "select notes from tblconfig where configid = %s", leaf) == "new"


@pytest.mark.parametrize("policy", ["continue", "stop"])
def test_a_leaf_whose_parent_was_deleted_meanwhile_is_kept_and_said(
    db: Database, policy: str
) -> None:
    owner = with_stray(db)
    while not one(owner, "select count(*) from tandem_products.kept where flat_key is null"):
        remove_step(owner)
    parent = one(owner, "select catalogid from tblcatalog")
    db.new_app().execute("delete from tblcatalog")
    owner.execute("call tandem.rollback('products', 'remove')")
    if policy == "stop":
        with pytest.raises(psycopg.Error) as caught:
            migrate(owner, p_on_reject="stop")
        assert caught.value.sqlstate == "TD019"
        assert one(owner, "select count(*) from tblbaseproduct") == 1
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select phase from tandem.status") == "migrated"
    assert owner.execute(
        "select side, row_key, sqlstate from tandem.rejected_row where resolved_at is null"
    ).fetchall() == [("hierarchy", STRAY_ID, "TD019")]
    owner.execute("call tandem.retry_rejected('products')")
    assert one(owner, "select count(*) from tandem.rejected_row where resolved_at is null") == 1
    # the parent is made again with its id: the catalog that the flat rows have now gets another
    db.new_app().execute(
        "insert into tblcatalog (catalogid, versionid, name)"
        " select %s, versionid, 'again' from tblproductversion",
        (parent,),
    )
    owner.execute("call tandem.retry_rejected('products')")
    assert stray(owner) == ("mine", "only", ["first"])
    assert one(owner, "select count(*) from tblproduct where sku = 'only'") == 1
    assert_in_step(owner)


def test_a_kept_level_whose_parent_was_deleted_meanwhile_is_kept_and_said(db: Database) -> None:
    owner = synced(db, 2)
    owner.execute("update tblcatalog set description = 'mine'")
    rolled_back_to(owner, "levels", "remove", drop=False)
    while one(owner, "select count(*) from tblcatalog"):
        remove_step(owner)
    db.new_app().execute("delete from tblproductversion")
    owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    assert_in_step(owner)
    assert (
        one(
            owner,
            "select tandem._unpack_row(content) ->> 'description' from tandem_products.kept_level",
        )
        == "mine"
    )
    assert one(owner, "select sqlstate from tandem.rejected_row where resolved_at is null") == (
        "TD019"
    )
    migrate(owner)
    assert one(owner, "select sum(times) from tandem.rejected_row where resolved_at is null") == 1


@pytest.mark.parametrize("wish", [True, False])
def test_a_wish_that_changes_while_a_migration_waits_to_switch(db: Database, wish: bool) -> None:
    """set_sync sees nothing switched on yet and only notes the wish; the switch comes after it."""
    owner = synced(db)
    owner.execute("call tandem.rollback('products')")
    if wish:
        owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    old, runner, admin = db.old_app(), db.owner(), db.owner()
    old.execute("begin")
    old.execute("update tblproduct set sku = 'x'")
    with in_background(runner, lambda: migrate(runner)) as run:
        if not wish:
            wait_for_lock_wait(db.owner(), runner.info.backend_pid)
        admin.execute("select tandem.set_sync('products', 'flat_to_hierarchy', %s)", (wish,))
        old.execute("commit")
        run.result(60)
    assert one(owner, "select flat_to_hierarchy from tandem.status") == ("on" if wish else "off")
    assert (
        one(
            owner,
            "select bool_or(tgenabled <> 'D') from pg_trigger"
            " where tgrelid = 'tblproduct'::regclass and tgname = 'tandem_21_update'",
        )
        is wish
    )


def test_the_sync_is_not_switched_on_while_a_rollback_runs(db: Database) -> None:
    owner = synced(db, 2)
    rolled_back_to(owner, "off", "keep", drop=False)
    new, runner = db.new_app(), db.owner()
    new.execute("begin")
    new.execute("update tblbaseproduct set description = 'x'")
    call = "call tandem.rollback('products')"
    with in_background(runner, lambda: run_sql(runner, call)) as run:
        wait_for_lock_wait(db.owner(), runner.info.backend_pid)
        with pytest.raises(psycopg.Error) as caught:
            owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
        new.execute("commit")
        run.result(60)
    assert caught.value.sqlstate == "TD010"
    assert one(owner, "select hierarchy_to_flat from tandem.status") == "off"


@pytest.mark.parametrize("stage", ["rows", "levels", "columns"])
def test_a_rollback_that_goes_on_switches_off_what_was_switched_on_meanwhile(
    db: Database, stage: str
) -> None:
    owner = synced(db, 2)
    rolled_back_to(owner, stage, "remove", drop=False)
    on = "select tandem.set_sync('products', 'flat_to_hierarchy', true)"
    assert sqlstate(owner, on) == "TD010"
    # by hand, as ALTER TABLE ... ENABLE TRIGGER does it
    owner.execute("select tandem._switch_all('products', 'flat_to_hierarchy', true)")
    db.old_app().execute("update tblproduct set sku = 'meanwhile' where productid = 1")
    db.old_app().execute(ROW, (3,))
    owner.execute("call tandem.rollback('products', 'remove')")
    assert one(owner, "select count(*) from tblconfig") == 0
    assert one(owner, "select flat_to_hierarchy from tandem.status") == "off"
    migrate(owner)
    assert_in_step(owner)
    assert one(owner, "select count(*) from tblconfig") == 3


@pytest.mark.parametrize("cursor", [{"stage": "orphans"}, {"stage": "rows"}, {"stage": "check"}])
def test_a_forged_cursor_does_not_pass_over_the_switches(
    db: Database, cursor: dict[str, str]
) -> None:
    owner = synced(db, 2)
    owner.execute("call tandem.rollback('products')")
    run, attempt = owner.execute(
        "select b.run_id, b.attempt from tandem._run_begin('migrate', 'products', '{}') as b"
    ).fetchone() or (0, 0)
    owner.execute(
        "select tandem._run_batch(%s, %s, row(false, %s, 0, 0, 0, 0, null, null), 1, 0)",
        (run, attempt, Jsonb(cursor)),
    )
    with pytest.raises(psycopg.Error) as caught:
        owner.execute("select tandem.migrate_step('products', %s, 10, null)", (run,))
    assert caught.value.sqlstate == "TD002"


@pytest.mark.parametrize(
    "step", ["rollback", "prepare", "repair", "retry_rejected", "apply_due", "purge"]
)
@pytest.mark.parametrize("state", ["other verb", "ended"])
def test_a_step_works_on_an_unfinished_run_of_its_own(db: Database, step: str, state: str) -> None:
    owner = synced(db)
    name = None if step == "purge" else "products"
    run = (
        one(
            owner,
            "select run_id from tandem._run_begin(%s, 'products', '{}')",
            "migrate" if step == "rollback" or state == "other verb" else step,
        )
        if state == "other verb"
        else one(owner, "select max(run_id) from tandem.run")
    )
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        owner.execute(f"select tandem.{step}_step(%s, %s, 1, null)".encode(), (name, run))
    assert drift(owner) == []
