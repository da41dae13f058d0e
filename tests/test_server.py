"""The embedded server: starts, restarts, and never outlives its owner."""

from __future__ import annotations

from support.databases import Database


def test_roles_and_clone(bare_db: Database) -> None:
    """shop_owner is no superuser and cannot make roles; old_app sees tblproduct alone."""
    owner = bare_db.owner()
    row = owner.execute(
        "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user"
    ).fetchone()
    assert row == (False, False, False)
    bare_db.old_app().execute("insert into tblproduct (ProductName) values ('Widget')")
    assert owner.execute("select ProductId, ProductName from tblproduct").fetchall() == [
        (1, "Widget")
    ]
