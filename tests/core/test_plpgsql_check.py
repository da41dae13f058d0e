"""plpgsql_check on every PL/pgSQL body, each trigger function with each of its tables.

It needs the extension: `make test-gates` runs this on Debian's PostgreSQL, which can have it.
Findings are an approved file, because the checker cannot follow a record that dynamic SQL fills.
"""

from __future__ import annotations

import os
from collections import Counter

import psycopg
import pytest

from pgtandem.any_mapping import load_any_mapping
from pgtandem.deploy import deploy
from pgtandem.paths import db_dir
from support.approved import Approved
from support.databases import Connection, Database
from support.shop import prepared

QUERY = """
select
    p.oid::regprocedure::text || coalesce(' on ' || t.tgrelid::regclass, ''),
    c.level, c.statement, c.message, c.detail
from pg_catalog.pg_proc as p
join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
left join (
    select distinct tgfoid, tgrelid from pg_catalog.pg_trigger where not tgisinternal
) as t on t.tgfoid = p.oid
cross join lateral plpgsql_check_function_tb(
    p.oid, coalesce(t.tgrelid, 0), fatal_errors := false, extra_warnings := true,
    performance_warnings := false, security_warnings := false
) as c
where p.pronamespace::regnamespace::text = any (%s)
    and (p.prorettype <> 'trigger'::regtype or t.tgrelid is not null)
"""
BLIND = "dynamic SQL"


@pytest.fixture
def checker(db: Database) -> Connection:
    """A superuser's session beside a shop that is prepared, for both areas."""
    owner = db.owner()
    prepared(owner, 5)
    deploy(owner, [load_any_mapping(db_dir() / "mappings" / "items.toml")])
    owner.execute("call tandem.prepare('items')")
    admin = db.superuser()
    try:
        admin.execute("create extension plpgsql_check")
    except psycopg.errors.FeatureNotSupported:
        if "PGTANDEM_GATES" in os.environ:
            raise  # a gate that skips is open
        pytest.skip("the server does not have plpgsql_check")
    return admin


def findings(conn: Connection, *schemas: str) -> list[str]:
    """One line for each kind of finding; without line numbers, which change too easily."""
    found = Counter(
        f"{name}: {level}: {message}" + (f" ({statement})" if statement else "")
        for name, level, statement, message, detail in conn.execute(QUERY, (list(schemas),))
        if BLIND not in f"{message} {detail}"
    )
    return sorted(f"{line} x{count}" for line, count in found.items())


def test_every_body_is_clean_or_approved(checker: Connection, approved: Approved) -> None:
    approved.check(
        "plpgsql_check.txt",
        "\n".join(findings(checker, "tandem", "tandem_products", "tandem_items")) + "\n",
    )


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("begin perform nosuch from pg_catalog.pg_class; end", 'column "nosuch" does not exist'),
        ("declare v int; begin null; end", 'unused variable "v"'),
        ("begin if true then return; end if; end", None),
    ],
)
def test_a_bad_body_is_found(checker: Connection, body: str, found: str | None) -> None:
    checker.execute("create schema bad")
    checker.execute(f"create function bad.f() returns void language plpgsql as $$ {body} $$")
    lines = findings(checker, "bad")
    assert [found] == [found for line in lines if found and found in line] if found else not lines


def test_a_trigger_function_is_checked_with_its_table(checker: Connection) -> None:
    checker.execute(
        "create schema bad; create table bad.t (a int);"
        "create function bad.f() returns trigger language plpgsql as"
        " $$ begin new.b := 1; return new; end $$;"
        "create trigger t before insert on bad.t for each row execute function bad.f()"
    )
    assert any('has no field "b"' in line for line in findings(checker, "bad"))
