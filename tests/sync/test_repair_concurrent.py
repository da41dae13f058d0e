"""Runs beside writers: what is deleted, rejected or tried again is what the run has found."""

from __future__ import annotations

import pytest

from support.databases import Connection, Database
from support.locks import wait_for_lock_wait
from support.shop import in_background, migrate, one
from sync.shops import sqlstate
from sync.test_attacks import ROW, config, drift, run_sql, synced


def outlasting(db: Database, rows: int) -> Connection:
    """A synced shop whose runs wait long for locks, so that a test can decide who comes when."""
    owner = synced(db, rows)
    owner.execute("update tandem.setting set value = '20000' where name = 'batch_lock_timeout'")
    return owner


def test_repair_deletes_no_flat_row_whose_leaf_came_back(db: Database) -> None:
    """What was extra when the batch began is looked at again before it is deleted."""
    owner = outlasting(db, 2)
    first, second = config(owner, 1), config(owner, 2)
    new, blocker, worker = db.new_app(), db.new_app(), db.owner()
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    new.execute("update tblconfig set status = 'off' where configid = %s", (first,))
    new.execute("delete from tblconfig where configid = %s", (second,))
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    blocker.execute("begin")
    blocker.execute("select from tblconfig where configid = %s for no key update", (first,))
    call = "call tandem.repair('products', 'hierarchy', 'delete', false)"
    with in_background(worker, lambda: run_sql(worker, call)) as run:
        wait_for_lock_wait(owner, worker.info.backend_pid)
        new.execute(
            "insert into tblconfig (configid, catalogid, name, sku, status)"
            " select %s, catalogid, 'c', 's', 'on' from tblcatalog",
            (second,),
        )
        blocker.execute("commit")
        run.result(30)
    assert one(owner, "select array_agg(productid order by productid) from tblproduct") == [1, 2]


def test_repair_deletes_no_leaf_whose_flat_row_came(db: Database) -> None:
    """The leaf, and its flat row with it, was made while the batch waited for another."""
    owner = outlasting(db, 1)
    leaves = [f"00000000-0000-0000-0000-00000000000{letter}" for letter in "ab"]
    new, blocker, worker = db.new_app(), db.new_app(), db.owner()
    insert = (
        "insert into tblconfig (configid, catalogid, name) select %s, catalogid, %s from tblcatalog"
    )
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    for leaf in leaves:
        new.execute(insert, (leaf, "first"))
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    blocker.execute("begin")
    blocker.execute("select from tblconfig where configid = %s for no key update", (leaves[0],))
    call = "call tandem.repair('products', 'flat', 'delete', false)"
    with in_background(worker, lambda: run_sql(worker, call)) as run:
        wait_for_lock_wait(owner, worker.info.backend_pid)
        new.execute("begin")
        new.execute("delete from tblconfig where configid = %s", (leaves[1],))
        new.execute(insert, (leaves[1], "again"))
        new.execute("commit")
        blocker.execute("commit")
        run.result(30)
    assert drift(owner) == []


def test_retry_rejected_keeps_the_authority_of_the_repair(db: Database) -> None:
    """It would push the older value of the flat row, were that what had been noted."""
    owner = synced(db)
    leaf = config(owner)
    new = db.new_app()
    owner.execute("alter table tblproduct add constraint no_gone check (status <> 'gone')")
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    new.execute("update tblconfig set status = 'gone' where configid = %s", (leaf,))
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    owner.execute("call tandem.repair('products', 'hierarchy', p_dry_run => false)")
    owner.execute("alter table tblproduct drop constraint no_gone")
    owner.execute("call tandem.retry_rejected('products')")
    assert one(owner, "select status from tblconfig where configid = %s", leaf) == "gone"


def test_retry_rejected_keeps_that_an_extra_leaf_was_to_be_deleted(db: Database) -> None:
    """It would make a flat row of it. The run says what was not deleted; another repair does it."""
    owner = synced(db)
    owner.execute("create table note (configid uuid references tblconfig)")
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    owner.execute("insert into tblconfig (catalogid) select catalogid from tblcatalog")
    owner.execute("insert into note select configid from tblconfig where name is null")
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    owner.execute("call tandem.repair('products', 'flat', 'delete', false)")
    owner.execute("delete from note")
    owner.execute("call tandem.retry_rejected('products')")
    assert one(owner, "select count(*) from tblproduct") == 1
    said = one(owner, "select message from tandem.run where kind = 'repair'")
    assert said.startswith("drift now: 1; 1 could not be deleted (")
    owner.execute("call tandem.repair('products', 'flat', 'delete', false)")
    assert drift(owner) == []


@pytest.mark.parametrize("authority", ["flat", "hierarchy"])
def test_a_leaf_that_an_unlinked_flat_row_waits_for_is_not_extra(
    db: Database, authority: str
) -> None:
    """On the way forward after a rollback: the note in kept says whose the leaf is."""
    owner = synced(db, 2)
    leaf = config(owner)
    owner.execute("update tblconfig set notes = 'precious'")
    owner.execute("call tandem.rollback('products', p_drop_columns => true)")
    owner.execute("update tblproduct set productname = '' where productid = 1")
    owner.execute("call tandem.prepare('products')")
    while one(owner, "select phase from tandem.mapping") != "syncing":
        owner.execute("call tandem.migrate('products', p_max_batches => 1)")
    owner.execute("call tandem.repair('products', %s, 'delete', false)", (authority,))
    assert one(owner, "select count(*) from tblproduct") == 2
    assert one(owner, "select count(*) from tblconfig where configid = %s", leaf) == 1
    migrate(owner)
    db.old_app().execute("update tblproduct set productname = 'Lamp' where productid = 1")
    assert config(owner) == leaf
    assert one(owner, "select notes from tblconfig where configid = %s", leaf) == "precious"
    assert drift(owner) == []


POISON = """
create function poison() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if new.status = 'bad' then
        perform pg_advisory_lock_shared(42);
        perform pg_advisory_unlock_shared(42);
        raise exception 'bad' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger poison before insert on tblconfig for each row execute function poison()
"""


@pytest.mark.parametrize(
    "write",
    [
        "delete from tblproduct where productid = 1",
        "update tblproduct set status = 'good' where productid = 1",
    ],
    ids=["deleted", "corrected"],
)
def test_the_failure_of_one_row_does_not_reject_another(db: Database, write: str) -> None:
    """An old program, which waits for the row that fails, deletes or corrects it before the run
    rejects it. The lock on tandem.setting only holds the run between its two transactions."""
    owner = db.owner()
    for key in (1, 2, 3):
        owner.execute(ROW, (key,))
    owner.execute("update tblproduct set status = 'bad' where productid = 1")
    owner.execute("call tandem.prepare('products')")
    owner.execute(POISON)
    owner.execute("select pg_advisory_lock(42)")
    worker, holder, old = db.owner(), db.owner(), db.old_app()
    holder.execute("begin")
    call = "call tandem.migrate('products', p_batch_rows => 1)"
    with in_background(worker, lambda: run_sql(worker, call)) as run:
        wait_for_lock_wait(owner, worker.info.backend_pid)
        with in_background(holder, lambda: run_sql(holder, "lock table tandem.setting")) as held:
            wait_for_lock_wait(owner, holder.info.backend_pid)
            owner.execute("select pg_advisory_unlock(42)")
            held.result(30)
        old.execute(write.encode())
        holder.execute("commit")
        run.result(30)
    rejected = owner.execute("select row_key from tandem.rejected_row where resolved_at is null")
    assert rejected.fetchall() == []
    assert drift(owner) == []


@pytest.mark.parametrize("verb", ["repair", "retry_rejected", "apply_due"])
def test_an_operator_does_nothing_before_the_sync_is_on(db: Database, verb: str) -> None:
    """What the verbs call can be called as well; no trigger would follow what it writes."""
    owner = db.owner()
    owner.execute(ROW, (1,))
    owner.execute("call tandem.prepare('products')")
    owner.execute("select tandem.grant_to('new_app', 'operator')")
    params = '{"authority": "flat", "extra": "delete"}'
    call = f"call tandem._run('{verb}', 'products', '{params}')"
    assert sqlstate(db.new_app(), call) == "TD002"
    assert one(owner, "select count(*) from tblconfig") == 0


def test_a_rollback_does_nothing_before_there_is_anything(db: Database) -> None:
    owner = db.owner()
    assert sqlstate(owner, "call tandem._run('rollback', 'products', '{}')") == "TD002"
