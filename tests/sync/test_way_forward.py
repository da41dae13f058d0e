"""What is kept meets constraints, repairs and writers on the way forward."""

from __future__ import annotations

import time

import pytest

from support.databases import Connection, Database
from support.locks import wait_for_lock_wait
from support.shop import assert_in_step, in_background, migrate, one
from sync.shops import sqlstate
from sync.test_attacks import ROW, config, drift, run_sql, schedule, synced
from sync.test_kept import STRAY, STRAY_ID, remove_step
from sync.test_ways_back import forward_to_rows, noted, notes, rolled_back_to

PARENTS = (
    "with base as (insert into tblbaseproduct (name) values ('Lamp') returning *),"
    " version as (insert into tblproductversion (baseproductid, version)"
    " select baseproductid, '1' from base returning *)"
    " insert into tblcatalog (versionid, name) select versionid, 'home' from version"
)
SUPPLIER = (
    "create table supplier (id int primary key); insert into supplier values (1);"
    " alter table {} add supplier int references supplier on delete set null;"
    " update {} set supplier = 1"
)
DEFERRED = SUPPLIER.replace("set null", "set null deferrable initially deferred")


def until_rows(owner: Connection) -> None:
    """The way forward, paused before its first flat row."""
    query = (
        "select coalesce(max(cursor ->> 'stage'), '') from tandem.run"
        " where kind = 'migrate' and finished_at is null"
    )
    while one(owner, query) != "rows":
        migrate(owner, p_max_batches=1)


# --- repair and retry while rows wait to be linked ------------------------------------------------


def test_repair_from_the_hierarchy_gives_waiting_rows_no_double(db: Database) -> None:
    """The way forward is paused and its rows wait. repair(hierarchy) makes no other flat row for
    their leaves: each row keeps its key, leaf and notes."""
    owner = synced(db, 3)
    leaf = noted(owner, 2, "mine")
    forward_to_rows(owner)
    owner.execute("call tandem.repair('products', 'hierarchy', p_dry_run => false)")
    migrate(owner)
    assert one(owner, "select count(*) from tblproduct") == 3
    assert (config(owner, 2), notes(owner, 2)) == (leaf, "mine")


def test_repair_deletes_no_flat_row_whose_leaf_waits_in_kept(db: Database) -> None:
    """After rollback(remove) the flat rows keep their ids, and on the way forward their leaves are
    still in kept. repair(hierarchy, delete) deletes none: a leaf that is kept is not gone."""
    owner = synced(db, 3)
    owner.execute("call tandem.rollback('products', 'remove')")
    until_rows(owner)
    owner.execute("call tandem.repair('products', 'hierarchy', 'delete', p_dry_run => false)")
    migrate(owner)
    assert one(owner, "select count(*) from tblproduct") == 3


def test_repair_delete_leaves_the_note_of_a_rejected_row(db: Database) -> None:
    """Row 2 became blank while nothing was synced; on the way forward repair(flat, delete) rejects
    it. Once it is corrected it has its leaf and notes again."""
    owner = synced(db, 3)
    leaf = noted(owner, 2, "mine")
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    db.old_app().execute("update tblproduct set productname = '' where productid = 2")
    owner.execute("call tandem.prepare('products')")
    until_rows(owner)
    owner.execute("call tandem.repair('products', 'flat', 'delete', p_dry_run => false)")
    migrate(owner)
    db.old_app().execute("update tblproduct set productname = 'Lamp' where productid = 2")
    assert (config(owner, 2), notes(owner, 2)) == (leaf, "mine")


def test_retry_rejected_gives_a_waiting_row_no_double(db: Database) -> None:
    """An orphan was rejected, then its key was inserted again; the rejected row stays open. On the
    next way forward retry_rejected makes no second flat row while the first waits."""
    owner = synced(db, 3)
    leaf = noted(owner, 2, "mine")
    owner.execute("create table orders (configid uuid references tblconfig)")
    owner.execute("insert into orders values (%s)", (leaf,))
    owner.execute("call tandem.rollback('products')")
    db.old_app().execute("delete from tblproduct where productid = 2")
    migrate(owner)
    db.old_app().execute(ROW, (2,))
    assert (config(owner, 2), notes(owner, 2)) == (leaf, "mine")
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    owner.execute("call tandem.prepare('products')")
    until_rows(owner)
    owner.execute("call tandem.retry_rejected('products')")
    migrate(owner)
    assert one(owner, "select count(*) from tblproduct") == 3
    assert (config(owner, 2), notes(owner, 2)) == (leaf, "mine")


# --- kept content that meets a constraint ---------------------------------------------------------


def test_notes_and_prices_come_back_where_skus_moved_on(db: Database) -> None:
    """tblconfig has UNIQUE (catalogid, sku). While rolled back with remove, row 2 goes from B to C
    and row 1 from A to B: leaf 2 comes back with its notes and prices all the same."""
    owner = synced(db, 2)
    owner.execute("update tblproduct set sku = case productid when 1 then 'A' else 'B' end")
    owner.execute("alter table tblconfig add unique (catalogid, sku)")
    leaf = noted(owner, 2, "mine")
    owner.execute("update tblproduct set amount = 11")
    assert one(owner, "select count(*) from tblconfigprice where configid = %s", leaf) == 2
    owner.execute("call tandem.rollback('products', 'remove')")
    old = db.old_app()
    old.execute("update tblproduct set sku = 'C' where productid = 2")
    old.execute("update tblproduct set sku = 'B' where productid = 1")
    migrate(owner)
    assert drift(owner) == []
    assert config(owner, 2) == leaf
    prices = one(owner, "select count(*) from tblconfigprice where configid = %s", leaf)
    assert (notes(owner, 2), prices) == ("mine", 2)


@pytest.mark.parametrize("column", ["sku", "barcode"])
def test_notes_come_back_where_a_unique_value_of_a_deleted_row_was_taken(
    db: Database, column: str
) -> None:
    """The same live: row 2 is deleted, another leaf takes its unique value (a mapped one, or an
    unmapped one), and row 2 is inserted again. Its notes are there, or still in kept."""
    owner = synced(db, 2)
    owner.execute("alter table tblconfig add barcode text")
    owner.execute("update tblproduct set sku = 'k' || productid")
    owner.execute("update tblconfig set barcode = sku")
    owner.execute(f"alter table tblconfig add unique ({column})".encode())
    noted(owner, 2, "mine")
    old = db.old_app()
    old.execute("delete from tblproduct where productid = 2")
    owner.execute(f"update tblconfig set {column} = 'k2'".encode())
    old.execute(ROW, (2,))
    assert notes(owner, 2) == "mine" or one(owner, "select count(*) from tandem_products.kept") == 1


def test_a_removed_catalog_whose_supplier_was_deleted_leaves_the_way_forward_open(
    db: Database,
) -> None:
    """An unmapped column of tblcatalog references supplier. A supplier that is deleted while the
    catalogs are in kept_level stops no migration."""
    owner = synced(db, 1)
    owner.execute(SUPPLIER.replace("{}", "tblcatalog").encode())
    owner.execute("call tandem.rollback('products', 'remove')")
    owner.execute("delete from supplier")
    states = [sqlstate(owner, "call tandem.migrate('products')") for _ in range(2)]
    assert (states, one(owner, "select phase from tandem.status")) == ([None, None], "migrated")


def test_a_kept_leaf_without_a_flat_row_whose_supplier_was_deleted_leaves_the_way_forward_open(
    db: Database,
) -> None:
    """The same with one leaf that a new program wrote while nothing was synced."""
    owner = synced(db, 2)
    owner.execute(SUPPLIER.replace("{}", "tblconfig").encode())
    owner.execute("update tblconfig set supplier = null")
    rolled_back_to(owner, "rows", "remove", drop=False)
    db.new_app().execute(STRAY, ("mine",))
    owner.execute("update tblconfig set supplier = 1 where configid = %s", (STRAY_ID,))
    owner.execute("call tandem.rollback('products', 'remove')")
    owner.execute("delete from supplier")
    states = [sqlstate(owner, "call tandem.migrate('products')") for _ in range(2)]
    assert (states, one(owner, "select phase from tandem.status")) == ([None, None], "migrated")


def test_a_parent_made_again_whose_unique_value_was_taken_leaves_the_way_forward_open(
    db: Database,
) -> None:
    """Lamp was made again, and its kept code is Chair's by now: the migration goes through."""
    owner = synced(db, 1)
    owner.execute("alter table tblbaseproduct add code text unique")
    owner.execute("update tblbaseproduct set code = 'x'")
    owner.execute("call tandem.rollback('products', 'remove')")
    owner.execute("insert into tblbaseproduct (name, code) values ('Lamp', null), ('Chair', 'x')")
    states = [sqlstate(owner, "call tandem.migrate('products')") for _ in range(2)]
    assert (states, one(owner, "select phase from tandem.status")) == ([None, None], "migrated")


@pytest.mark.parametrize("how", ["insert", "update"])
def test_no_old_programs_statement_fails_for_what_is_kept(db: Database, how: str) -> None:
    """A supplier that only a kept leaf names was deleted. The old program can insert that key
    again, and update the row that the migration rejected for it."""
    owner = synced(db, 1)
    owner.execute(SUPPLIER.replace("{}", "tblconfig").encode())
    old = db.old_app()
    if how == "insert":
        old.execute("delete from tblproduct")
        owner.execute("delete from supplier")
        old.execute(ROW, (1,))
    else:
        owner.execute("call tandem.rollback('products', 'remove')")
        owner.execute("delete from supplier")
        migrate(owner)
        old.execute("update tblproduct set sku = 'x'")


def test_a_kept_value_that_the_insert_replaces_is_not_checked(db: Database) -> None:
    """A CHECK was added after the DELETE. The kept sku breaks it; the old program can insert the
    key again with one that is in order."""
    owner = synced(db, 1)
    old = db.old_app()
    old.execute("delete from tblproduct")
    owner.execute("alter table tblconfig add check (sku <> 's')")
    old.execute(ROW.replace("'s'", "'new'"), (1,))


@pytest.mark.parametrize("table", ["tblcatalog", "tblconfig", "tblconfigprice"])
def test_a_deferrable_unique_key_of_yours_is_a_blocker(db: Database, table: str) -> None:
    """Rows are inserted with ON CONFLICT DO NOTHING, which a deferrable unique constraint forbids:
    analyze names the table and prepare refuses it."""
    owner = db.owner()
    owner.execute(ROW, (1,))
    owner.execute("call tandem.prepare('products')")
    owner.execute(f"alter table {table} add position int unique deferrable".encode())
    assert one(
        owner,
        "select subject from tandem.analyze('products')"
        " where severity = 'blocker' and finding like '%%deferrable%%'",
    ).endswith(table)
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"


def test_an_old_row_moves_to_a_new_parent_beside_a_unique_number(db: Database) -> None:
    """tblcatalog has a number of your own, an identity column, UNIQUE. An old program can move a
    row to a new catalog, which gets another number."""
    owner = synced(db, 2)
    owner.execute("alter table tblcatalog add number bigint generated always as identity unique")
    db.old_app().execute("update tblproduct set catalogname = 'other' where productid = 1")
    assert_in_step(owner)


# --- rows of yours that hang on what is taken out -------------------------------------------------


@pytest.mark.parametrize("action", ["cascade", "set null"])
def test_rows_that_reference_a_leaf_outlive_a_rollback_and_a_way_forward(
    db: Database, action: str
) -> None:
    """A table of yours references tblconfig ON DELETE CASCADE or SET NULL: rollback(remove) is
    refused. Without the foreign key it goes, and the leaf comes back with its id."""
    owner = synced(db, 1)
    leaf = config(owner)
    owner.execute(
        f"create table picture (configid uuid references tblconfig on delete {action})".encode()
    )
    owner.execute("insert into picture values (%s)", (leaf,))
    call = "call tandem.rollback('products', 'remove')"
    assert sqlstate(owner, call) == "TD018"
    assert drift(owner) == []
    owner.execute("alter table picture drop constraint picture_configid_fkey")
    owner.execute(call.encode())
    migrate(owner)
    assert config(owner) == leaf
    owner.execute("alter table picture add foreign key (configid) references tblconfig")
    assert owner.execute("select configid from picture").fetchall() == [(leaf,)]


def test_the_leaf_of_a_row_that_became_rejected_stays(db: Database) -> None:
    """Row 2 became blank while rolled back with p_drop_columns: it is there, and rejected, so its
    leaf is not one of a deleted row."""
    owner = synced(db, 2)
    leaf = noted(owner, 2, "mine")
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    db.old_app().execute("update tblproduct set productname = '' where productid = 2")
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert one(owner, "select count(*) from tblconfig where configid = %s", leaf) == 1


def test_a_leaf_that_commits_while_its_parents_are_taken_out(db: Database) -> None:
    """tblconfig's foreign key to its parent is ON DELETE CASCADE. A leaf that a new program commits
    while the DELETE of the catalogs waits for it comes back."""
    owner = synced(db, 2)
    name = one(
        owner,
        "select conname from pg_constraint"
        " where conrelid = 'tblconfig'::regclass and contype = 'f'",
    )
    owner.execute(
        f'alter table tblconfig drop constraint "{name}",'
        " add foreign key (catalogid) references tblcatalog on delete cascade".encode()
    )
    rolled_back_to(owner, "levels", "remove", drop=False)
    new, runner = db.new_app(), db.owner()
    new.execute("begin")
    new.execute(STRAY, ("mine",))
    call = "call tandem.rollback('products', 'remove')"
    with in_background(runner, lambda: run_sql(runner, call)) as run:
        wait_for_lock_wait(db.owner(), runner.info.backend_pid)
        new.execute("commit")
        run.result(60)
    migrate(owner)
    assert one(owner, "select count(*) from tblconfig where notes = 'mine'") == 1


# --- the way forward ------------------------------------------------------------------------------


def test_two_key_ranges_restore_levels_at_once(db: Database) -> None:
    """Migrations of two key ranges go side by side, and one waits for the other in stage restore.
    All four catalogs come back, with what the flat table cannot hold of them."""
    owner = db.owner()
    for key in range(1, 5):
        owner.execute(ROW, (key,))
    owner.execute("update tblproduct set productname = 'P' || productid")
    owner.execute("call tandem.prepare('products')")
    db.grant_new_app()
    migrate(owner)
    owner.execute("update tblcatalog set description = 'mine'")
    owner.execute("call tandem.rollback('products', 'remove')")
    other = db.owner()
    query = "select coalesce(max(cursor ->> 'stage'), '') from tandem.run where key_from = %s"
    for conn, first, last in ((owner, "1", "2"), (other, "3", "4")):
        while one(owner, query, first) != "restore":
            migrate(conn, p_from=first, p_to=last, p_max_batches=1, p_batch_rows=1)
    run = one(owner, "select run_id from tandem.run where key_from = '1'")
    owner.execute("begin")
    owner.execute("select tandem.migrate_step('products', %s, 1, null)", (run,))
    with in_background(other, lambda: migrate(other, p_from="3", p_to="4", p_batch_rows=1)) as job:
        wait_for_lock_wait(db.owner(), other.info.backend_pid)
        owner.execute("commit")
        job.result(60)
    migrate(owner, p_from="1", p_to="2", p_batch_rows=1)
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select count(*) from tblcatalog where description = 'mine'") == 4


@pytest.mark.parametrize("own", [False, True], ids=["", "derived"])
@pytest.mark.parametrize("what", ["sku", "price", "move", "move and sku", "delete"])
def test_what_a_new_program_writes_before_the_row_is_linked_stays(
    db: Database, what: str, own: bool
) -> None:
    """The way forward after p_drop_columns: the sync is on, the row's batch is still to come. A new
    program's UPDATE, price, move or DELETE of its leaf reaches the flat row; also where an own
    trigger derives another mapped column from each of them."""
    owner = synced(db, 2)
    if own:
        owner.execute(
            "create function public.derive() returns trigger language plpgsql"
            " set search_path = public, pg_temp as $$ begin"
            " new.status := left(concat(new.sku, new.amount::integer, new.catalogname), 20);"
            " return new; end $$;"
            "create trigger derive before update on tblproduct"
            " for each row execute function public.derive()"
        )
    leaf = config(owner, 2)
    forward_to_rows(owner)
    new = db.new_app()
    if what == "sku":
        new.execute("update tblconfig set sku = 'NEW' where configid = %s", (leaf,))
    elif what == "price":
        new.execute("insert into tblconfigprice (configid, amount) values (%s, 99)", (leaf,))
    elif what == "move":
        new.execute(
            "with c as (insert into tblcatalog (versionid, name)"
            " select versionid, 'else' from tblproductversion returning *)"
            " update tblconfig set catalogid = c.catalogid from c where configid = %s",
            (leaf,),
        )
    elif what == "move and sku":
        new.execute(
            "with c as (insert into tblcatalog (versionid, name)"
            " select versionid, 'else' from tblproductversion returning *)"
            " update tblconfig set catalogid = c.catalogid, sku = 'NEW' from c where configid = %s",
            (leaf,),
        )
    else:
        new.execute("delete from tblconfig where configid = %s", (leaf,))
    migrate(owner)
    assert drift(owner) == []
    found = owner.execute(
        "select sku, amount::int, catalogname from tblproduct where productid = 2"
    ).fetchall()
    assert (
        found
        == {
            "sku": [("NEW", 10, "home")],
            "price": [("s", 99, "home")],
            "move": [("s", 10, "else")],
            "move and sku": [("NEW", 10, "else")],
            "delete": [],
        }[what]
    )


@pytest.mark.parametrize("mode", ["keep", "remove"])
def test_a_leaf_is_not_adopted_by_a_row_that_awaits_its_own(db: Database, mode: str) -> None:
    """Row 1 awaits leaf 1 (noted by the rollback). A new program wrote another leaf with row 1's
    sku (keep: after it gave leaf 1 another sku; remove: leaf 1 is in kept). Row 1 gets leaf 1."""
    owner = synced(db, 2)
    owner.execute("update tblproduct set sku = 's' || productid")
    leaf = noted(owner, 1, "one")
    owner.execute("call tandem.rollback('products', %s, p_drop_columns => true)", (mode,))
    new = db.new_app()
    if mode == "keep":
        new.execute("update tblconfig set sku = 'retired' where configid = %s", (leaf,))
    else:
        new.execute(PARENTS)
    new.execute(
        "insert into tblconfig (catalogid, name, sku, notes)"
        " select catalogid, 'c', 's1', 'else' from tblcatalog"
    )
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    assert (config(owner, 1), notes(owner, 1)) == (leaf, "one")


def test_an_overdue_price_does_not_undo_what_the_flat_side_wrote_after_it(db: Database) -> None:
    """A price of 99 comes into force while nothing is synced (flat alone), later the old program
    writes 50. On the way forward 50 stays."""
    owner = synced(db, 1)
    schedule(owner, config(owner), 99, 0.5)
    owner.execute("call tandem.rollback('products')")
    time.sleep(0.8)
    db.old_app().execute("update tblproduct set amount = 50")
    migrate(owner)
    assert one(owner, "select amount from tblproduct") == 50
    assert drift(owner) == []


def test_apply_due_does_not_pass_over_a_row_that_waits_to_be_linked(db: Database) -> None:
    """apply_due goes beside a migration whose rows wait: the scheduled price of such a row comes
    into force."""
    owner = synced(db, 1)
    schedule(owner, config(owner), 99, 6)  # after the sync is on, also on a busy machine
    forward_to_rows(owner)
    assert one(owner, "select count(*) from tandem_products.due where effective > now()") == 1
    time.sleep(6)
    owner.execute("call tandem.apply_due('products')")
    migrate(owner)
    assert one(owner, "select amount from tblproduct") == 99


def test_retry_rejected_brings_a_kept_level_back_as_its_hint_says(db: Database) -> None:
    """The hint of a refused row of kept_level: make the row above with its id, then CALL
    retry_rejected. That brings the catalog back, with its description."""
    owner = synced(db, 2)
    owner.execute("update tblcatalog set description = 'mine'")
    rolled_back_to(owner, "levels", "remove", drop=False)
    while one(owner, "select count(*) from tblcatalog"):
        remove_step(owner)
    version = one(owner, "select versionid from tblproductversion")
    new = db.new_app()
    new.execute("delete from tblproductversion")
    owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    hint = one(owner, "select hint from tandem.rejected_row where resolved_at is null")
    assert "CALL tandem.retry_rejected" in hint and "kept_level" in hint
    new.execute(
        "insert into tblproductversion (versionid, baseproductid, version)"
        " select %s, baseproductid, 'again' from tblbaseproduct",
        (version,),
    )
    owner.execute("call tandem.retry_rejected('products')")
    assert one(owner, "select count(*) from tblcatalog where description = 'mine'") == 1


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_runs_are_refused_where_they_could_not_see_what_they_waited_for(
    db: Database, level: str
) -> None:
    """A batch's snapshot would be older than its table lock, and would not show what was committed
    during the wait: TD043."""
    owner = synced(db)
    owner.execute(f"set default_transaction_isolation = '{level}'".encode())
    for call in ("rollback('products')", "repair('products', 'flat')", "migrate('products')"):
        assert sqlstate(owner, f"call tandem.{call}") == "TD043"


# --- kept values ----------------------------------------------------------------------------------


def test_a_note_follows_a_leaf_that_gets_another_id(db: Database) -> None:
    """A rollback that ended in its notes left (2, leaf, rollback). A new program changes the leaf's
    id; after DELETE and INSERT of key 2 the row has the leaf's notes again."""
    owner = synced(db, 2)
    leaf = noted(owner, 2, "mine")
    rolled_back_to(owner, "off", "keep", drop=False)
    new = db.new_app()
    new.execute("delete from tblconfigprice where configid = %s", (leaf,))
    new.execute("update tblconfig set configid = gen_random_uuid() where configid = %s", (leaf,))
    assert drift(owner) == []
    old = db.old_app()
    old.execute("delete from tblproduct where productid = 2")
    old.execute(ROW, (2,))
    assert notes(owner, 2) == "mine"


def test_kept_arrays_do_not_depend_on_array_nulls_of_who_inserts(db: Database) -> None:
    """Kept values are read with settings of their own: a NULL of an array comes back as NULL."""
    owner = synced(db, 1)
    owner.execute("alter table tblconfig add tags text[]")
    owner.execute("update tblconfig set tags = array[null, 'a']")
    old = db.old_app()
    old.execute("delete from tblproduct")
    old.execute("set array_nulls = off")
    old.execute(ROW, (1,))
    assert one(owner, "select tags from tblconfig") == [None, "a"]


@pytest.mark.parametrize("kind", ["regclass", "enum"])
def test_kept_values_are_read_by_their_types_input_function(db: Database, kind: str) -> None:
    """Where there is a cast from text, PostgreSQL's for regclass or yours for an enum, it is not
    what a kept value is read by: the value comes back as it was."""
    owner = synced(db, 1)
    if kind == "regclass":
        owner.execute("alter table tblconfig add x regclass")
        owner.execute("update tblconfig set x = 0")
    else:
        owner.execute("create type mood as enum ('m_glad')")
        owner.execute(
            "create function to_mood(text) returns mood language plpgsql immutable"
            " as $$ begin return 'm_' || $1; end $$"
        )
        owner.execute("create cast (text as mood) with function to_mood(text)")
        owner.execute("alter table tblconfig add x mood")
        owner.execute("update tblconfig set x = 'm_glad'")
    before = owner.execute("select x::text from tblconfig").fetchall()
    db.old_app().execute("delete from tblproduct")
    db.old_app().execute(ROW, (1,))
    assert owner.execute("select x::text from tblconfig").fetchall() == before


# --- what comes back in part ---------------------------------------------------------------------

BARCODES = (
    "select array_agg(barcode order by productid) from tblproduct join tblconfig using (configid)"
)
GUARD = """
create function no_x() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin if new.{column} = 'x' then raise exception 'x is not for sale'; end if; return new; end $$;
create trigger no_x before insert or update on {table} for each row execute function no_x()
"""
AUDIT = """
create function audit() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin update {0} set audited = true where {1} = new.{1}; return null; end $$;
alter table {0} add audited boolean;
create trigger audit after insert on {0} for each row execute function audit();
"""


def refused(db: Database, first: int = 1, other: int = 2) -> Connection:
    """Row `first` came back without its barcode, which row `other` has now: that waits in kept."""
    owner = synced(db, 2)
    owner.execute("alter table tblconfig add barcode text unique")
    leaf = config(owner, first)
    owner.execute("update tblconfig set barcode = 'x' where configid = %s", (leaf,))
    old = db.old_app()
    old.execute("delete from tblproduct where productid = %s", (first,))
    owner.execute("update tblconfig set barcode = 'x' where configid = %s", (config(owner, other),))
    old.execute(ROW, (first,))
    assert one(owner, "select reason from tandem_products.kept") == "refused"
    assert one(owner, "select count(*) from tblconfig where barcode = 'x'") == 1
    return owner


@pytest.mark.parametrize("how", ["insert", "rollback"])
def test_a_leaf_that_comes_back_in_part_keeps_values_of_columns_with_a_default(
    db: Database, how: str
) -> None:
    """The leaf cannot come back whole: its barcode was taken, or is forbidden by now. Its stock of
    7 is in the leaf, or still in kept, and not lost to the column's default."""
    owner = synced(db, 2)
    owner.execute("alter table tblconfig add barcode text unique, add stock int not null default 0")
    leaf = config(owner, 1)
    owner.execute("update tblconfig set barcode = 'x', stock = 7 where configid = %s", (leaf,))
    old = db.old_app()
    if how == "insert":
        old.execute("delete from tblproduct where productid = 1")
        owner.execute("update tblconfig set barcode = 'x'")
        old.execute(ROW, (1,))
    else:
        owner.execute("call tandem.rollback('products', 'remove')")
        owner.execute("create table shelf (code text primary key); insert into shelf values ('y')")
        owner.execute("alter table tblconfig add foreign key (barcode) references shelf")
        migrate(owner)
    assert config(owner, 1) == leaf
    stock = one(owner, "select stock from tblconfig where configid = %s", leaf)
    query = "select coalesce(max(remains -> 'leaf' ->> 'stock'), '') from tandem_products.kept"
    kept = one(owner, query)
    assert stock == 7 or kept == "7", (stock, kept)


def test_retry_rejected_does_not_bring_back_what_repair_deleted(db: Database) -> None:
    """An orphan that orders referenced is an open rejected row. The order goes, repair(flat,
    delete) deletes the leaf; retry_rejected, called for other rows, makes no flat row of it."""
    owner = synced(db, 2)
    owner.execute("create table orders (configid uuid references tblconfig)")
    owner.execute("insert into orders values (%s)", (config(owner, 2),))
    owner.execute("call tandem.rollback('products')")
    db.old_app().execute("delete from tblproduct where productid = 2")
    migrate(owner)
    owner.execute("delete from orders")
    owner.execute("call tandem.repair('products', 'flat', 'delete', p_dry_run => false)")
    assert one(owner, "select count(*) from tblconfig") == 1
    owner.execute("call tandem.retry_rejected('products')")
    assert one(owner, "select count(*) from tblproduct") == 1


def test_repair_deletes_a_row_whose_leaf_is_gone_beside_what_was_refused(db: Database) -> None:
    """Row 1's barcode waits in kept ('refused'); its leaf was deleted by a new program while the
    direction was off. repair(hierarchy, delete) ends the drift."""
    owner = refused(db)
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    db.new_app().execute("delete from tblconfig where configid = %s", (config(owner, 1),))
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    for _ in range(2):
        owner.execute("call tandem.repair('products', 'hierarchy', 'delete', p_dry_run => false)")
    assert drift(owner) == []


def test_an_own_trigger_that_refuses_a_kept_level_leaves_the_way_forward_open(db: Database) -> None:
    """A validation trigger of yours refuses a kept catalog: the migration goes through."""
    owner = synced(db, 1)
    owner.execute("update tblcatalog set description = 'x'")
    owner.execute("call tandem.rollback('products', 'remove')")
    owner.execute(GUARD.format(table="tblcatalog", column="description").encode())
    states = [sqlstate(owner, "call tandem.migrate('products')") for _ in range(2)]
    assert (states, one(owner, "select phase from tandem.status")) == ([None, None], "migrated")


def test_no_insert_fails_for_what_an_own_trigger_refuses_of_what_is_kept(db: Database) -> None:
    """A validation trigger of yours refuses the kept notes; the new row is in order: the old
    program can insert the key again."""
    owner = synced(db, 1)
    noted(owner, 1, "x")
    old = db.old_app()
    old.execute("delete from tblproduct")
    owner.execute(GUARD.format(table="tblconfig", column="notes").encode())
    old.execute(ROW, (1,))


def test_one_transaction_after_a_removal(db: Database) -> None:
    """p_one_transaction, with a kept catalog whose supplier was deleted: what cannot come back
    stops no migration."""
    owner = synced(db, 2)
    owner.execute(SUPPLIER.replace("{}", "tblcatalog").encode())
    owner.execute("call tandem.rollback('products', 'remove')")
    owner.execute("delete from supplier")
    assert sqlstate(owner, "call tandem.migrate('products', p_one_transaction => true)") is None


def test_what_was_refused_goes_with_a_leaf_that_a_new_program_deletes(db: Database) -> None:
    """A new program deletes the leaf for good: after retry_rejected no rejected row is open for the
    part of it that was refused."""
    owner = refused(db)
    db.new_app().execute("delete from tblconfig where configid = %s", (config(owner, 1),))
    owner.execute("update tblconfig set barcode = null")
    for _ in range(2):
        owner.execute("call tandem.retry_rejected('products')")
    assert one(owner, "select count(*) from tandem.rejected_row where resolved_at is null") == 0


def test_a_new_row_does_not_get_what_was_refused_to_a_leaf_that_was_deleted(db: Database) -> None:
    """As above; then the key is used again: the new product gets neither the id nor the barcode of
    the deleted one, which a DELETE by a new program leaves to nobody."""
    owner = refused(db)
    leaf = config(owner, 1)
    db.new_app().execute("delete from tblconfig where configid = %s", (leaf,))
    owner.execute("update tblconfig set barcode = null")
    db.old_app().execute(ROW, (1,))
    assert (config(owner, 1) != leaf, one(owner, BARCODES)) == (True, [None, None])


def test_a_rejected_row_that_goes_takes_no_leaf_of_another_along(db: Database) -> None:
    """A rollback that ended in its notes left (2, leaf); the row went on to key 20, linked. A
    rejected row at key 2, which has no leaf, is deleted: the note is not about it."""
    owner = synced(db, 2)
    leaf = noted(owner, 2, "mine")
    rolled_back_to(owner, "off", "keep", drop=False)
    old = db.old_app()
    old.execute("update tblproduct set productid = 20 where productid = 2")
    old.execute("insert into tblproduct (productid, productname) values (2, '')")
    old.execute("delete from tblproduct where productid = 2")
    assert (config(owner, 20), notes(owner, 20)) == (leaf, "mine")
    assert drift(owner) == []


def test_a_refused_value_does_not_take_the_place_of_one_that_is_in_use(db: Database) -> None:
    """Barcode x is row 2's; row 1 could not get it back. Row 1 comes first on the way forward: were
    the refused x part of its leaf, row 2 would lose it."""
    owner = refused(db)
    assert one(owner, BARCODES) == [None, "x"]
    owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    assert one(owner, BARCODES) == [None, "x"]


def test_a_refused_value_of_a_level_does_not_take_the_place_of_one_in_use(db: Database) -> None:
    """Lamp was made again with its id; its code x is Chair's by then, and waits in kept_level."""
    owner = synced(db, 1)
    owner.execute("alter table tblbaseproduct add code text unique")
    owner.execute("update tblbaseproduct set code = 'x'")
    lamp = one(owner, "select baseproductid from tblbaseproduct")
    owner.execute("call tandem.rollback('products', 'remove')")
    new = "insert into tblbaseproduct (baseproductid, name) values (%s, 'Lamp')"
    owner.execute(new, (lamp,))
    owner.execute("insert into tblbaseproduct (name, code) values ('Chair', 'x')")
    migrate(owner)
    query = "select array_agg(name || ' ' || coalesce(code, '') order by name) from tblbaseproduct"
    assert one(owner, query) == ["Chair x", "Lamp "]
    owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    assert one(owner, query) == ["Chair x", "Lamp "]


def test_a_rename_reaches_rows_that_are_linked_and_wait_for_their_leaf(db: Database) -> None:
    """rollback(remove, drop columns), way forward to stage rows: the rows are linked (configid) but
    have no parents' ids, as their leaves are in kept."""
    owner = synced(db, 2)
    owner.execute("update tblbaseproduct set description = 'mine'")
    owner.execute("call tandem.rollback('products', 'remove', true)")
    owner.execute("call tandem.prepare('products')")
    until_rows(owner)
    db.new_app().execute("update tblbaseproduct set name = 'Lampe' where name = 'Lamp'")
    migrate(owner)
    assert one(owner, "select array_agg(distinct productname) from tblproduct") == ["Lampe"]
    assert one(owner, "select array_agg(name) from tblbaseproduct") == ["Lampe"]


@pytest.mark.parametrize("mode", ["keep", "drop"])
def test_a_rename_of_the_parent_that_a_row_has_left_does_not_rename_it(
    db: Database, mode: str
) -> None:
    """While the flat table was alone an old program gave row 1 the name Chair. On the way forward,
    before its batch, a new program renames Lamp, whose id row 1 still has."""
    owner = synced(db, 2)
    owner.execute("call tandem.rollback('products', 'keep', %s)", (mode == "drop",))
    db.old_app().execute("update tblproduct set productname = 'Chair' where productid = 1")
    if mode == "drop":
        owner.execute("call tandem.prepare('products')")
    until_rows(owner)
    db.new_app().execute("update tblbaseproduct set name = 'Lampe' where name = 'Lamp'")
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select array_agg(productname order by productid) from tblproduct") == [
        "Chair",
        "Lampe",
    ]


@pytest.mark.parametrize("table", ["tblcatalog", "tblconfig"])
def test_a_deferred_foreign_key_leaves_the_way_forward_open(db: Database, table: str) -> None:
    """An INSERT raises no error for a foreign key that is deferred; SET CONSTRAINTS does, later."""
    owner = synced(db, 1)
    leaf = noted(owner, 1, "mine")
    owner.execute(DEFERRED.replace("{}", table).encode())
    owner.execute("call tandem.rollback('products', 'remove')")
    owner.execute("delete from supplier")
    states = [sqlstate(owner, "call tandem.migrate('products')") for _ in range(2)]
    owner.execute("call tandem.retry_rejected('products')")
    assert (states, one(owner, "select phase from tandem.status")) == ([None, None], "migrated")
    found = one(owner, "select max(notes) from tblconfig where configid = %s", leaf)
    assert (config(owner), found, drift(owner)) == (leaf, "mine", [])


def test_a_row_rejected_for_a_deferred_foreign_key_can_be_corrected(db: Database) -> None:
    """What is kept of it points at a row that was deleted; an UPDATE by an old program goes on."""
    owner = synced(db, 1)
    owner.execute(DEFERRED.replace("{}", "tblconfig").encode())
    owner.execute("call tandem.rollback('products', 'remove')")
    owner.execute("delete from supplier")
    migrate(owner)
    db.old_app().execute("update tblproduct set sku = 'new' where productid = 1")


def test_no_insert_fails_for_a_deferred_foreign_key_of_what_is_kept(db: Database) -> None:
    """The same live, by an INSERT of the key."""
    owner = synced(db, 1)
    owner.execute(DEFERRED.replace("{}", "tblconfig").encode())
    old = db.old_app()
    old.execute("delete from tblproduct")
    owner.execute("delete from supplier")
    old.execute(ROW, (1,))


def test_rows_that_point_at_each_other_come_back(db: Database) -> None:
    """The leaf names its main price by a deferred foreign key; the price comes after the leaf."""
    owner = synced(db, 1)
    owner.execute(
        "alter table tblconfig add mainprice uuid"
        " references tblconfigprice deferrable initially deferred"
    )
    owner.execute("update tblconfig set mainprice = (select priceid from tblconfigprice)")
    price = one(owner, "select mainprice from tblconfig")
    old = db.old_app()
    with old.transaction():
        old.execute("delete from tblproduct")
        old.execute(ROW, (1,))
    assert one(owner, "select mainprice from tblconfig") == price
    owner.execute("call tandem.rollback('products', 'remove')")
    migrate(owner)
    assert one(owner, "select mainprice from tblconfig") == price
    assert one(owner, "select count(*) from tandem.rejected_row") == 0


def test_a_way_forward_after_a_refused_value_of_a_level(db: Database) -> None:
    """Version 1's code x is version 2's by now, and waits in kept_level, refused. Another rollback
    and way forward go through."""
    owner = synced(db, 1)
    owner.execute("alter table tblproductversion add code text unique")
    owner.execute("update tblproductversion set code = 'x'")
    owner.execute("call tandem.rollback('products', 'remove')")
    owner.execute(
        "with b as (insert into tblbaseproduct (name) values ('Lamp') returning *)"
        " insert into tblproductversion (baseproductid, version, code)"
        " select baseproductid, v, c from b, (values ('1', null), ('2', 'x')) as t (v, c)"
    )
    migrate(owner)
    assert one(owner, "select phase from tandem.status") == "migrated"
    owner.execute("call tandem.rollback('products', 'remove')")
    states = [sqlstate(owner, "call tandem.migrate('products')") for _ in range(2)]
    assert (states, one(owner, "select phase from tandem.status")) == ([None, None], "migrated")


@pytest.mark.parametrize("same_id", [True, False])
def test_retry_rejected_brings_a_refused_value_of_a_level_back(db: Database, same_id: bool) -> None:
    """Lamp was made again, with its id or another; its code x is Chair's. As the hint of TD019
    says, retry_rejected gives it back to Lamp once it is free."""
    owner = synced(db, 1)
    owner.execute("alter table tblbaseproduct add code text unique")
    owner.execute("update tblbaseproduct set code = 'x'")
    lamp = one(owner, "select baseproductid from tblbaseproduct")
    owner.execute("call tandem.rollback('products', 'remove')")
    new = (
        "insert into tblbaseproduct (baseproductid, name)"
        " values (coalesce(%s, gen_random_uuid()), 'Lamp')"
    )
    owner.execute(new, (lamp if same_id else None,))
    owner.execute("insert into tblbaseproduct (name, code) values ('Chair', 'x')")
    migrate(owner)
    owner.execute("update tblbaseproduct set code = null where name = 'Chair'")
    owner.execute("call tandem.retry_rejected('products')")
    assert one(owner, "select code from tblbaseproduct where name = 'Lamp'") == "x"


def test_a_deferred_foreign_key_and_an_own_after_trigger_leave_the_way_forward_open(
    db: Database,
) -> None:
    """The supplier of a kept catalog was deleted, and an AFTER INSERT trigger of yours updates each
    catalog that comes back: the migration goes through."""
    owner = synced(db, 1)
    owner.execute(DEFERRED.replace("{}", "tblcatalog").encode())
    owner.execute(AUDIT.format("tblcatalog", "catalogid").encode())
    owner.execute("call tandem.rollback('products', 'remove')")
    owner.execute("delete from supplier")
    states = [sqlstate(owner, "call tandem.migrate('products')") for _ in range(2)]
    assert (states, one(owner, "select phase from tandem.status")) == ([None, None], "migrated")


def test_no_insert_fails_for_a_deferred_foreign_key_beside_an_own_after_trigger(
    db: Database,
) -> None:
    """The same live: an old program can insert a key again that it has deleted."""
    owner = synced(db, 1)
    owner.execute(DEFERRED.replace("{}", "tblconfig").encode())
    owner.execute(AUDIT.format("tblconfig", "configid").encode())
    old = db.old_app()
    old.execute("delete from tblproduct")
    owner.execute("delete from supplier")
    old.execute(ROW, (1,))


def test_a_write_on_the_way_forward_leaves_what_waits_as_it_is(db: Database) -> None:
    """A write of a column that the leaf has already, to a row whose other columns wait for their
    batch: the flat table has the say of those."""
    owner = synced(db, 3)
    owner.execute("call tandem.rollback('products')")
    old = db.old_app()
    old.execute("update tblproduct set amount = 20, status = 'off' where productid = 1")
    until_rows(owner)
    old.execute("update tblproduct set status = 'on' where productid = 1")
    migrate(owner)
    assert drift(owner) == []
    assert one(owner, "select amount from tblproduct where productid = 1") == 20


def test_a_new_programs_write_leaves_an_amount_that_waits(db: Database) -> None:
    """The same from the other side, where the shop has a BEFORE trigger of its own."""
    owner = synced(db, 3)
    owner.execute(
        "create function nothing() returns trigger language plpgsql"
        " set search_path = public, pg_temp"
        " as $$ begin return new; end $$;"
        "create trigger own before update of notes on tblconfig"
        " for each row execute function nothing()"
    )
    owner.execute("call tandem.rollback('products')")
    db.old_app().execute("update tblproduct set amount = 20, status = 'off' where productid = 1")
    until_rows(owner)
    query = "update tblconfig set status = 'off' where configid = %s"
    db.new_app().execute(query, (config(owner),))
    migrate(owner)
    assert one(owner, "select amount from tblproduct where productid = 1") == 20


@pytest.mark.parametrize("how", ["keep", "remove"])
def test_a_linked_row_whose_key_leaves_the_range_of_the_run(db: Database, how: str) -> None:
    """No batch comes to the new key of a row that waits: its key change carries it over."""
    owner = synced(db, 3)
    owner.execute(f"call tandem.rollback('products', '{how}')".encode())
    old = db.old_app()
    old.execute("update tblproduct set sku = 'new' where productid = 2")
    until_rows(owner)
    migrate(owner, p_max_batches=1, p_batch_rows=1)
    old.execute("update tblproduct set productid = 1000 where productid = 2")
    migrate(owner)
    assert drift(owner) == []
