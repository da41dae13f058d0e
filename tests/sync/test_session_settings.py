"""The sync works the same whatever a program has set in its session, or done before it writes."""

from __future__ import annotations

import pytest

from support.databases import Database
from support.shop import one
from sync.shops import sqlstate
from sync.test_attacks import synced


@pytest.mark.parametrize(
    "statement",
    [
        "delete from tblproduct where productid = 1",
        "update tblproduct set productname = 'Other' where productid = 1",
    ],
)
def test_an_old_program_without_standard_conforming_strings(db: Database, statement: str) -> None:
    """Bodies are read with the session's setting, which may take a backslash away."""
    synced(db, 2)
    old = db.old_app()
    old.execute("set standard_conforming_strings = off; set escape_string_warning = off")
    assert sqlstate(old, statement) is None


def test_a_program_that_asked_for_an_age_before_it_wrote(db: Database) -> None:
    """age(xid) is measured from a number that is fixed at its first call in a transaction."""
    owner = synced(db)
    old = db.old_app()
    old.execute("begin")
    old.execute("select age(xmin) from tblproduct")
    for _ in range(5):
        owner.execute("create temp table x (i int); drop table x")
    old.execute("update tblproduct set amount = 20 where productid = 1")
    assert sqlstate(old, "update tblproduct set amount = 30 where productid = 1") is None


@pytest.mark.parametrize(
    "setting", ["quote_all_identifiers = on", "standard_conforming_strings = off"]
)
def test_the_last_error_is_noted_whatever_the_session_set(db: Database, setting: str) -> None:
    """The direction is found in PG_CONTEXT, which quotes names as the session wants them."""
    owner = synced(db)
    new = db.new_app()
    new.execute(f"set {setting}".encode())
    new.execute("begin isolation level repeatable read")
    assert sqlstate(new, "update tblbaseproduct set name = 'x'") == "TD043"
    assert one(owner, "select hierarchy_to_flat_last_error is not null from tandem.status")
