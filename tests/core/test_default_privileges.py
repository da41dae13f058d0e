"""ALTER DEFAULT PRIVILEGES of the owner, as most shops have for their application's role: on
pgtandem's own objects nobody but the four levels may anything."""

from __future__ import annotations

import psycopg
import pytest

from pgtandem.deploy import deploy
from support.databases import Connection, Database
from support.shop import migrate, one
from sync.shops import products, sqlstate
from sync.test_attacks import ROW, drift

DML = "select, insert, update, delete on tables"


def deployed(db: Database, *privileges: str) -> Connection:
    owner = db.owner()
    for privilege in privileges:
        owner.execute(f"alter default privileges grant {privilege} to old_app".encode())
    deploy(owner, [products()])
    for key in (1, 2):
        owner.execute(ROW, (key,))
    owner.execute("call tandem.prepare('products')")
    migrate(owner)
    return owner


def test_no_object_of_ours_belongs_to_a_role_without_a_level(bare_db: Database) -> None:
    """Default privileges are in force when the package is deployed: no table, sequence, routine
    or schema of pgtandem's is granted to anybody beside the owner and the levels."""
    owner = deployed(bare_db, DML, "usage, select on sequences", "execute on functions")
    granted = owner.execute(
        """
        select n.nspname || '.' || o.name from pg_namespace as n join (
            -- the views hierarchy and flat have the rights of who reads them
            select relnamespace, relname::text, relacl from pg_class
            where relkind <> 'v' or relname = 'inside'
            union all select pronamespace, proname, proacl from pg_proc
        ) as o (schema_oid, name, acl) on o.schema_oid = n.oid
        cross join lateral aclexplode(o.acl) as a
        where n.nspname in ('tandem', 'tandem_products') and a.grantee = 'old_app'::regrole
        """
    ).fetchall()
    assert granted == []


@pytest.mark.parametrize(
    "statement",
    [
        "select * from tandem_products.kept",
        "insert into tandem.granted_role (role_name, level) values ('old_app', 'admin')",
        "update tandem.mapping set phase = 'prepared'",
        "delete from tandem.run",
        "select tandem.set_sync('products', 'flat_to_hierarchy', false)",
        "call tandem.rollback('products')",
        "select tandem.grant_to('old_app', 'admin')",
    ],
)
def test_a_role_without_a_level_may_nothing(bare_db: Database, statement: str) -> None:
    """The same with USAGE on schemas among the default privileges: old_app, which was given no
    level, gets 42501."""
    deployed(bare_db, DML, "usage on schemas", "execute on functions")
    assert sqlstate(bare_db.old_app(), statement) == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "select * from tandem_products.kept",
        "insert into tandem.granted_role (role_name, level) values ('new_app', 'admin')",
        "select tandem.grant_to('new_app', 'admin')",
    ],
)
def test_a_reader_in_the_applications_group_stays_a_reader(
    bare_db: Database, statement: str
) -> None:
    """The plain case: default privileges (tables, functions) for the group old_app, nothing on
    schemas; new_app is in that group and gets the level reader. It has USAGE by its level and the
    rest by its group: it reads what is kept, and makes itself an admin."""
    owner = deployed(bare_db, DML, "execute on functions")
    root = bare_db.superuser()
    root.execute("grant old_app to new_app")
    try:
        owner.execute("select tandem.grant_to('new_app', 'reader')")
        assert sqlstate(bare_db.new_app(), statement) == "42501"
    finally:
        root.execute("revoke old_app from new_app")


def test_default_privileges_on_sequences_do_not_show_the_token(bare_db: Database) -> None:
    """Default privileges on sequences alone, as every application with identity columns has. The
    role needs no USAGE on the schema: currval() takes an oid. A trigger of a temporary table of
    its own forges the origin, and its writes are not synced."""
    owner = deployed(bare_db, "usage, select on sequences")
    old = bare_db.old_app()
    old.execute("update tblproduct set sku = 'own write'")
    oid = one(owner, "select to_regclass('tandem.origin')::oid::bigint")
    old.execute(
        f"""
        create temp table inbox (i integer);
        create function pg_temp.forge() returns trigger language plpgsql as $$
        begin
            begin
                perform set_config(
                    'tandem.origin', 'sync:1:' || currval({oid}::oid::regclass), true);
            exception when insufficient_privilege then null;
            end;
            update public.tblproduct set sku = 'forged' where productid = 1;
            return null;
        end $$;
        create trigger forge after insert on inbox for each row execute function pg_temp.forge();
        insert into inbox values (1);
        """.encode()
    )
    assert drift(owner) == []


def test_default_privileges_that_let_others_make_triggers_stop_prepare(bare_db: Database) -> None:
    """GRANT ALL on the owner's new tables: the hierarchy's tables have it once they are made, and
    a trigger on them runs as the owner."""
    owner = bare_db.owner()
    owner.execute("alter default privileges grant all on tables to old_app")
    deploy(owner, [products()])
    with pytest.raises(psycopg.Error) as caught:
        owner.execute("call tandem.prepare('products')")
    assert caught.value.sqlstate == "TD004"
    assert "old_app" in f"{caught.value}{caught.value.diag.message_detail}"
    assert one(owner, "select phase from tandem.mapping") == "deployed"


def test_grants_made_later_are_taken_away_by_the_next_deployment(bare_db: Database) -> None:
    owner = deployed(bare_db)
    owner.execute("grant select (flat_key) on tandem_products.kept to old_app with grant option")
    owner.execute("grant all on schema tandem, tandem_products to old_app")
    owner.execute("grant all on sequence tandem.origin to old_app")
    owner.execute("select tandem.grant_to('new_app', 'reader')")
    privilege = "select has_column_privilege('old_app', 'tandem_products.kept', 'flat_key', %s)"
    assert not one(owner, privilege, "select")
    assert not one(owner, "select has_schema_privilege('old_app', 'tandem', 'usage')")
    assert not one(owner, "select has_sequence_privilege('old_app', 'tandem.origin', 'usage')")


def test_direct_grant_of_a_view_lives_through_grant_to(bare_db: Database) -> None:
    """The owner gave a reporting role SELECT on the view hierarchy. A level for another role
    takes nothing from it."""
    owner = deployed(bare_db)
    owner.execute("grant select on all tables in schema public to old_app")
    owner.execute("grant usage on schema tandem_products to old_app")
    owner.execute("grant select on tandem_products.hierarchy to old_app")
    assert one(bare_db.old_app(), "select count(*) from tandem_products.hierarchy") == 2
    owner.execute("select tandem.grant_to('new_app', 'reader')")
    assert one(bare_db.old_app(), "select count(*) from tandem_products.hierarchy") == 2
