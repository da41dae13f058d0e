"""The guide's statements, all of them, in the guide's order."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from support.cli import pgtandem
from support.databases import Connection, Database
from support.shop import one

DOCS = Path(__file__).parents[1]
BLOCK = re.compile(r"^( *)```sql\n(.*?)^ *```$", re.M | re.S)
SHAPE = (
    *("--level", "brand=brand", "--level", "model=model"),
    *("--leaf", "item=sku,colour,state", "--satellite", "price=price,currency"),
)


def statements(text: str) -> list[str]:
    """What stands in blocks of SQL, one statement each."""
    return [
        statement.strip()
        for _, block in BLOCK.findall(text)
        for statement in re.findall(r".+?;(?=\s|$)", block, re.S)
    ]


def article(owner: Connection, folder: Path, dsn: str) -> None:
    """The README's table, made by its own statements, with the mapping deployed."""
    readme = (DOCS / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("create table article") :]
    owner.execute(table[: table.index("```")].encode())
    for arguments in (("init", "article", *SHAPE), ("deploy",)):
        done = pgtandem(*arguments, dsn=dsn, folder=folder)
        assert done.code == 0, done.err


@pytest.fixture
def owner(bare_db: Database, tmp_path: Path) -> Connection:
    conn = bare_db.owner()
    article(conn, tmp_path, bare_db.owner_dsn)
    return conn


def test_every_statement_of_the_guide_runs_in_its_order(owner: Connection) -> None:
    done = statements((DOCS / "docs" / "guide.md").read_text(encoding="utf-8"))
    assert len(done) == 28
    for statement in done:
        try:
            answer = owner.execute(statement.encode())
        except psycopg.Error as error:
            raise AssertionError(statement) from error
        rows = answer.fetchall() if answer.description else []
        if "where not passed" in statement:
            assert rows == [], statement
        if "drift_count" in statement:
            assert rows == [(0,)], statement
        if "row_key, message, hint" in statement:
            assert rows == [
                (
                    "20001",
                    "brand is missing",
                    "Correct the row in article; it is synced by that write.",
                )
            ]
    assert one(owner, "select count(*) from article_item") == 20000
    assert one(owner, "select count(*) from pg_namespace where nspname like 'tandem%'") == 0
    columns = one(
        owner,
        "select string_agg(attname, ', ' order by attnum) from pg_attribute"
        " where attrelid = 'article'::regclass and attnum > 0 and not attisdropped",
    )
    assert columns == "id, brand, model, sku, colour, state, price, currency"
    # they live on without pgtandem
    owner.execute("insert into article_brand (brand) values ('Dorado')")
