"""Every SQLSTATE that is raised: documented, mapped to a Python exception, provoked by a test."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

import pgtandem
from pgtandem import errors
from pgtandem.deploy import deploy
from pgtandem.mapping import parse_mapping
from pgtandem.paths import db_dir
from support.databases import Database
from support.shop import Connection, fill, migrate, prepared

TESTS = Path(__file__).parent.parent
DOCUMENT = TESTS.parent / "docs" / "errors.md"
INTERNAL = {"TD099"}
"""Raised and caught by ourselves; nobody sees it."""

STANDARD = {
    "feature_not_supported": "0A000",
    "insufficient_privilege": "42501",
    "invalid_parameter_value": "22023",
    "invalid_transaction_termination": "2D000",
    "no_data_found": "P0002",
    "null_value_not_allowed": "22004",
    "serialization_failure": "40001",
    "undefined_object": "42704",
}
HARD_TO_PROVOKE = {
    "40001": "the parents of one leaf must change a hundred times while it waits for their locks",
}


def sources() -> list[tuple[str, str]]:
    """All SQL that raises, and the Python that holds SQL."""
    files = [p for p in db_dir().rglob("*") if p.suffix in (".sql", ".jinja")]
    files += Path(pgtandem.__file__).parent.glob("*.py")
    return [(path.name, path.read_text(encoding="utf-8")) for path in files]


def raised() -> set[str]:
    """The codes behind every errcode in the sources."""
    found = set()
    for name, text in sources():
        # an error may be kept with what it ended, instead of being raised
        kept = re.findall(r"'sqlstate', '(TD\w{3})'", text)
        for code in re.findall(r"errcode\s*=\s*'(\w+)'", text, re.IGNORECASE) + kept:
            found.add(STANDARD.get(code, code))
            assert re.fullmatch(r"\w{5}", STANDARD.get(code, code)), f"{name}: {code}"
    return found


def documented() -> dict[str, list[str]]:
    """The cells of each line of docs/errors.md, by code."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0][:5]: row for row in rows if re.match(r"[0-9A-Z]{5}\b", row[0])}


def test_every_code_is_documented() -> None:
    assert raised() - set(documented()) == set()


def test_every_documented_code_of_ours_is_raised() -> None:
    ours = {code for code in documented() if code.startswith("TD")}
    assert ours - raised() == set()


def test_the_document_says_when_and_what_to_do() -> None:
    assert [code for code, row in documented().items() if not all(row)] == []


def test_no_code_of_ours_names_a_category() -> None:
    # PL/pgSQL takes a condition that ends in 000 for the whole class: WHEN SQLSTATE 'TD000' would
    # catch every error of ours.
    everything = {c for _, text in sources() for c in re.findall(r"'(TD\w{3})'", text)}
    assert [code for code in everything if code.endswith("000")] == []


def test_every_raise_has_detail_and_hint() -> None:
    bare = []
    for name, text in sources():
        for statement in re.findall(r"raise exception\b.*?;\n", text, re.DOTALL | re.IGNORECASE):
            code = re.search(r"errcode\s*=\s*'(\w+)'", statement)
            if (
                code
                and code[1] not in INTERNAL
                and not ("detail =" in statement and "hint =" in statement)
            ):
                bare.append((name, code[1]))
    assert bare == []


def test_every_code_has_a_python_exception() -> None:
    for code in raised():
        kind = errors.BY_SQLSTATE.get(code) or errors.BY_SQLSTATE.get(code[:2])
        ours = kind is not None and issubclass(kind, errors.TandemError)
        assert ours == code.startswith("TD"), code


def test_a_python_exception_carries_code_detail_and_hint(db: Database) -> None:
    with pytest.raises(psycopg.Error) as caught:
        db.owner().execute("call tandem.migrate('products')")
    error = errors.from_database(caught.value)
    assert isinstance(error, errors.TandemError)
    assert (error.sqlstate, error.exit_code) == ("TD002", errors.EXIT_REFUSED)
    assert error.detail == "migrate runs in phase prepared or syncing or migrated."
    text = errors.describe(caught.value)
    assert text.splitlines()[0].endswith("[TD002]")
    assert "DETAIL: " in text and "HINT: " in text


def test_every_code_is_provoked_by_a_test() -> None:
    tests = "".join(p.read_text(encoding="utf-8") for p in TESTS.rglob("test_*.py"))
    names = {code: psycopg.errors.lookup(code).__name__ for code in STANDARD.values()}
    missing = {
        code
        for code in raised() - INTERNAL - set(HARD_TO_PROVOKE)
        if f'"{code}"' not in tests and names.get(code, "\0") not in tests
    }
    assert missing == set()


# --- those that no other test provokes ------------------------------------------------------------


def state(conn: Connection, statement: str, *values: object) -> str | None:
    """The SQLSTATE of a statement that fails with DETAIL and HINT."""
    try:
        conn.execute(statement.encode(), values or None)
    except psycopg.Error as error:
        assert error.diag.message_detail and error.diag.message_hint, str(error)
        return error.sqlstate
    return None


@pytest.fixture
def shop(db: Database) -> Connection:
    """The owner's session of a migrated shop of 30 rows."""
    conn = db.owner()
    prepared(conn, 30)
    migrate(conn)
    return conn


def test_td012_a_verb_whose_step_function_is_gone(db: Database) -> None:
    conn = db.owner()
    conn.execute("drop function tandem.prepare_step(text, bigint, integer, jsonb)")
    assert state(conn, "call tandem.prepare('products')") == "TD012"


def test_td030_under_the_policy_raise(bare_db: Database) -> None:
    source = (db_dir() / "mappings" / "products.toml").read_text(encoding="utf-8")
    conn, old = bare_db.owner(), bare_db.old_app()
    deploy(conn, [parse_mapping(source.replace('reject = "keep"', 'reject = "raise"'))])
    prepared(conn, 5)
    migrate(conn)
    assert state(old, "insert into tblproduct (productname) values (' ')") == "TD030"
    assert state(old, "update tblproduct set productname = '' where productid = 1") == "TD030"


def test_td031_a_parent_that_is_suppressed(shop: Connection) -> None:
    shop.execute(
        "create function nothing() returns trigger language plpgsql as $$ begin return null; end $$"
    )
    shop.execute(
        "create trigger mine before insert on tblcatalog for each row execute function nothing()"
    )
    code = state(shop, "insert into tblproduct (productname, catalogname) values ('N', 'N')")
    assert code == "TD031"


def test_td032_an_update_that_is_suppressed(db: Database) -> None:
    conn = db.owner()
    prepared(conn, 10)
    conn.execute(
        "create function nothing() returns trigger language plpgsql as"
        " $$ begin return case when old.productid = 7 then null else new end; end $$"
    )
    conn.execute(
        "create trigger mine before update on tblproduct for each row execute function nothing()"
    )
    assert state(conn, "call tandem.migrate('products', p_on_reject => 'stop')") == "TD032"


def test_td041_a_leaf_without_a_chain(shop: Connection) -> None:
    constraint = shop.execute(
        "select conrelid::regclass::text, conname from pg_constraint where contype = 'f'"
        " and conrelid = 'tblconfig'::regclass"
    ).fetchall()
    for table, name in constraint:
        shop.execute(f'alter table {table} drop constraint "{name}"'.encode())
    code = state(shop, "insert into tblconfig (catalogid, name) values (gen_random_uuid(), 'n')")
    assert code == "TD041"


def test_td044_a_sync_write_that_is_suppressed(shop: Connection) -> None:
    shop.execute(
        "create function nothing() returns trigger language plpgsql as $$ begin return null; end $$"
    )
    shop.execute(
        "create trigger mine before insert on tblconfig for each row execute function nothing()"
    )
    assert state(shop, "insert into tblproduct (productname) values ('N')") == "TD044"


def test_td050_an_id_that_is_not_there(shop: Connection) -> None:
    for call in (
        "add_configuration(gen_random_uuid(), p_name => 'n')",
        "update_config(gen_random_uuid(), p_name => 'n')",
        "update_config_status(gen_random_uuid(), 'off')",
        "add_price_of_config(gen_random_uuid(), 5, 'USD')",
    ):
        assert state(shop, f"select tandem_products.{call}") == "TD050", call


def test_td051_several_rows_that_could_be_meant(shop: Connection) -> None:
    fill(shop, 1, 900)
    shop.execute(
        "update tblconfig set sku = 'same', catalogid = (select min(catalogid::text)::uuid"
        " from tblcatalog) where name in ('c1', 'c2')"
    )
    code = state(
        shop,
        "select tandem_products.add_configuration(min(catalogid::text)::uuid, p_sku => 'same')"
        " from tblcatalog",
    )
    assert code == "TD051"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("select tandem.set_sync('products', 'sideways', true)", "22023"),
        ("select tandem.set_sync('products', 'log', null)", "22004"),
        ("select tandem.set_sync('nothing', 'log', true)", "TD001"),
        ("call tandem.repair('products', 'both')", "22023"),
        ("call tandem.repair('products', null)", "22023"),
        ("call tandem.repair('products', 'flat', 'burn')", "22023"),
        ("call tandem.repair('nothing', 'flat')", "TD001"),
        ("call tandem.rollback('products', 'burn')", "22023"),
        ("call tandem.rollback('nothing')", "TD001"),
        ("call tandem.retry_rejected('nothing')", "TD001"),
        ("call tandem.apply_due('nothing')", "TD001"),
        ("call tandem.purge(null)", "22023"),
        ("call tandem.purge('-1 day')", "22023"),
        ("select * from tandem.show('products', '999999')", "P0002"),
        ("select * from tandem.show('products', 'no key at all')", "P0002"),
        ("select * from tandem.plan('nothing')", "TD001"),
        ("select * from tandem.plan('products', -1)", "22023"),
        ("select * from tandem.drift('products', -1)", "22023"),
        ("select tandem_products.add_catalog(null, '1', 'c')", "22004"),
        ("select tandem_products.add_catalog(' ', '1', 'c')", "22004"),
    ],
)
def test_wrong_arguments(shop: Connection, statement: str, code: str) -> None:
    assert state(shop, statement) == code


@pytest.mark.parametrize(
    "call",
    [
        "repair('products', 'flat')",
        "rollback('products')",
        "retry_rejected('products')",
        "apply_due('products')",
        "purge('1 day')",
    ],
)
def test_every_committing_verb_is_called_alone(shop: Connection, call: str) -> None:
    shop.execute("begin")
    with pytest.raises(psycopg.Error) as caught:
        shop.execute(f"call tandem.{call}".encode())
    assert caught.value.sqlstate == "2D000", str(caught.value)
    assert "_step" in (caught.value.diag.message_hint or "")
    shop.execute("rollback")


@pytest.mark.parametrize(
    "statement",
    [
        "call tandem.repair('products', 'flat')",
        "call tandem.rollback('products')",
        "call tandem.retry_rejected('products')",
        "call tandem.apply_due('products')",
    ],
)
def test_verbs_before_prepare_name_the_next_call(db: Database, statement: str) -> None:
    conn = db.owner()
    assert state(conn, statement) == "TD002"
