"""Attacks on the sync that once found a lost value, a silent drift or a way in."""

# ruff: noqa: E501

from __future__ import annotations

import contextlib
import time
from typing import Any

import psycopg
import pytest

from support.databases import Connection, Database
from support.shop import in_background, migrate, one
from sync.shops import Shop

ROW = (
    "insert into tblproduct (productid, productname, version, catalogname, configname, sku, status,"
    " amount) values (%s, 'Lamp', '1', 'home', 'c', 's', 'on', 10)"
)


def synced(db: Database, rows: int = 1) -> Connection:
    """shop_owner's session in a migrated shop with rows 1, 2, ... of one product."""
    owner = db.owner()
    for key in range(1, rows + 1):
        owner.execute(ROW, (key,))
    owner.execute("select setval('tblproduct_productid_seq', 100)")
    owner.execute("call tandem.prepare('products')")
    db.grant_new_app()
    migrate(owner)
    return owner


def run_sql(conn: Connection, query: str) -> None:
    """A statement for a thread, which wants no result."""
    conn.execute(query.encode())


def drift(conn: Connection, *ignored: str) -> list[tuple[Any, ...]]:
    return [
        row
        for row in conn.execute("select * from tandem.drift('products')").fetchall()
        if row[0] not in ignored
    ]


def config(conn: Connection, key: int = 1) -> Any:
    return one(conn, "select configid from tblproduct where productid = %s", key)


def in_force(conn: Connection, leaf: Any) -> Any:
    return one(
        conn,
        "select (select amount from tblconfigprice where configid = %s"
        " and effectivefrom <= clock_timestamp() order by effectivefrom desc limit 1)",
        leaf,
    )


def schedule(conn: Connection, leaf: Any, amount: object, seconds: float = 0.5) -> None:
    conn.execute(
        "insert into tblconfigprice (priceid, configid, amount, currency, effectivefrom)"
        " values (gen_random_uuid(), %s, %s, 'USD', clock_timestamp() + make_interval(secs => %s))",
        (leaf, amount, seconds),
    )


# --- lost updates ---------------------------------------------------------------------------


def test_an_own_trigger_that_adds_a_price_does_not_undo_the_change_of_the_leaf(
    db: Database,
) -> None:
    owner = synced(db)
    owner.execute(
        """
        create function reprice() returns trigger language plpgsql
        set search_path = public, pg_temp as $$
        begin
            insert into tblconfigprice (priceid, configid, amount, currency, effectivefrom)
            values (gen_random_uuid(), new.configid, 99, 'USD', clock_timestamp());
            return null;
        end $$;
        create trigger reprice after update of sku on tblconfig
        for each row execute function reprice();
        """
    )
    leaf = config(owner)
    db.new_app().execute("update tblconfig set sku = 'NEW' where configid = %s", (leaf,))
    assert one(owner, "select sku from tblconfig where configid = %s", leaf) == "NEW"
    assert one(owner, "select sku from tblproduct") == "NEW"


def test_leaf_and_price_changed_by_one_statement(db: Database) -> None:
    owner = synced(db)
    leaf = config(owner)
    db.new_app().execute(
        "with c as (update tblconfig set sku = 'NEW' where configid = %(leaf)s)"
        " insert into tblconfigprice (priceid, configid, amount, currency, effectivefrom)"
        " values (gen_random_uuid(), %(leaf)s, 99, 'USD', clock_timestamp())",
        {"leaf": leaf},
    )
    assert one(owner, "select sku from tblconfig where configid = %s", leaf) == "NEW"
    assert one(owner, "select sku from tblproduct") == "NEW"


def test_flat_move_and_leaf_change_in_one_statement(db: Database) -> None:
    owner = synced(db)
    leaf = config(owner)
    owner.execute(
        "with c as (update tblconfig set sku = 'NEW' where configid = %s)"
        " update tblproduct set catalogname = 'garden' where productid = 1",
        (leaf,),
    )
    assert one(owner, "select sku from tblconfig where configid = %s", leaf) == "NEW"


def test_leaf_deleted_and_inserted_again_by_one_statement(db: Database) -> None:
    owner = synced(db)
    leaf = config(owner)
    db.new_app().execute(
        "with gone as (delete from tblconfig where configid = %s returning *)"
        " insert into tblconfig (configid, catalogid, name, sku, attributes, status)"
        " select configid, catalogid, name, 'NEW', attributes, status from gone",
        (leaf,),
    )
    assert drift(owner) == []
    assert one(owner, "select sku from tblconfig where configid = %s", leaf) == "NEW"
    assert one(owner, "select sku from tblproduct") == "NEW"


def test_leaf_without_price_deleted_and_inserted_again_by_one_statement(db: Database) -> None:
    owner = synced(db)
    leaf = config(owner)
    owner.execute("delete from tblconfigprice")
    db.new_app().execute(
        "with gone as (delete from tblconfig where configid = %s returning *)"
        " insert into tblconfig (configid, catalogid, name, sku, attributes, status)"
        " select configid, catalogid, name, 'NEW', attributes, status from gone",
        (leaf,),
    )
    assert drift(owner) == []


DUE_TOUCHES = {
    "currency only": "update tblproduct set currency = 'EUR'",
    "move": "update tblproduct set catalogname = 'garden'",
    "rejected and right again": "update tblproduct set productname = ''; update tblproduct set productname = 'Lamp'",
    "second migration": "call tandem.migrate('products')",
    "repair flat": "call tandem.repair('products', 'flat', 'keep', false)",
    "delete and insert": None,
}


@pytest.mark.parametrize("how", DUE_TOUCHES)
def test_a_due_price_is_not_undone_by_a_write_that_is_not_about_the_amount(
    db: Database, how: str
) -> None:
    owner = synced(db)
    leaf = config(owner)
    schedule(db.new_app(), leaf, 77, 0.3)
    time.sleep(0.4)
    assert in_force(owner, leaf) == 77
    statement = DUE_TOUCHES[how]
    if statement is None:
        pytest.skip("a new row")
    owner.execute(statement)
    owner.execute("call tandem.apply_due('products')")
    assert in_force(owner, leaf) == 77
    assert one(owner, "select amount from tblproduct") == 77


def test_a_leaf_that_moves_does_not_undo_what_a_rejected_row_got_meanwhile(db: Database) -> None:
    owner = synced(db, 2)
    leaf = config(owner)
    old, new = db.old_app(), db.new_app()
    old.execute("update tblproduct set productname = '' where productid = 1")
    old.execute("update tblproduct set sku = 'S2' where productid = 1")
    new.execute(
        "with c as (insert into tblcatalog (catalogid, versionid, name) select gen_random_uuid(),"
        " versionid, 'other' from tblproductversion returning catalogid)"
        " select 1 from c"
    )
    new.execute(
        "update tblconfig set catalogid = (select catalogid from tblcatalog where name = 'other')"
        " where configid = %s",
        (leaf,),
    )
    assert drift(owner, "rejected") == []
    assert one(owner, "select sku from tblproduct where productid = 1") == "S2"


def test_a_scheduled_price_does_not_undo_the_amount_of_a_rejected_row(db: Database) -> None:
    owner = synced(db)
    leaf = config(owner)
    old, new = db.old_app(), db.new_app()
    old.execute("update tblproduct set productname = ''")
    old.execute("update tblproduct set amount = 50")
    schedule(new, leaf, 77, 3600)
    old.execute("update tblproduct set productname = 'Lamp'")
    assert one(owner, "select amount from tblproduct") == 50
    assert in_force(owner, leaf) == 50


# --- silent drift ---------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_price_written_from_an_old_snapshot(db: Database, level: str) -> None:
    owner = synced(db)
    leaf = config(owner)
    old, new = db.old_app(), db.new_app()
    new.execute(f"begin isolation level {level}")
    new.execute("select from tblconfig")
    old.execute("update tblproduct set amount = 20")
    try:
        schedule(new, leaf, 10, 0)
        new.execute("commit")
    except psycopg.errors.SerializationFailure:
        new.execute("rollback")
    assert drift(owner) == []


def test_truncate_from_an_old_snapshot(db: Database) -> None:
    owner = synced(db)
    strict = db.owner()
    strict.execute("begin isolation level repeatable read")
    strict.execute("select from tblproduct")
    db.old_app().execute(ROW, (2,))
    try:
        strict.execute("truncate tblproduct")
        strict.execute("commit")
    except psycopg.Error:
        strict.execute("rollback")
    assert drift(owner) == []


def test_a_deferrable_unique_key_of_the_hierarchy(db: Database) -> None:
    """FOR KEY SHARE does not wait for a rename there; prepare should refuse such a key."""
    owner = db.owner()
    owner.execute(ROW, (1,))
    owner.execute(
        "create table tblbaseproduct (baseproductid uuid primary key, name text not null"
        " unique deferrable initially immediate, description text, status text)"
    )
    with pytest.raises(psycopg.DatabaseError) as caught:
        owner.execute("call tandem.prepare('products')")
    assert caught.value.sqlstate == "TD004"


def test_a_forged_origin_at_depth_one(db: Database) -> None:
    owner = synced(db)
    owner.execute(
        """
        create table orders (id int);
        grant insert on orders to old_app;
        create function sold() returns trigger language plpgsql
        set search_path = public, pg_temp as $$
        begin update tblproduct set status = 'sold'; return null; end $$;
        create trigger sold after insert on orders for each row execute function sold();
        """
    )
    old = db.old_app()
    old.execute("set tandem.origin = 'sync:1'")
    old.execute("insert into orders values (1)")
    assert drift(owner) == []


# --- dated rows that never come ---------------------------------------------------------------


def test_one_due_price_that_cannot_be_applied_does_not_stop_the_others(db: Database) -> None:
    owner = synced(db, 3)
    owner.execute("alter table tblproduct add check (amount < 1000)")
    new = db.new_app()
    for key, amount in ((1, 5000), (2, 5000), (3, 77)):
        schedule(new, config(owner, key), amount, 0.3)
    schedule(new, config(owner, 1), 5000, 0.3)
    time.sleep(0.5)
    with contextlib.suppress(psycopg.Error):
        owner.execute("call tandem.apply_due('products')")
    assert one(owner, "select amount from tblproduct where productid = 3") == 77


def test_a_price_scheduled_while_the_sync_was_off_is_applied(db: Database) -> None:
    owner = synced(db)
    leaf = config(owner)
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    schedule(db.new_app(), leaf, 77, 1.0)
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    assert drift(owner) == []
    time.sleep(1.2)
    owner.execute("call tandem.apply_due('products')")
    assert one(owner, "select amount from tblproduct") == 77
    assert drift(owner) == []


def test_a_price_scheduled_between_rollback_and_the_way_forward_is_applied(db: Database) -> None:
    owner = synced(db)
    leaf = config(owner)
    owner.execute("call tandem.rollback('products')")
    schedule(db.new_app(), leaf, 77, 2.0)
    migrate(owner)
    assert drift(owner) == []
    time.sleep(2.2)
    owner.execute("call tandem.apply_due('products')")
    assert one(owner, "select amount from tblproduct") == 77
    assert drift(owner) == []


# --- keys and kept rows -----------------------------------------------------------------------


def test_a_blank_name_from_the_hierarchy(db: Database) -> None:
    """Refused, or written; but afterwards a flat write may not be rejected for it."""
    owner = synced(db)
    try:
        db.new_app().execute("update tblbaseproduct set name = ' '")
    except psycopg.Error:
        return
    db.old_app().execute("update tblproduct set sku = 'S2'")
    assert one(owner, "select sku from tblconfig") == "S2"


def test_a_kept_leaf_that_came_back_in_the_hierarchy(db: Database) -> None:
    owner = synced(db, 2)
    leaf = config(owner)
    old, new = db.old_app(), db.new_app()
    old.execute("delete from tblproduct where productid = 1")
    new.execute(
        "insert into tblconfig (configid, catalogid, name) select %s, catalogid, 'again'"
        " from tblcatalog",
        (leaf,),
    )
    old.execute(ROW, (1,))
    assert drift(owner) == []


# --- runs against each other --------------------------------------------------------------------


def test_a_killed_rollback_is_not_resumed_after_a_migration(db: Database) -> None:
    owner = synced(db)
    owner.execute(
        "insert into tblproduct (productid, productname, configname, amount)"
        " select i, 'P' || i % 50, 'c' || i, i from generate_series(1000, 9000) as i"
    )
    victim = db.owner()
    pid = victim.info.backend_pid
    with in_background(
        victim, lambda: run_sql(victim, "call tandem.rollback('products', 'remove')")
    ) as run:
        for _ in range(400):
            stage = owner.execute(
                "select cursor ->> 'stage', read_rows from tandem.run where kind = 'rollback'"
            ).fetchone()
            if stage and stage[0] == "rows" and stage[1] > 0:
                break
            time.sleep(0.01)
        owner.execute("select pg_terminate_backend(%s)", (pid,))
        with pytest.raises(psycopg.Error):
            run.result(20)
    migrate(owner)
    assert drift(owner) == []
    owner.execute("call tandem.rollback('products', 'remove')")
    assert (
        owner.execute(
            "select relation, trigger_name from tandem._switches('products') where enabled"
        ).fetchall()
        == []
    )
    assert one(owner, "select count(*) from tblconfig") == 0


def test_a_paused_migration_and_a_rollback(db: Database) -> None:
    owner = db.owner()
    for key in range(1, 30):
        owner.execute(ROW, (key,))
    owner.execute("call tandem.prepare('products')")
    db.grant_new_app()
    owner.execute("call tandem.migrate('products', p_batch_rows => 1, p_max_batches => 25)")
    owner.execute("call tandem.rollback('products', 'remove')")
    owner.execute("call tandem.migrate('products', p_batch_rows => 1)")
    assert drift(owner) == []
    owner.execute("update tblproduct set sku = 'z'")
    assert drift(owner) == []
    assert one(owner, "select phase from tandem.mapping") == "migrated"


def test_rollback_and_forward_with_edits_between(db: Database) -> None:
    owner = synced(db, 6)
    old, new = db.old_app(), db.new_app()
    new.execute("update tblconfig set notes = 'note of ' || configid::text")
    for how in ("keep", "remove"):
        owner.execute("call tandem.rollback('products', %s)", (how,))
        old.execute("delete from tblproduct where productid = 1")
        for a, b in ((2, 90), (3, 2), (90, 3)):
            old.execute("update tblproduct set productid = %s where productid = %s", (b, a))
        old.execute("update tblproduct set catalogname = 'x' where productid = 4")
        old.execute(ROW, (1,))
        migrate(owner)
        assert drift(owner) == []
        assert (
            owner.execute("select * from tandem.validate('products') where not passed").fetchall()
            == []
        )
        wrong = owner.execute(
            "select productid, configid, notes from tblproduct join tblconfig using (configid)"
            " where notes is distinct from 'note of ' || configid::text"
        ).fetchall()
        assert wrong == [], how


def test_a_row_of_another_key_takes_the_place_of_a_deleted_one(db: Database) -> None:
    """Kept content is not overwritten by the deletion of another row that took the key over."""
    owner = synced(db, 2)
    old = db.old_app()
    first = config(owner, 1)
    old.execute("delete from tblproduct where productid = 1")
    old.execute("update tblproduct set productid = 1 where productid = 2")
    old.execute("delete from tblproduct where productid = 1")
    assert one(owner, "select count(*) from tandem_products.kept where leaf_id = %s", first) == 1


@pytest.mark.parametrize("direction", ["flat_to_hierarchy", "hierarchy_to_flat"])
def test_set_sync_inside_a_transaction_leaves_the_callers_settings(
    db: Database, direction: str
) -> None:
    owner = synced(db)
    owner.execute("begin")
    owner.execute("set local lock_timeout = '17s'")
    owner.execute("select tandem.set_sync('products', %s, false)", (direction,))
    assert one(owner, "show lock_timeout") == "17s"


def test_prepare_with_quote_all_identifiers(db: Database) -> None:
    owner = db.owner()
    owner.execute("set quote_all_identifiers = on")
    owner.execute("call tandem.prepare('products')")


# --- a matrix: the client writes one column, the shop's own AFTER trigger another ----------------

WRITES = {  # name: (table, statement, flat column, value)
    "flat sku": ("tblproduct", "update tblproduct set sku = 'W' where productid = 1", "sku", "W"),
    "flat amount": (
        "tblproduct",
        "update tblproduct set amount = 31 where productid = 1",
        "amount",
        31,
    ),
    "flat move": (
        "tblproduct",
        "update tblproduct set catalogname = 'W' where productid = 1",
        "catalogname",
        "W",
    ),
    "leaf sku": ("tblconfig", "update tblconfig set sku = 'W' where configid = {leaf}", "sku", "W"),
    "leaf move": (
        "tblconfig",
        "update tblconfig set catalogid = {other} where configid = {leaf}",
        "catalogname",
        "spare",
    ),
    "price": (
        "tblconfigprice",
        "insert into tblconfigprice (priceid, configid, amount, currency, effectivefrom)"
        " values (gen_random_uuid(), {leaf}, 31, 'USD', clock_timestamp())",
        "amount",
        31,
    ),
    "rename": (
        "tblbaseproduct",
        "update tblbaseproduct set name = 'W' where name = 'Lamp'",
        "productname",
        "W",
    ),
}
ACTIONS = {
    "flat status": ("update tblproduct set status = 'A' where productid = 1", "status", "A"),
    "flat amount": ("update tblproduct set amount = 41 where productid = 1", "amount", 41),
    "flat move": ("update tblproduct set version = '9' where productid = 1", "version", "9"),
    "leaf status": ("update tblconfig set status = 'A' where configid = {leaf}", "status", "A"),
    "price": (
        "insert into tblconfigprice (priceid, configid, amount, currency, effectivefrom)"
        " values (gen_random_uuid(), {leaf}, 41, 'USD', clock_timestamp())",
        "amount",
        41,
    ),
    "rename": ("update tblproductversion set version = '9' where version = '1'", "version", "9"),
}


# A statement of the new program and one of the old, in one statement or in a trigger between the two,
# that both say where a row belongs: the flat row's whole key wins. See docs/limits.md.
BOTH_PLACE_THE_ROW = {("leaf move", "flat move"), ("rename", "flat move")}


@pytest.mark.parametrize("name", ["a_own", "z_own"])
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("write", WRITES)
def test_own_after_triggers(db: Database, write: str, action: str, name: str) -> None:
    table, statement, column, value = WRITES[write]
    does, other_column, other_value = ACTIONS[action]
    if column == other_column:
        pytest.skip("the same column: the last writer wins")
    if (write, action) in BOTH_PLACE_THE_ROW:
        pytest.skip("both place the row")
    owner = synced(db, 2)
    owner.execute(
        "insert into tblcatalog (catalogid, versionid, name) select gen_random_uuid(), versionid, 'spare'"
        " from tblproductversion"
    )
    ids = {
        "leaf": f"'{config(owner)}'",
        "other": "(select catalogid from tblcatalog where name = 'spare')",
    }
    event = "insert" if table == "tblconfigprice" else "update"
    owner.execute(
        "create function own() returns trigger language plpgsql"
        f" set search_path = public, pg_temp as $$ begin"
        f" if pg_trigger_depth() = 1 then {does.format(**ids)}; end if; return null; end $$;"
        f" create trigger {name} after {event} on {table} for each row execute function own()"
    )
    owner.execute(statement.format(**ids))
    assert drift(owner) == []
    row = owner.execute(
        f"select {column}, {other_column} from tblproduct where productid = 1"
    ).fetchone()
    assert row == (value, other_value)


# --- one statement on both sides, and on two tables of one side


@pytest.mark.parametrize("second", ACTIONS)
@pytest.mark.parametrize("first", WRITES)
def test_one_statement_two_tables(db: Database, first: str, second: str) -> None:
    table, statement, column, value = WRITES[first]
    does, other_column, other_value = ACTIONS[second]
    if column == other_column or (table == "tblproduct" and second.startswith("flat")):
        pytest.skip("the same column or row")
    if table == "tblconfig" and second.startswith("leaf"):
        pytest.skip("the same row")
    if (first, second) in BOTH_PLACE_THE_ROW:
        pytest.skip("both place the row")
    owner = synced(db, 2)
    owner.execute(
        "insert into tblcatalog (catalogid, versionid, name) select gen_random_uuid(), versionid, 'spare'"
        " from tblproductversion"
    )
    ids = {
        "leaf": f"'{config(owner)}'",
        "other": "(select catalogid from tblcatalog where name = 'spare')",
    }
    owner.execute(f"with c as ({statement.format(**ids)}) {does.format(**ids)}")
    assert drift(owner) == []
    row = owner.execute(
        f"select {column}, {other_column} from tblproduct where productid = 1"
    ).fetchone()
    assert row == (value, other_value)


def test_a_column_that_joins_the_mapping_later_is_synced(db: Database) -> None:
    from pgtandem.deploy import deploy
    from pgtandem.mapping import parse_mapping
    from pgtandem.paths import db_dir

    full = (db_dir() / "mappings" / "products.toml").read_text()
    small = full.replace('sku = "sku", ', "", 1).replace(
        'match = ["sku", "name"]', 'match = ["name"]'
    )
    assert small != full
    owner = db.owner()
    deploy(owner, [parse_mapping(small)])
    owner.execute(ROW, (1,))
    owner.execute("call tandem.prepare('products')")
    db.grant_new_app()
    migrate(owner)
    try:
        deploy(owner, [parse_mapping(full)])
    except Exception as error:  # refused: fine
        print(error)
        return
    print(owner.execute("select * from tandem.status").fetchall())
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert drift(owner) == []
    db.old_app().execute("update tblproduct set sku = 'NEW'")
    assert drift(owner) == []
    db.new_app().execute("update tblconfig set sku = 'NEW2'")
    assert drift(owner) == []


def test_repair_does_not_delete_rows_that_are_not_migrated_yet(db: Database) -> None:
    owner = db.owner()
    for key in range(1, 40):
        owner.execute(ROW, (key,))
    owner.execute("call tandem.prepare('products')")
    db.grant_new_app()
    owner.execute("call tandem.migrate('products', p_batch_rows => 1, p_max_batches => 25)")
    try:
        owner.execute("call tandem.repair('products', 'hierarchy', 'delete', false)")
    except psycopg.Error as error:
        print(error)
    assert one(owner, "select count(*) from tblproduct") == 39


def test_repair_does_not_delete_a_rejected_row(db: Database) -> None:
    owner = synced(db, 2)
    db.old_app().execute(
        "insert into tblproduct (productid, productname, amount) values (7, '', 5)"
    )
    owner.execute("call tandem.repair('products', 'hierarchy', 'delete', false)")
    assert one(owner, "select count(*) from tblproduct") == 3


def test_repair_keeps_what_it_deletes(db: Database) -> None:
    """A flat row whose leaf a replica session lost."""
    owner = synced(db, 2)
    with owner.transaction():
        owner.execute("alter table tblconfig disable trigger user")
        owner.execute("delete from tblconfig where configid = %s", (config(owner),))
        owner.execute("alter table tblconfig enable trigger user")
    owner.execute("call tandem.repair('products', 'hierarchy', 'delete', false)")
    assert drift(owner) == []
    assert one(owner, "select count(*) from tblproduct") == 1
    assert one(owner, "select content ->> 'productname' from tandem.rejected_row") == "Lamp"


def test_writers_beside_set_sync_and_repair(db: Database) -> None:
    """Sync switched off and on again between writes of open transactions; then repair."""
    owner = synced(db, 3)
    old, new = db.old_app(), db.new_app()
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    old.execute("update tblproduct set sku = 'OFF' where productid = 1")
    old.execute("delete from tblproduct where productid = 2")
    old.execute(ROW, (9,))
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', true)")
    # the new program writes another column of the same rows
    new.execute("update tblconfig set status = 'N'")
    new.execute(
        "insert into tblconfigprice (priceid, configid, amount, currency, effectivefrom)"
        " select gen_random_uuid(), configid, 55, 'USD', clock_timestamp() from tblconfig"
    )
    owner.execute("call tandem.repair('products', 'flat', 'delete', false)")
    assert drift(owner) == []
    rows = dict(
        (k, (s, t, a))
        for k, s, t, a in owner.execute(
            "select productid, sku, status, amount from tblproduct"
        ).fetchall()
    )
    assert rows[1] == ("OFF", "N", 55), rows
    assert set(rows) == {1, 3, 9}, rows


def test_nothing_is_written_by_the_direction_that_is_off(db: Database) -> None:
    """flat_to_hierarchy off: writes of the new program must not carry flat values up."""
    owner = synced(db, 2)
    old, new = db.old_app(), db.new_app()
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    old.execute("update tblproduct set sku = 'OFF' where productid = 1")
    new.execute(
        "insert into tblconfigprice (priceid, configid, amount, currency, effectivefrom)"
        " select gen_random_uuid(), configid, 55, 'USD', clock_timestamp() from tblconfig"
    )
    new.execute("update tblconfig set status = 'N'")
    assert one(owner, "select count(*) from tblconfig where sku = 'OFF'") == 0


@pytest.mark.parametrize("verb", ["migrate", "repair", "rollback"])
def test_ledger_after_the_backend_is_killed(db: Database, verb: str) -> None:
    owner = synced(db)
    owner.execute(
        "insert into tblproduct (productid, productname, configname, amount)"
        " select i, 'P' || i % 50, 'c' || i, i from generate_series(1000, 6000) as i"
    )
    if verb == "migrate":
        owner.execute("call tandem.rollback('products', 'remove', true)")
        owner.execute("call tandem.prepare('products')")
    if verb == "repair":
        owner.execute("alter table tblproduct disable trigger user")
        owner.execute("update tblproduct set amount = amount + 1, configname = 'x'")
        owner.execute("alter table tblproduct enable trigger user")
    call = {
        "migrate": "call tandem.migrate('products')",
        "repair": "call tandem.repair('products', 'flat', 'keep', false)",
        "rollback": "call tandem.rollback('products', 'remove')",
    }[verb]
    kills = 0
    for _ in range(6):
        victim = db.owner()
        pid = victim.info.backend_pid
        with in_background(victim, lambda v=victim: v.execute(call) and None) as run:  # type: ignore[misc]
            time.sleep(0.35)
            owner.execute("select pg_terminate_backend(%s)", (pid,))
            try:
                run.result(30)
            except psycopg.Error:
                kills += 1
    owner.execute(call)
    runs = owner.execute(
        "select run_id, attempt, read_rows, written_rows, unchanged_rows, rejected_rows, state"
        " from tandem.run where kind = %s order by 1",
        (verb,),
    ).fetchall()
    print(kills, runs)
    sums = owner.execute(
        "select run_id, sum(read_rows), sum(written_rows) from tandem.run_batch group by 1"
    ).fetchall()
    by = {r[0]: r[1:] for r in sums}
    for r in runs:
        assert by[r[0]] == (r[2], r[3])
    if verb == "rollback":
        assert one(owner, "select count(*) from tblconfig") == 0
        migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select count(*) from tblproduct") == 5002
    assert one(owner, "select count(*) from tblconfig") == 5002
    assert one(owner, "select count(*) from pg_locks where locktype = 'advisory'") == 0


def test_a_temp_trigger_and_a_forged_origin_do_not_write_the_sync_columns(db: Database) -> None:
    owner = synced(db, 2)
    before = config(owner, 1)
    old = db.old_app()
    old.execute("set tandem.origin = 'sync:1'")
    old.execute("create temp table t (i int)")
    old.execute(
        "create function pg_temp.f() returns trigger language plpgsql as $$ begin"
        " update public.tblproduct set configid = gen_random_uuid(), syncstatus = 'rejected'"
        " where productid = 1; return null; end $$"
    )
    old.execute("create trigger f after insert on t for each row execute function pg_temp.f()")
    old.execute("insert into t values (1)")
    assert config(owner, 1) == before
    assert one(owner, "select syncstatus from tblproduct where productid = 1") == "active"


def test_a_line_separator_in_a_name_smuggles_no_sql(db: Database) -> None:
    from pgtandem.deploy import deploy
    from pgtandem.errors import UsageError
    from pgtandem.mapping import parse_mapping
    from pgtandem.paths import db_dir

    source = (db_dir() / "mappings" / "products.toml").read_text()
    source = source.replace(
        'table = "tblcatalog"', 'table = "t\\u2028drop table public.victim; --"'
    )
    owner = db.owner()
    owner.execute("create table victim ()")
    try:
        deploy(owner, [parse_mapping(source)])
    except (UsageError, psycopg.Error) as error:
        print(error)
    assert one(owner, "select to_regclass('victim') is not null")


@pytest.mark.parametrize("before", [None, 5])
@pytest.mark.parametrize("any_shop", [("products", True), ("products", False)], indirect=True)
def test_what_comes_back_does_not_undo_what_was_written_meanwhile(
    any_shop: Shop, before: int | None
) -> None:
    """Also without the echo shortcut, where each row that comes back is written to the flat row."""
    shop = any_shop
    shop.old.execute("insert into tblproduct (productname, amount) values ('A', %s)", (before,))
    shop.owner.execute("call tandem.rollback('products', 'remove', false)")
    shop.old.execute("update tblproduct set currency = null, amount = 0, status = 'off'")
    shop.owner.execute("call tandem.prepare('products')")
    shop.owner.execute("call tandem.migrate('products')")
    assert shop.rows("select status, amount, currency from tblproduct") == [("off", 0, None)]
    assert shop.rows("select amount from tblconfigprice order by effectivefrom")[:1] == [
        (before or 0,)
    ]
    shop.assert_in_step()


@pytest.mark.parametrize(
    ("value", "type_name"),
    [("repeat('[', 100000)", "jsonb"), ("'[' || repeat('1,', 1000) || '1'", "jsonb")],
)
def test_a_text_that_nests_too_deep_is_no_value_of_a_type(
    db: Database, value: str, type_name: str
) -> None:
    """An error that is_castable does not catch is an error of the old program's statement."""
    assert one(db.owner(), f"select tandem.is_castable({value}, %s)", type_name) is False
