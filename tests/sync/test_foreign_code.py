"""Code of other roles, which would run as the owner of the tables where the sync writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgtandem.deploy import deploy
from pgtandem.mapping import parse_mapping
from support.databases import Connection, Database
from support.shop import one
from sync.shops import products, sqlstate
from sync.test_attacks import ROW, synced

# Harmless when it is looked at. Who owns it may replace it at any time, give a domain a CHECK, or
# a type a cast to json, which the note of a rejected row would call.
MINE = """
create function mine.is_fine(text) returns boolean language plpgsql immutable
set search_path = mine, pg_temp as $$ begin return true; end $$;
create function mine.is_right(t text) returns boolean immutable begin atomic select t <> ''; end;
create function mine.fires() returns trigger language plpgsql
set search_path = mine, pg_temp as $$ begin return new; end $$;
create domain mine.word as text;
create type mine.mood as enum ('a', 'b');
grant usage on schema mine to public;
"""
FINE, WORD, MOOD = "function mine.is_fine(text)", "type mine.word", "type mine.mood"
PLACES = {
    "alter table tblproduct add check (mine.is_fine(sku))": FINE,
    "alter table tblproduct add extra boolean default mine.is_fine('')": FINE,
    "alter table tblproduct add extra boolean generated always as (mine.is_fine(sku)) stored": FINE,
    "create index on tblproduct (mine.is_fine(sku))": FINE,
    "create domain checked as text check (mine.is_fine(value));"
    " alter table tblproduct add extra checked": FINE,
    "alter table tblproduct add check (mine.is_right(sku))": "function mine.is_right(text)",
    # whatever it is called
    "create trigger tandem_mine before insert on tblproduct"
    " for each row execute function mine.fires()": "trigger tandem_mine",
    "alter table tblproduct add extra mine.word default 'a'": WORD,
    "create domain sentence as mine.word; alter table tblproduct add extra sentence": WORD,
    "alter table tblproduct add mood mine.mood": MOOD,
    "alter table tblproduct add moods mine.mood[]": MOOD,
    "create type two as (one mine.mood, other text); alter table tblproduct add moods two": MOOD,
}


def blockers(owner: Connection) -> list[tuple[object, ...]]:
    """Findings that stop prepare, with their samples."""
    return owner.execute(
        "select finding, sample from tandem.analyze('products') where severity = 'blocker'"
    ).fetchall()


@pytest.mark.parametrize("place", PLACES)
def test_code_of_another_role_behind_the_flat_table_stops_prepare(db: Database, place: str) -> None:
    owner = db.owner()
    owner.execute("create schema mine; grant all on schema mine to old_app")
    db.old_app().execute(MINE.encode())
    owner.execute(place.encode())
    finding = "code of a role beside the owner would run as the owner"
    assert (finding, f"{PLACES[place]} of old_app") in blockers(owner)
    assert {row[0] for row in blockers(owner)} == {finding}
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"


NEW_KEY = """
create table numbers (n bigint);
create function next_number() returns bigint language plpgsql {path} as $$
declare k bigint;
begin update numbers set n = n + 1 returning n into k; return k; end $$;
"""


@pytest.mark.parametrize(
    ("path", "finding"),
    [
        ("set search_path = public", "the search_path of a function of your own does not end"),
        ("", "a function of a default, CHECK, index, WHEN clause or new_key has no search_path"),
        ("set search_path = public, pg_temp", None),
    ],
)
def test_the_function_of_new_key_is_looked_at(
    bare_db: Database, path: str, finding: str | None
) -> None:
    """It runs as the owner: no temporary table of a new program may come first."""
    owner = bare_db.owner()
    owner.execute(NEW_KEY.format(path=path).encode())
    source = products().source.replace("touch = ", 'new_key = "next_number"\ntouch = ')
    deploy(owner, [replace(parse_mapping(source), source=source)])
    found = [str(row[0]) for row in blockers(owner)]
    assert len(found) == (finding is not None)
    assert finding is None or found[0].startswith(finding)


def test_a_policy_of_another_roles_table_does_not_run_as_the_owner(db: Database) -> None:
    """Where a kept row comes back, the table that a deferrable foreign key of it points at is read.
    PostgreSQL's own check does so as that table's owner; ours would as the owner of the hierarchy,
    to whom that table's row level policies apply."""
    owner = synced(db)
    owner.execute("create schema mine; grant all on schema mine to old_app")
    old = db.old_app()
    old.execute(
        "create table mine.loot (who text); grant usage on schema mine to public;"
        "grant insert on mine.loot to public;"
        "create function mine.note() returns boolean language plpgsql"
        " set search_path = mine, pg_temp as $$"
        " begin insert into mine.loot values (current_user::text); return true; end $$"
    )
    old.execute(
        "create table mine.supplier (id bigint primary key); insert into mine.supplier values (1);"
        " grant select, references on mine.supplier to shop_owner"
    )
    owner.execute(
        "alter table tblconfig add supplier bigint references mine.supplier"
        " deferrable initially deferred"
    )
    owner.execute("update tblconfig set supplier = 1")
    old.execute(
        "alter table mine.supplier enable row level security;"
        " create policy p on mine.supplier using (mine.note())"
    )
    old.execute("delete from tblproduct")
    old.execute(ROW, (1,))  # what was kept comes back, and with it the reference
    assert one(old, "select count(*) from mine.loot where who <> 'old_app'") == 0
    assert one(owner, "select supplier from tblconfig") == 1
