"""Roles whose names need quotes: as the owner who deploys, and as a role that serves a level."""

from __future__ import annotations

import secrets

import psycopg
import pytest
from psycopg import sql

from pgtandem.deploy import deploy, undeploy
from support.databases import Database
from support.shop import assert_in_step, fill, migrate, one
from sync.shops import products


@pytest.mark.parametrize("name", ["Shop Owner", 'o"ner', "it's", "Ünïque", "user", "a.b", "$user"])
def test_the_whole_way_for_a_role_of_any_name(bare_db: Database, name: str) -> None:
    """The owner of the tables, and a reader, have this name; all verbs work, and the way out."""
    root = bare_db.superuser()
    tag = f" {secrets.token_hex(4)}"
    roles = (f"{name}{tag}", f"{name}{tag} 2")
    quoted = [sql.Identifier(role) for role in roles]
    for given in roles:
        bare_db.server.create_login(root, given)
    conns = []
    try:
        fill(root, 20)
        for statement in (
            "alter table tblproduct owner to {0}",
            "grant create on schema public to {0}",
            "grant create on database {1} to {0}",
        ):
            root.execute(sql.SQL(statement).format(quoted[0], sql.Identifier(bare_db.clone_name)))
        conns = [psycopg.connect(bare_db.dsn(role), autocommit=True) for role in roles]
        owner, reader = conns
        deploy(owner, [products()])
        owner.execute("select tandem.grant_to(%s, 'operator')", (roles[1],))
        blockers = "select finding from tandem.analyze('products') where severity = 'blocker'"
        assert owner.execute(blockers.encode()).fetchall() == []
        owner.execute("call tandem.prepare('products')")
        migrate(reader)
        bare_db.old_app().execute("update tblproduct set sku = 'new' where productid = 1")
        assert one(reader, "select tandem.drift_count('products')") == 0
        assert_in_step(owner)
        problems = (
            "select check_name from tandem.doctor() where subject <> 'server' and state = 'problem'"
        )
        assert owner.execute(problems.encode()).fetchall() == []
        owner.execute("call tandem.rollback('products', p_drop_columns => true)")
        assert undeploy(owner, discard_kept=True) == ("products", "package")
    finally:
        for conn in conns:
            conn.close()
        root.execute("alter table tblproduct owner to shop_owner")
        for role in quoted:
            root.execute(sql.SQL("drop owned by {0} cascade; drop role {0}").format(role))
