"""Who is taken for the sync itself, and what a level may not do by calling what is behind the
verbs."""

from __future__ import annotations

import contextlib

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support.databases import Database
from support.shop import one
from sync.shops import sqlstate
from sync.test_attacks import drift, synced


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
        set search_path = public, pg_temp as $$ begin {text}; return null; end $$;
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
        "select tandem._mark('', 'products', -1)",
    ):
        assert sqlstate(old, text) == "42501"
    assert sqlstate(old, "select lastval()") == "55000", "not defined, as without the sync"
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
    run = one(old, "select run_id from tandem._run_begin('migrate', 'products', '{}')")
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


def test_the_owner_as_operator(db: Database) -> None:
    owner = synced(db)
    assert sqlstate(owner, "select tandem.grant_to('shop_owner', 'operator')") in (None, "22023")


@pytest.mark.parametrize("right", ["trigger", "references", "all"])
@pytest.mark.parametrize("whose", ["old_app", "public"])
def test_a_role_that_could_run_code_as_the_owner_blocks_prepare(
    db: Database, right: str, whose: str
) -> None:
    """A trigger runs as whoever writes, and the sync writes as the owner."""
    owner = db.owner()
    owner.execute(f"grant {right} on tblproduct to {whose}".encode())
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"
    query = "select cure from tandem.analyze('products') where severity = 'blocker'"
    owner.execute(one(owner, query).encode())
    owner.execute("call tandem.prepare('products')")


def test_code_of_another_role_that_is_there_blocks_prepare(db: Database) -> None:
    owner, old = db.owner(), db.old_app()
    owner.execute("grant trigger on tblproduct to old_app; create schema mine")
    owner.execute("grant all on schema mine to old_app")
    old.execute(
        """
        create function mine.look() returns trigger language plpgsql set search_path = mine, pg_temp
        as $$ begin return null; end $$;
        create trigger look after update on public.tblproduct
        for each row execute function mine.look();
        """
    )
    owner.execute("revoke trigger on tblproduct from old_app")
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"
    query = "select sample from tandem.analyze('products') where severity = 'blocker'"
    assert one(owner, query) == "trigger look of old_app"
    owner.execute("drop trigger look on tblproduct")
    owner.execute("call tandem.prepare('products')")


def test_the_token_is_of_no_use_after_the_write_that_it_was_drawn_for(db: Database) -> None:
    """Who may reference a table has a cascade run a trigger of his own in the midst of the sync,
    reads the token there, and sets `sync:0:<token>`: his next write is taken for ours and is not
    synced."""
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
        grant insert on mine.seen to public; grant usage on schema mine to public;
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


def test_an_operator_does_not_steer_an_admins_rollback(db: Database) -> None:
    """An interrupted rollback that keeps the hierarchy; an operator, who may not roll back, writes
    its cursor. The admin's same CALL goes on in the stage that removes the hierarchy."""
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
