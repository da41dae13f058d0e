"""Runs that decide which side is right: retry_rejected, repair, migrate again; next_step."""

from __future__ import annotations

import time

from psycopg.types.json import Jsonb

from support.databases import Connection, Database
from support.shop import migrate, one
from sync.test_attacks import config, drift, in_force, schedule, synced
from sync.test_way_forward import until_rows


def refused_price(db: Database) -> Connection:
    """A shop where apply_due could not write 99: an open rejected row of the side hierarchy."""
    owner = synced(db, 2)
    owner.execute("alter table tblproduct add constraint cheap check (amount < 90)")
    schedule(owner, config(owner), 99, 0.2)
    time.sleep(0.4)
    owner.execute("call tandem.apply_due('products')")
    assert one(owner, "select side from tandem.rejected_row where resolved_at is null") == (
        "hierarchy"
    )
    return owner


def test_retry_leaves_what_waits(db: Database) -> None:
    """A price was refused. Rolled back; an old program writes status and amount. The cause is
    removed; on the way forward, before the row's batch, retry_rejected is called: the old
    program's newer values stay."""
    owner = refused_price(db)
    owner.execute("call tandem.rollback('products')")
    db.old_app().execute("update tblproduct set status = 'off', amount = 77 where productid = 1")
    owner.execute("alter table tblproduct drop constraint cheap")
    until_rows(owner)
    owner.execute("call tandem.retry_rejected('products')")
    migrate(owner)
    assert drift(owner) == []
    query = "select status from tblproduct where productid = 1"
    assert one(owner, query) == "off"
    assert one(owner, query.replace("status", "amount", 1)) == 77


def test_retry_leaves_a_rejected_row(db: Database) -> None:
    """Phase migrated, both directions on. A price was refused; then an old program blanks the
    name and writes a status: rejected as well. The cause of the first is removed,
    retry_rejected: the name stays blank, the status as written, and 99 is not superseded."""
    owner = refused_price(db)
    leaf = config(owner)
    old = db.old_app()
    old.execute("update tblproduct set productname = '', status = 'off' where productid = 1")
    owner.execute("alter table tblproduct drop constraint cheap")
    owner.execute("call tandem.retry_rejected('products')")
    found = owner.execute(
        "select productname, status from tblproduct where productid = 1"
    ).fetchone()
    assert found == ("", "off")
    assert in_force(owner, leaf) == 99


def test_next_step_after_a_killed_repair(db: Database) -> None:
    """A repair from flat was killed. Later hierarchy_to_flat is off for a while, a new program
    writes, it is on again. next_step says no statement that takes the new program's write
    away."""
    owner = synced(db, 2)
    leaf = config(owner)
    params = {"authority": "flat", "extra": "keep", "dry_run": False, "on_reject": "continue"}
    owner.execute("select tandem._run_begin('repair', 'products', %s)", (Jsonb(params),))
    migrate(owner)  # a whole run since
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    db.new_app().execute("update tblconfig set status = 'news' where configid = %s", (leaf,))
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    step = one(owner, "select next_step from tandem.status")
    owner.execute(step.split(";")[0])
    assert one(owner, "select status from tblconfig where configid = %s", leaf) == "news"


def test_killed_retry_looks_again(db: Database) -> None:
    """retry_rejected is killed after it has rejected row 1 again. The cause is removed; the same
    CALL ends done: row 1 is written as well."""
    owner = synced(db, 2)
    owner.execute("alter table tblconfig add constraint c check (sku <> 'bad')")
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', false)")
    db.old_app().execute("update tblproduct set sku = 'bad'")
    owner.execute("select tandem.set_sync('products', 'flat_to_hierarchy', true)")
    owner.execute("call tandem.repair('products', 'flat', p_dry_run => false)")
    run = one(
        owner,
        "select run_id from tandem._run_begin('retry_rejected', 'products', %s)",
        Jsonb({"on_reject": "continue"}),
    )
    failure = Jsonb({"sqlstate": "23514", "message": "c"})
    cursor = one(
        owner,
        "select (tandem.retry_rejected_step('products', %s, 1, %s)).cursor",
        run,
        failure,
    )
    owner.execute("update tandem.run set cursor = %s where run_id = %s", (Jsonb(cursor), run))
    owner.execute("alter table tblconfig drop constraint c")
    owner.execute("call tandem.retry_rejected('products')")
    assert drift(owner) == []


def test_migrate_once_more_is_no_repair(db: Database) -> None:
    """Phase migrated, hierarchy_to_flat is off for a while, a new program writes. migrate is
    called once more: it does not decide which side is right."""
    owner = synced(db, 2)
    leaf = config(owner)
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    db.new_app().execute("update tblconfig set status = 'news' where configid = %s", (leaf,))
    owner.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    assert len(drift(owner)) == 1
    migrate(owner)
    assert one(owner, "select status from tblconfig where configid = %s", leaf) == "news"
