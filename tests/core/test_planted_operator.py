"""Operators that somebody with CREATE on a schema of the owner's search path has made: the command
line's own statements must not use them."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import pgtandem
from support.databases import Database
from support.shop import fill, one

SPY = """
create schema {place};
grant usage on schema {place} to public;
create function {place}.spy() returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if current_user = 'shop_owner' then
        grant all on public.tblproduct to old_app;
    end if;
end $$;
create function {place}.same(a oid, b regclass) returns boolean language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    perform {place}.spy();
    return a = b::oid;
end $$;
create operator {path}.= (leftarg = oid, rightarg = regclass, function = {place}.same);
create function {place}.ratio(a float8, b integer) returns float8 language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    perform {place}.spy();
    return a / b::float8;
end $$;
create operator {path}./ (leftarg = float8, rightarg = integer, function = {place}.ratio);
"""

GAINED = "select has_table_privilege('old_app', 'public.tblproduct', 'trigger')"


def plant(database: Database, way: str) -> None:
    """old_app, who may create in public, or schemas in the database, makes its operators."""
    owner = database.owner()
    owner.execute(f'grant create on database "{database.clone_name}" to old_app'.encode())
    old = database.old_app()
    if way == "public":
        database.superuser().execute("grant create on schema public to old_app")
        old.execute(SPY.format(place="loot", path="public").encode())
    else:
        # "$user" comes first on the default path
        old.execute(SPY.format(place="shop_owner", path="shop_owner").encode())


@pytest.mark.parametrize("way", ["public", "$user"])
def test_init_uses_no_planted_operator(bare_db: Database, way: str, tmp_path: Path) -> None:
    """The owner proposes a mapping with `pgtandem init tblproduct`."""
    fill(bare_db.owner(), 20)
    plant(bare_db, way)
    done = pgtandem("init", "tblproduct", dsn=bare_db.owner_dsn, folder=tmp_path)
    assert done.code == 0, done.err
    assert not one(bare_db.owner(), GAINED)


@pytest.mark.parametrize("way", ["public", "$user"])
def test_migrate_uses_no_planted_operator(db: Database, way: str) -> None:
    """The owner runs `pgtandem migrate products`, whose summary divides float8 by integer."""
    owner = db.owner()
    fill(owner, 20)
    owner.execute("call tandem.prepare('products')")
    plant(db, way)
    done = pgtandem("migrate", "products", dsn=db.owner_dsn)
    assert done.code == 0, done.err
    assert not one(owner, GAINED)
