"""Rollbacks and ways forward, with writers, kills and odd keys between; what is kept comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgtandem.deploy import deploy
from pgtandem.mapping import Mapping, parse_mapping
from support.databases import Connection, Database
from support.locks import wait_for_lock_wait, wait_until
from support.shop import fill, in_background, migrate, one
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
        migrate(owner, p_on_reject="stop")
    assert caught.value.sqlstate == "TD019"
    migrate(owner)
    assert drift(owner) == []
    db.new_app().execute("update tblbaseproduct set description = 'yours' where name = 'Else'")
    owner.execute("call tandem.retry_rejected('products')")
    assert one(owner, "select count(*) from tandem_products.kept_level") == 0
    assert one(owner, "select description from tblbaseproduct where name = 'Lamp'") == "mine"
    assert drift(owner) == []


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


def test_a_key_taken_over_after_a_rollback_keeps_its_own_leaf(db: Database) -> None:
    """Row 1 takes the key of row 2, which was deleted. `remove` keeps leaf 2 last, under that key,
    so the way forward gives row 1 the id, notes and prices of the deleted row; its own are
    orphans."""
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
    """The rollback was killed after its notes; days later it is called again. In between row 1
    lent its key to row 2, which was then deleted. The deleted leaf is kept later than the note."""
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
    """The way forward: the triggers are on, the row is not linked yet, what is kept of it is found
    by its key. An old program changes the key; id, notes and price history stay under the old
    one."""
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
    """Written after the sync went off and before the leaves are removed: it has no flat row, is
    kept under 'leaf <id>', and nothing ever brings it back, though drift is 0."""
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
    """The hierarchy is removed, the mapping is changed as docs/limits.md says: `name` of a level
    or satellite, tables as they were. kept is read by these names. price: the history is lost for
    good, the kept row goes. base: migrate ends with 23503 for ever. So prepare refuses."""
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
    """A key change with the old key reused, a move, a delete; then the other kind of
    rollback, or the sync switched on by hand; then the way forward."""
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
            # as ALTER TABLE ... ENABLE TRIGGER does it: set_sync refuses
            owner.execute("select tandem._switch_all('products', %s, true)", (direction,))
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


@pytest.mark.parametrize("how", ["delete", "rollback"])
def test_a_price_that_is_being_changed_is_kept_as_it_was_committed(db: Database, how: str) -> None:
    """_keep locks the leaf and reads its prices; a price that another session is just changing is
    read as it was, waited for by the DELETE, and deleted as it is. The kept copy is the old
    one."""
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
    """An unmapped column of type json is kept as jsonb: order, blanks and repeated keys are
    lost."""
    owner = synced(db)
    text = '{"b": 1,  "a": 2, "a": 3}'
    owner.execute("alter table tblconfig add extra json")
    owner.execute("update tblconfig set extra = %s::json", (text,))
    db.old_app().execute("delete from tblproduct")
    db.old_app().execute(ROW, (1,))
    assert one(owner, "select extra::text from tblconfig") == text


def test_a_row_whose_json_is_no_jsonb_can_be_deleted(order_shop: Shop) -> None:
    """json may hold \\u0000, jsonb may not: the old program's DELETE fails with 22P05, and a
    rollback that removes the hierarchy can never end."""
    shop = order_shop
    shop.old.execute(
        f'insert into {shop.flat} ("select", "Kunde Name", "Daten") values (%s, %s, %s)',
        ("k", "K", '{"a": "\\u0000"}'),
    )
    assert shop.drift() == []
    shop.old.execute(f"delete from {shop.flat}")
    shop.assert_in_step()


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


@pytest.mark.parametrize("drop", ["true", "false"])
def test_a_key_inserted_again_while_its_orphan_is_being_kept(db: Database, drop: str) -> None:
    """The batch keeps the leaf's content in the row that the INSERT reads and takes away."""
    owner = synced(db, 3)
    noted(owner, 2, "mine")
    owner.execute(f"call tandem.rollback('products', p_drop_columns => {drop})".encode())
    old = db.old_app()
    old.execute("delete from tblproduct where productid = 2")
    if drop == "true":
        owner.execute("call tandem.prepare('products')")
    query = "select run_id from tandem.run where finished_at is null and cursor ->> 'stage' = %s"
    while not (row := owner.execute(query, ("orphans",)).fetchone()):
        migrate(owner, p_max_batches=1)
    owner.execute("begin")
    owner.execute("select tandem.migrate_step('products', %s, 100, null)", row)

    def insert() -> None:
        old.execute(ROW, (2,))

    with in_background(old, insert) as run:
        wait_for_lock_wait(db.owner(), old.info.backend_pid)
        owner.execute("commit")
        run.result(60)
    migrate(owner)
    assert drift(owner) == []
    assert notes(owner, 2) == "mine"
