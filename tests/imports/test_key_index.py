"""Unique indexes on tandem.import_key: which statements use them, and who may write the table."""

from __future__ import annotations

import random

import pytest

from pgtandem.deploy import deploy
from support.databases import Connection, Database
from support.shop import one
from sync.shops import products, sqlstate

TABLE = """
create table colour (
    colour_id bigint generated always as identity primary key,
    name {type}, note text, deleted_at timestamptz
);
create unique index colour_key on colour (tandem.import_key(name)) where deleted_at is null;
insert into colour (name) select 'Colour ' || i from generate_series(1, 2000) as i;
analyze colour;
grant select, insert, update, delete on colour to old_app;
"""
UPSERT = """
insert into colour (name, note) values (%s, %s)
on conflict (tandem.import_key(name)) where deleted_at is null do update set note = excluded.note
"""
LOOKUP = "select name from colour where tandem.import_key(name) = {} and deleted_at is null"
ALIKE = "\uff23OLOUR\u00a0 1\u200b7"
"""The key of 'Colour 17', by the way of what is not ASCII."""


def with_colours(db: Database, kind: str = "text") -> Connection:
    owner = db.owner()
    owner.execute(TABLE.format(type=kind).encode())
    return owner


def insert(conn: Connection, name: str) -> str | None:
    """Insert a colour; the SQLSTATE that it failed with, or None."""
    return sqlstate(conn, "insert into colour (name) values (%s)", (name,))


def plan(conn: Connection, query: str) -> str:
    return "\n".join(row[0] for row in conn.execute(f"explain {query}".encode()))


@pytest.mark.parametrize("kind", ["text", "varchar", "varchar(80)", 'text collate "C"'])
def test_an_upsert_and_a_lookup_use_the_index(db: Database, kind: str) -> None:
    owner = with_colours(db, kind)
    owner.execute(UPSERT, (ALIKE, "met"))
    assert one(owner, "select name from colour where note = 'met'") == "Colour 17"
    shown = plan(owner, UPSERT.replace("%s", "'x'"))
    assert "Conflict Arbiter Indexes: colour_key" in shown
    owner.execute(f"prepare by_key (text) as {LOOKUP.format('$1')}".encode())
    for mode in ("force_generic_plan", "force_custom_plan"):
        owner.execute(f"set plan_cache_mode = {mode}".encode())
        shown = plan(owner, "execute by_key ('colour 17')")
        assert "Index Scan using colour_key" in shown
    rows = owner.execute(LOOKUP.format("tandem.import_key(%s)").encode(), (ALIKE,)).fetchall()
    assert [row[0] for row in rows] == ["Colour 17"]


def test_a_join_of_a_batch_uses_the_index(db: Database) -> None:
    owner = with_colours(db)
    owner.execute("create temp table batch as select 'COLOUR  5' as name; analyze batch")
    shown = plan(
        owner,
        "select from batch as b join colour as c"
        " on tandem.import_key(c.name) = tandem.import_key(b.name) and c.deleted_at is null",
    )
    assert "Index Scan using colour_key" in shown


def test_a_deleted_name_is_free(db: Database) -> None:
    owner = with_colours(db)
    owner.execute("update colour set deleted_at = now() where name = 'Colour 17'")
    owner.execute(UPSERT, (ALIKE, "new"))
    assert one(owner, "select name from colour where note = 'new'") == ALIKE


def test_a_program_that_knows_nothing_of_us_writes_the_table(db: Database) -> None:
    """old_app has no USAGE on the schema tandem. It cannot name the function, and need not: the
    index calls it with old_app's rights."""
    with_colours(db)
    old = db.old_app()
    assert sqlstate(old, "select tandem.import_key('a')") == "42501"
    for name in ("Red", "Ro\u0301t\u200b \u0130 \U00010570", "ﬀ\U000113c5"):  # each way through it
        old.execute("insert into colour (name) values (%s)", (name,))
        old.execute("update colour set name = %s where name = %s", (f"{name} 2", name))
        assert insert(old, f" {name}  2") == "23505"
        old.execute("delete from colour where name = %s", (f"{name} 2",))


@pytest.mark.parametrize("name", ["import_key", "_import_key"])
def test_without_its_right_that_program_would_fail(db: Database, name: str) -> None:
    """Why PUBLIC may execute them. PostgreSQL asks for EXECUTE when an index is kept, for the
    function or, where that was put in its place, for what it calls; new sessions, as one that knows
    the index already asks no more for what was put in place."""
    owner = with_colours(db)
    owner.execute(f"revoke execute on function tandem.{name}(text) from public".encode())
    assert insert(db.old_app(), "Bl\u00e5") == "42501"
    assert insert(db.old_app(), "Blue") == "42501"
    owner.execute("select tandem._apply_privileges()")
    assert insert(db.old_app(), "Bl\u00e5") is None


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        ("language sql immutable as $$ select tandem._import_key(p) $$", "42501"),
        ("language plpgsql immutable as $$ begin return tandem._import_key(p); end $$", "42501"),
        ("language sql immutable return tandem._import_key(p)", None),
        ("language sql immutable set work_mem = '4MB' return tandem._import_key(p)", None),
    ],
    ids=["text", "plpgsql", "parsed and put in place", "parsed and called"],
)
def test_only_a_body_that_was_parsed_needs_no_right_on_the_schema(
    db: Database, definition: str, code: str | None
) -> None:
    """Why import_key has no body of text: that one is read with the rights of who writes."""
    owner = db.owner()
    owner.execute(
        f"create function public.other(p text) returns text {definition};"
        "create table t (c text); grant insert on t to old_app;"
        "create unique index t_key on t (public.other(c))".encode()
    )
    assert sqlstate(db.old_app(), "insert into t values ('\u00e9')") == code


def test_a_deployment_leaves_the_index(db: Database) -> None:
    """A newer version is laid over the functions that the index depends on."""
    owner = with_colours(db)
    deploy(owner, [products()])
    assert one(owner, "select indisvalid from pg_index where indexrelid = 'colour_key'::regclass")
    assert insert(db.old_app(), ALIKE) == "23505"


def test_the_key_is_what_has_to_fit_into_an_index(db: Database) -> None:
    """A B-tree takes 2,704 bytes after compression. A long name of one letter fits, a shorter one
    of all kinds of letters does not, and a key may be longer than its name: limits are on the key.
    """
    owner = with_colours(db)
    letters = random.Random(1)
    mixed = "".join(letters.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(5000))
    longer = "".join(chr(letters.randrange(0x3358, 0x33FF)) for _ in range(1600))
    assert insert(owner, "a" * 10_000) is None
    assert insert(owner, "A" * 10_000) == "23505"
    assert insert(owner, mixed) == "54000"
    assert one(owner, "select tandem.import_key(%s)", mixed.upper()) == mixed
    size = "select octet_length(tandem.import_key(%s))"
    assert one(owner, size, "\ufdfa" * 255) > 2704 > 3 * 255
    assert one(owner, size, longer) > len(longer.encode()) / 2
