"""Attacks on the ways back, on kept rows, on names and on sessions' settings."""

# ruff: noqa: E501

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgtandem.deploy import deploy
from pgtandem.mapping import Mapping, parse_mapping
from support.databases import Connection, Database
from support.locks import wait_for_lock_wait
from support.shop import in_background, migrate, one
from sync.shops import Shop, products, sqlstate
from sync.test_attacks import ROW, config, drift, run_sql, synced


def noted(owner: Connection, key: int, text: str) -> Any:
    """Give the leaf of a flat row a note, which the flat table cannot hold; its id."""
    leaf = config(owner, key)
    owner.execute("update tblconfig set notes = %s where configid = %s", (text, leaf))
    return leaf


def notes(owner: Connection, key: int) -> Any:
    return one(
        owner,
        "select notes from tblconfig join tblproduct using (configid) where productid = %s",
        key,
    )


def mapping_of(source: str) -> Mapping:
    return replace(parse_mapping(source), source=source)


def rolled_back_to(owner: Connection, stage: str, mode: str, drop: bool) -> None:
    """A rollback that was killed when it had come to a stage; the same CALL resumes it."""
    run = one(
        owner,
        "select run_id from tandem._run_begin('rollback', 'products', %s)",
        Jsonb({"hierarchy": mode, "drop_columns": drop, "on_reject": "stop"}),
    )
    for _ in range(40):
        cursor = one(owner, "select (tandem.rollback_step('products', %s, 100, null)).cursor", run)
        owner.execute("update tandem.run set cursor = %s where run_id = %s", (Jsonb(cursor), run))
        if cursor["stage"] == stage:
            return
    raise AssertionError(cursor)


def forward_to_rows(owner: Connection) -> None:
    """Rolled back without the columns, prepared again; the migration stops before its first row."""
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    owner.execute("call tandem.prepare('products')")
    while (
        one(
            owner,
            "select coalesce(max(cursor ->> 'stage'), '') from tandem.run"
            " where finished_at is null",
        )
        != "rows"
    ):
        migrate(owner, p_max_batches=1)
    assert one(owner, "select count(configid) from tblproduct") == 0


# --- rollback: whose row is it ---------------------------------------------------------------


def test_a_key_taken_over_after_a_rollback_keeps_its_own_leaf(db: Database) -> None:
    """Row 1 takes the key of row 2, which was deleted. `remove` keeps leaf 2 last, under that key, so
    the way forward gives row 1 the id, notes and prices of the deleted row; its own are orphans."""
    owner = synced(db, 2)
    first = noted(owner, 1, "one")
    noted(owner, 2, "two")
    owner.execute("call tandem.rollback('products')")
    old = db.old_app()
    old.execute("delete from tblproduct where productid = 2")
    old.execute("update tblproduct set productid = 2 where productid = 1")
    owner.execute("call tandem.rollback('products', 'remove', p_drop_columns => true)")
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert notes(owner, 2) == "one"
    assert config(owner, 2) == first


def test_a_resumed_rollback_keeps_the_leaf_of_a_key_that_another_row_had_meanwhile(
    db: Database,
) -> None:
    """The rollback was killed after its notes; days later it is called again. In between row 1 lent its
    key to row 2, which was then deleted. The deleted leaf is kept later than the note."""
    owner = synced(db, 2)
    first = noted(owner, 1, "one")
    noted(owner, 2, "two")
    rolled_back_to(owner, "off", "keep", drop=True)
    old = db.old_app()
    old.execute("update tblproduct set productid = 50 where productid = 1")
    old.execute("update tblproduct set productid = 1 where productid = 2")
    old.execute("delete from tblproduct where productid = 1")
    old.execute("update tblproduct set productid = 1 where productid = 50")
    assert drift(owner) == []
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert notes(owner, 1) == "one"
    assert config(owner, 1) == first


def test_identity_follows_a_key_that_changes_while_its_row_waits_to_be_linked_again(
    db: Database,
) -> None:
    """The way forward: the triggers are on, the row is not linked yet, what is kept of it is found by
    its key. An old program changes the key; id, notes and price history stay under the old one."""
    owner = synced(db, 2)
    leaf = noted(owner, 2, "two")
    forward_to_rows(owner)
    db.old_app().execute("update tblproduct set productid = 20 where productid = 2")
    migrate(owner)
    assert notes(owner, 20) == "two"
    assert config(owner, 20) == leaf


def test_keys_swapped_while_the_rows_wait_to_be_linked_again(db: Database) -> None:
    """The same with two keys: each row gets the other's id, notes and price history."""
    owner = synced(db, 2)
    leaves = [noted(owner, 1, "one"), noted(owner, 2, "two")]
    forward_to_rows(owner)
    old = db.old_app()
    with old.transaction():
        old.execute("update tblproduct set productid = 50 where productid = 2")
        old.execute("update tblproduct set productid = 2 where productid = 1")
        old.execute("update tblproduct set productid = 1 where productid = 50")
    migrate(owner)
    assert [config(owner, 2), config(owner, 1)] == leaves


def test_a_rejected_row_keeps_its_leaf_where_name_and_key_are_corrected_together(
    db: Database,
) -> None:
    """Rejected on the way forward, so not linked; the correcting UPDATE changes the key as well."""
    owner = synced(db, 2)
    noted(owner, 2, "two")
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    old = db.old_app()
    old.execute("update tblproduct set productname = '' where productid = 2")
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    old.execute("update tblproduct set productname = 'Lamp', productid = 20 where productid = 2")
    assert drift(owner) == []
    assert notes(owner, 20) == "two"


def test_a_leaf_that_a_new_program_adds_while_the_hierarchy_is_removed_comes_back(
    db: Database,
) -> None:
    """Written after the sync went off and before the leaves are removed: it has no flat row, is kept
    under 'leaf <id>', and nothing ever brings it back, though drift is 0."""
    owner = synced(db, 2)
    rolled_back_to(owner, "rows", "remove", drop=False)
    db.new_app().execute(
        "insert into tblconfig (catalogid, name, sku, notes)"
        " select catalogid, 'only', 'only', 'mine' from tblcatalog"
    )
    owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    assert one(owner, "select count(*) from tblconfig where notes = 'mine'") == 1


@pytest.mark.parametrize("part", ["base", "price"])
def test_what_is_kept_outlives_a_part_that_has_another_name_in_the_mapping(
    db: Database, part: str
) -> None:
    """The hierarchy is removed, the mapping is changed as docs/limits.md says: `name` of a level or
    satellite, tables as they were. kept is read by these names. price: the history is lost for good,
    the kept row goes. base: migrate ends with 23503 for ever. So prepare refuses."""
    owner = synced(db)
    owner.execute("update tblbaseproduct set description = 'mine'")
    owner.execute("update tblproduct set amount = 11")
    owner.execute("call tandem.rollback('products', 'remove', p_drop_columns => true)")
    source = products().source
    for key in ("name", "parent"):
        source = source.replace(f'{key} = "{part}"', f'{key} = "renamed"')
    deploy(owner, [mapping_of(source)])
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"
    deploy(owner, [products()])
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert one(owner, "select description from tblbaseproduct") == "mine"
    assert one(owner, "select count(*) from tblconfigprice") == 2


@pytest.mark.parametrize("mode", ["keep", "remove"])
@pytest.mark.parametrize("stage", ["off", "rows", "levels", "columns"])
@pytest.mark.parametrize("then", ["other", "live"])
def test_edits_after_a_rollback_was_killed(db: Database, mode: str, stage: str, then: str) -> None:
    """HELD. A key change with the old key reused, a move, a delete; then the other kind of rollback,
    or the sync switched on by hand; then the way forward."""
    if mode == "keep" and stage in ("rows", "levels"):
        pytest.skip("not in this mode")
    owner = synced(db, 4)
    owner.execute("update tblproduct set amount = amount + productid")
    ids = {key: noted(owner, key, f"n{key}") for key in (1, 2, 3, 4)}
    owner.execute("update tblbaseproduct set description = 'mine'")
    rolled_back_to(owner, stage, mode, drop=then == "live")
    old = db.old_app()
    old.execute("update tblproduct set productid = 30 where productid = 3")
    old.execute("update tblproduct set productname = 'Other', sku = 'z' where productid = 4")
    old.execute("delete from tblproduct where productid = 2")
    old.execute(ROW, (3,))
    if then == "other":
        other = "keep" if mode == "remove" else "remove"
        owner.execute("call tandem.rollback('products', %s, p_drop_columns => true)", (other,))
        owner.execute("call tandem.prepare('products')")
    else:
        for direction in ("flat_to_hierarchy", "hierarchy_to_flat"):
            owner.execute("select tandem.set_sync('products', %s, true)", (direction,))
        old.execute("update tblproduct set amount = 99 where productid = 1")
        old.execute("update tblproduct set sku = 'y' where productid = 30")
    migrate(owner)
    assert drift(owner) == []
    for key, was in ((1, 1), (30, 3), (4, 4)):
        assert (config(owner, key), notes(owner, key)) == (ids[was], f"n{was}")
    query = "select count(*) from tblconfigprice where configid = %s"
    assert one(owner, query, ids[3]) == 2
    query = "select description from tblbaseproduct where name = 'Lamp'"
    assert one(owner, query) == "mine"


# --- lost column values ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["delete", "rollback"])
def test_a_price_that_is_being_changed_is_kept_as_it_was_committed(db: Database, how: str) -> None:
    """_keep locks the leaf and reads its prices; a price that another session is just changing is read
    as it was, waited for by the DELETE, and deleted as it is. The kept copy is the old one."""
    owner = synced(db)
    new, worker = db.new_app(), db.old_app() if how == "delete" else db.owner()
    if how == "rollback":
        owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    new.execute("begin")
    new.execute("update tblconfigprice set note = 'mine'")
    text = {
        "delete": "delete from tblproduct",
        "rollback": "call tandem.rollback('products', 'remove')",
    }[how]
    with in_background(worker, lambda: run_sql(worker, text)) as run:
        wait_for_lock_wait(owner, worker.info.backend_pid)
        new.execute("commit")
        run.result(60)
    if how == "delete":
        db.old_app().execute(ROW, (1,))
    else:
        migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select note from tblconfigprice") == "mine"


def test_kept_values_do_not_depend_on_the_datestyle_of_who_deletes(db: Database) -> None:
    """An unmapped range of dates is kept by the deleting session's DateStyle and read by another's:
    February 1st comes back as January 2nd."""
    owner = synced(db)
    owner.execute("alter table tblconfig add validity daterange, add weight float8")
    owner.execute(
        "update tblconfig set validity = '[2026-02-01,2026-03-05)', weight = 0.1::float8 + 0.2"
    )
    before = owner.execute("select validity, weight from tblconfig").fetchone()
    old = db.old_app()
    old.execute("set datestyle = 'SQL, DMY'")
    old.execute("set extra_float_digits = 0")
    old.execute("delete from tblproduct")
    db.old_app().execute(ROW, (1,))
    assert owner.execute("select validity, weight from tblconfig").fetchone() == before


def test_kept_json_comes_back_as_it_was(db: Database) -> None:
    """An unmapped column of type json is kept as jsonb: order, blanks and repeated keys are lost."""
    owner = synced(db)
    text = '{"b": 1,  "a": 2, "a": 3}'
    owner.execute("alter table tblconfig add extra json")
    owner.execute("update tblconfig set extra = %s::json", (text,))
    db.old_app().execute("delete from tblproduct")
    db.old_app().execute(ROW, (1,))
    assert one(owner, "select extra::text from tblconfig") == text


def test_a_row_whose_json_is_no_jsonb_can_be_deleted(order_shop: Shop) -> None:
    """json may hold \\u0000, jsonb may not: the old program's DELETE fails with 22P05, and a rollback
    that removes the hierarchy can never end."""
    shop = order_shop
    shop.old.execute(
        f'insert into {shop.flat} ("select", "Kunde Name", "Daten") values (%s, %s, %s)',
        ("k", "K", '{"a": "\\u0000"}'),
    )
    assert shop.drift() == []
    shop.old.execute(f"delete from {shop.flat}")
    shop.assert_in_step()


def test_a_collation_that_takes_different_texts_for_equal_hides_no_change(
    bare_db: Database,
) -> None:
    """Non-deterministic: 'x' becomes 'X' on the flat side alone, and drift is 0. (docs/limits.md: values
    are compared exactly.) Or prepare refuses. The embedded server has no ICU: run it with
    PGTANDEM_PG_BIN."""
    owner = bare_db.owner()
    try:
        owner.execute(
            "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("needs ICU")
    owner.execute(
        "alter table tblproduct alter sku type text collate ci,"
        " alter productname type text collate ci;"
        "insert into tblproduct (productid, productname, sku) values (1, 'Acme', 'x')"
    )
    deploy(owner, [products()])
    owner.execute("select * from tandem.analyze('products')")  # 0A000: regular expressions
    if sqlstate(owner, "call tandem.prepare('products')") == "TD004":
        return
    migrate(owner)
    bare_db.old_app().execute("update tblproduct set sku = 'X'")
    assert one(owner, 'select sku collate "C" from tblconfig') == "X"
    assert one(owner, "select tandem.drift_count('products')") == 0


# --- stuck -----------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [1, 3])
def test_a_parent_comes_back_together_with_what_was_below_it(db: Database, levels: int) -> None:
    """Between two batches a new program deletes what has just come back and has no leaf yet. Kept
    children must not be left without their parent: the way forward would be closed."""
    owner = synced(db, 2)
    owner.execute("update tblcatalog set description = 'mine'")
    owner.execute("call tandem.rollback('products', 'remove')")
    while not one(owner, "select count(*) from tblbaseproduct"):
        migrate(owner, p_max_batches=1)
    new = db.new_app()
    for table in ("tblcatalog", "tblproductversion", "tblbaseproduct")[-levels:]:
        state = sqlstate(new, f"delete from {table}")
        assert state == ("23503" if levels == 1 else None)
    migrate(owner)
    assert one(owner, "select count(*) from tandem.rejected_row where resolved_at is null") == 0
    assert one(owner, "select count(*) from tblconfig") == 2
    expected = "mine" if levels == 1 else None
    assert one(owner, "select description from tblcatalog") == expected
    assert drift(owner) == []


def test_an_orphan_that_another_table_references_does_not_stop_the_way_forward(
    db: Database,
) -> None:
    """An old program deleted the flat row while nothing was synced; a table of the shop references
    its leaf. Each migrate ends with 23503 in stage orphans, and the phase stays syncing."""
    owner = synced(db, 3)
    owner.execute("create table orders (configid uuid references tblconfig)")
    owner.execute("insert into orders values (%s)", (config(owner, 2),))
    owner.execute("call tandem.rollback('products')")
    db.old_app().execute("delete from tblproduct where productid = 2")
    migrate(owner)
    assert one(owner, "select phase from tandem.status") == "migrated"


# --- two mappings in one database -------------------------------------------------------------

SECOND = """
name = "second"
[flat]
table = "tblconfig"
key = "configid"
status = "state2"
[flat.types]
configid = "uuid"
name = "text"
sku = "text"
[[level]]
name = "family"
table = "tblfamily"
id = "familyid"
sync = "familyid"
key = ["name"]
columns = { name = "name" }
missing = { name = { policy = "default", value = "none" } }
types = { name = "text" }
[leaf]
name = "item"
table = "tblitem"
id = "itemid"
sync = "itemid"
parent = "family"
columns = { sku = "sku" }
match = ["sku"]
types = { sku = "text" }
"""


@pytest.mark.parametrize("how", ["hierarchy of both", "hierarchy and flat"])
def test_a_table_of_another_mapping_is_refused_or_kept_in_step(bare_db: Database, how: str) -> None:
    """Triggers of two mappings on one table have one name: prepare of the second finds them there,
    says prepared, and its own are never made. Nothing of the second is synced from that table."""
    owner = bare_db.owner()
    owner.execute("create table tblarticle (like tblproduct including all)")
    owner.execute("insert into tblproduct (productid, productname) values (1, 'A')")
    deploy(owner, [products()])
    owner.execute("call tandem.prepare('products')")
    owner.execute("alter table tblconfig alter catalogid set default gen_random_uuid()")
    migrate(owner)
    if how == "hierarchy of both":
        name = "articles"
        source = products().source.replace('name = "products"', 'name = "articles"', 1)
        source = source.replace('"tblproduct"', '"tblarticle"')
    else:
        name, source = "second", SECOND
    try:
        deploy(owner, [products(), mapping_of(source)])
        owner.execute("call tandem.prepare(%s)", (name,))
    except psycopg.Error as error:
        assert error.sqlstate in ("TD004", "TD006")
        return
    owner.execute("call tandem.migrate(%s)", (name,))
    owner.execute("insert into tblarticle (productid, productname) values (1, 'A')")
    owner.execute("update tblbaseproduct set name = 'B'")
    owner.execute("update tblproduct set sku = 's' where productid = 1")
    rows = owner.execute(
        "select * from tandem.drift(%s) where kind <> 'hierarchy_only'", (name,)
    ).fetchall()
    assert rows == []


# --- roles -----------------------------------------------------------------------------------


def test_an_operator_does_not_steer_an_admins_rollback(db: Database) -> None:
    """An interrupted rollback that keeps the hierarchy; an operator, who may not roll back, writes its
    cursor. The admin's same CALL goes on in the stage that removes the hierarchy."""
    owner = synced(db, 3)
    owner.execute("select tandem.grant_to('old_app', 'operator')")
    run = one(
        owner,
        "select run_id from tandem._run_begin('rollback', 'products', %s)",
        Jsonb({"hierarchy": "keep", "drop_columns": False, "on_reject": "stop"}),
    )
    state = sqlstate(
        db.old_app(),
        'select tandem._run_batch(%s, 1, row(false, \'{"stage": "levels"}\', 0, 0, 0, 0, null,'
        " null)::tandem.step_result, 0, 0)",
        (run,),
    )
    owner.execute("call tandem.rollback('products')")
    assert one(owner, "select count(*) from tblconfig") == 3
    assert state is not None


def test_the_token_is_of_no_use_after_the_write_that_it_was_drawn_for(db: Database) -> None:
    """Who may reference a table has a cascade run a trigger of his own in the midst of the sync, reads the
    token there, and sets `sync:0:<token>`: his next write is taken for ours and is not synced."""
    owner = synced(db, 2)
    owner.execute(
        "grant references on tblconfig to old_app;"
        "create schema mine; grant all on schema mine to old_app"
    )
    old = db.old_app()
    old.execute(
        """
        create table mine.child (configid uuid references tblconfig on delete cascade);
        create table mine.seen (origin text);
        create function mine.look() returns trigger language plpgsql as $$ begin
            insert into mine.seen values (current_setting('tandem.origin', true));
            return null;
        end $$;
        create trigger look after delete on mine.child for each row execute function mine.look();
        """
    )
    old.execute("insert into mine.child select configid from tblproduct where productid = 2")
    old.execute("delete from tblproduct where productid = 2")
    token = one(old, "select split_part(origin, ':', 3) from mine.seen")
    old.execute("select set_config('tandem.origin', 'sync:0:' || %s, false)", (token,))
    old.execute("update tblproduct set sku = 'x'")
    old.execute("reset tandem.origin")
    assert drift(owner) == []
