"""The application's own triggers inherit the path of the sync's writes: refused, or named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from pgtandem.deploy import deploy
from support.databases import Database, TestServer
from support.shop import migrate
from sync.catalogue import add, assert_same, hierarchy
from sync.shops import Shop, flat_table, products, sqlstate
from sync.test_attacks import ROW

AUDIT = """
create table audit (entry text);
grant insert on audit to old_app, new_app;
create function note() returns trigger language plpgsql as $note$
begin
  insert into audit values (tg_op || ' ' || new.productname);
  return null;
end $note$;
create trigger zz_audit after insert or update on tblproduct
for each row execute function note();
"""
LEVEL_AUDIT = """
create function note_level() returns trigger language plpgsql as $note$
begin
  insert into audit values (tg_op || ' level');
  return null;
end $note$;
create trigger zz_audit after insert or delete on tblbaseproduct
for each row execute function note_level();
"""


@pytest.fixture
def audited(server: TestServer) -> Iterator[Database]:
    """A shop with an audit trigger whose function names its table without a schema."""
    with server.clone(None) as database:
        owner = database.owner()
        owner.execute(flat_table(products()).encode())
        owner.execute(AUDIT.encode())
        yield database


def blockers(conn: psycopg.Connection[tuple[object, ...]]) -> list[object]:
    """The findings of tandem.analyze that stop prepare."""
    query = "select finding from tandem.analyze('products') where severity = 'blocker'"
    return [row[0] for row in conn.execute(query)]


def test_such_a_trigger_stops_prepare_before_anything_is_made(audited: Database) -> None:
    owner = audited.owner()
    deploy(owner, [products()])
    assert blockers(owner) == ["a trigger function of your own has no search_path of its own"]
    with pytest.raises(psycopg.errors.DatabaseError) as caught:
        owner.execute("call tandem.prepare('products')")
    assert caught.value.sqlstate == "TD004"
    assert "search_path" in (caught.value.diag.message_hint or "")
    assert owner.execute("select to_regclass('tblconfig')").fetchone() == (None,)


def test_a_path_in_the_mapping_lets_such_a_trigger_work_from_both_sides(
    audited: Database,
) -> None:
    mapping = replace(products(), search_path=("public",))
    owner = audited.owner()
    deploy(owner, [mapping])
    assert blockers(owner) == []
    shop = Shop(audited, mapping)
    shop.migrate()
    add(shop, "A", amount=5)
    shop.new.execute("update tblbaseproduct set name = 'B'")
    assert shop.rows("select entry from audit order by entry")[-1:] == [("UPDATE B",)]
    assert hierarchy(shop) == [("B", "1", "default", None, None, 5)]
    assert_same(shop)


def test_what_a_rollback_took_out_comes_back_under_that_path(audited: Database) -> None:
    mapping = replace(products(), search_path=("public",))
    owner = audited.owner()
    deploy(owner, [mapping])
    shop = Shop(audited, mapping)
    shop.migrate()
    add(shop, "A", amount=5)
    owner.execute(LEVEL_AUDIT.encode())
    owner.execute("call tandem.rollback('products', 'remove')")
    assert hierarchy(shop) == []
    owner.execute("call tandem.migrate('products')")
    entries = shop.rows("select entry from audit where entry like '% level'")
    assert entries == [("DELETE level",), ("INSERT level",)]
    assert_same(shop)


def test_a_schema_where_everyone_may_create_is_no_path(audited: Database) -> None:
    with audited.superuser() as admin:
        admin.execute("grant create on schema public to public")
    owner = audited.owner()
    deploy(owner, [replace(products(), search_path=("public",))])
    assert blockers(owner) == ["everyone may create objects in a schema of the search path"]


def test_a_temporary_table_is_not_found_by_a_default_of_the_flat_table(db: Database) -> None:
    """A column default calls a function without a search_path: prepare refuses that, or the
    function finds no temporary table of a new program, whose trigger would run as the owner."""
    owner = db.owner()
    owner.execute(
        "create table secret (s text);"
        "create table codes (id int generated always as identity, note text);"
        "create function next_code() returns int language plpgsql as $$ declare v int; begin"
        " insert into codes (note) values ('n') returning id into v; return v; end $$;"
        "alter table tblproduct add code int default next_code()"
    )
    owner.execute("grant insert, select on codes to old_app")
    for key in (1, 2):
        owner.execute(ROW, (key,))
    owner.execute("select setval('tblproduct_productid_seq', 100)")
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"
    owner.execute("alter function next_code() set search_path = public, pg_temp")
    owner.execute("call tandem.prepare('products')")
    db.grant_new_app()
    migrate(owner)
    new = db.new_app()
    new.execute(
        "create temp table codes (id int, note text);"
        "create function pg_temp.evil() returns trigger language plpgsql as $$ begin"
        " grant select on public.secret to new_app; new.id := 7; return new; end $$;"
        "create trigger t before insert on codes for each row execute function pg_temp.evil();"
        "grant all on codes to public"
    )
    sqlstate(new, "insert into tblconfig (catalogid, name) select catalogid, 'n' from tblcatalog")
    assert sqlstate(new, "select * from secret") == "42501"


def test_a_check_whose_function_names_no_schema(db: Database) -> None:
    """A CHECK calls a function that finds another one by the search_path: prepare refuses that, or
    batches and old programs can write."""
    owner = db.owner()
    owner.execute(
        "create function clean(t text) returns text language sql immutable as $$ select trim(t) $$;"
        "create function valid_sku(t text) returns boolean language plpgsql immutable as"
        " $$ begin return clean(t) <> ''; end $$;"
        "alter table tblproduct add constraint sku_is_valid check (valid_sku(sku))"
    )
    owner.execute(ROW, (1,))
    owner.execute("select setval('tblproduct_productid_seq', 100)")
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"
    owner.execute("alter function valid_sku(text) set search_path = public, pg_temp")
    owner.execute("call tandem.prepare('products')")
    states = [
        sqlstate(owner, "call tandem.migrate('products')"),
        sqlstate(db.old_app(), "insert into tblproduct (productname, sku) values ('x', 'y')"),
    ]
    assert states == [None, None]


UNPINNED = (
    "create function lim() returns int language sql as 'select 5';"
    "create function ok(t text) returns boolean language plpgsql"
    " as $$ begin return length(t) < lim(); end $$;"
)


PLACES_OF_FUNCTIONS = {
    "trigger's WHEN": (
        "create function own() returns trigger language plpgsql set search_path = public, pg_temp"
        " as $$ begin return new; end $$; create trigger own before update on tblproduct"
        " for each row when (ok(new.sku)) execute function own()"
    ),
    "domain over a domain": (
        "create domain d0 as text check (ok(value)); create domain d1 as d0;"
        " alter table tblproduct add x d1 default 'a'"
    ),
    "behind BEGIN ATOMIC": (
        "create function ok2(t text) returns boolean begin atomic select ok(t); end;"
        " alter table tblproduct add check (ok2(sku))"
    ),
}


@pytest.mark.parametrize("where", PLACES_OF_FUNCTIONS)
def test_a_function_behind_a_function_has_a_path_or_is_a_blocker(db: Database, where: str) -> None:
    """In a write of the sync it would not find what it calls without a schema."""
    owner = db.owner()
    owner.execute(ROW, (1,))
    owner.execute("select setval('tblproduct_productid_seq', 100)")
    owner.execute((UNPINNED + PLACES_OF_FUNCTIONS[where]).encode())
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"


WITHOUT_PG_TEMP = ["public", "pg_temp, public", "''", '"public, pg_temp"']


@pytest.mark.parametrize("path", WITHOUT_PG_TEMP)
@pytest.mark.parametrize("place", ["trigger", "default"])
@pytest.mark.parametrize("policy", [(), ("public",)], ids=["no path", "public"])
def test_a_path_of_a_functions_own_ends_in_pg_temp(
    audited: Database, place: str, path: str, policy: tuple[str, ...]
) -> None:
    """Temporary tables come first where a path does not say so: whoever writes would make the
    owner, as whom the sync writes, fire triggers of theirs. The cure can be pasted."""
    owner = audited.owner()
    owner.execute("alter function note() set search_path = public, pg_temp")
    if place == "default":
        owner.execute(
            "create function next_code() returns int language sql as 'select 1';"
            "alter table tblproduct add code int default next_code()"
        )
    function = {"trigger": "note", "default": "next_code"}[place]
    owner.execute(f"alter function {function}() set search_path = {path}".encode())
    deploy(owner, [replace(products(), search_path=policy)])
    found = owner.execute(
        "select finding, sample, substring(cure, 'alter function.*')"
        " from tandem.analyze('products') where severity = 'blocker'"
    ).fetchall()
    said = path if path[0] != "'" else '""'
    assert [row[:2] for row in found] == [
        (
            "the search_path of a function of your own does not end in pg_temp",
            f"public.{function}(): {said}",
        )
    ]
    assert sqlstate(owner, "call tandem.prepare('products')") == "TD004"
    owner.execute(str(found[0][2]).encode())
    owner.execute("call tandem.prepare('products')")


def test_a_schema_of_a_functions_own_path_where_everyone_may_create(audited: Database) -> None:
    with audited.superuser() as admin:
        admin.execute("create schema tools; grant create, usage on schema tools to public")
    owner = audited.owner()
    owner.execute("alter function note() set search_path = tools, public, pg_temp")
    deploy(owner, [products()])
    assert blockers(owner) == ["everyone may create objects in a schema of the search path"]


def test_a_function_of_a_forced_policy_has_a_path_or_is_a_blocker(db: Database) -> None:
    """It runs on what the sync writes; where row security is not forced it does not."""
    owner = db.owner()
    owner.execute(
        UNPINNED + "create policy everything on tblproduct using (true) with check (true);"
        "create policy valid on tblproduct as restrictive using (ok(sku) is not false);"
        "alter table tblproduct enable row level security"
    )
    assert blockers(owner) == []
    owner.execute("alter table tblproduct force row level security")
    assert blockers(owner) == [
        "a function of a default, CHECK, index, WHEN clause or new_key"
        " has no search_path of its own"
    ]
