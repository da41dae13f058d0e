"""What docs/operations.md says to run, run; and the metrics and restores that it names."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from imports.jobs import items
from pgtandem.deploy import deploy
from support.databases import Connection, Database
from support.shop import assert_in_step, migrate, one, prepared
from test_guide import statements

TEXT = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.fixture
def owner(db: Database) -> Connection:
    conn = db.owner()
    prepared(conn, 60)
    migrate(conn)
    deploy(conn, [items()])
    conn.execute("call tandem.prepare('items')")
    return conn


def test_the_statements_run(owner: Connection) -> None:
    inline = re.findall(r"`((?:select|call|delete) [^`]+;)`", TEXT)
    assert len(inline) >= 6
    for statement in [*statements(TEXT), *inline]:
        owner.execute(statement.encode())
    assert_in_step(owner)


def test_the_metrics_are_there(owner: Connection) -> None:
    named = set(re.findall(r"`(tandem_[a-z_]+)` \|", TEXT))
    assert len(named) == 9
    there = {name for (name,) in owner.execute("select metric from tandem.metrics")}
    assert named <= there


@pytest.mark.parametrize(
    ("side", "tables"),
    [
        ("flat", ["tblproduct"]),
        ("hierarchy", ["tblbaseproduct", "tblproductversion", "tblcatalog", "tblconfig"]),
    ],
)
def test_one_side_restored_without_triggers_is_repaired(
    db: Database, owner: Connection, tmp_path: Path, side: str, tables: list[str]
) -> None:
    """An older state of one side, loaded as --disable-triggers does, decides by repair."""
    tables = [*tables, "tblconfigprice"] if side == "hierarchy" else tables
    dump = tmp_path / "side.sql"
    with dump.open("wb") as out:
        subprocess.run(
            [
                *(str(db.server.programs.pg_dump), "--data-only", "--disable-triggers"),
                *(f"--table={table}" for table in tables),
                db.superuser_dsn,
            ],
            stdout=out,
            check=True,
        )
    owner.execute("update tblproduct set status = 'later' where productid <= 10")
    owner.execute("delete from tblproduct where productid between 11 and 15")
    owner.execute("insert into tblproduct (productname) values ('later')")
    root = db.superuser()
    root.execute("set session_replication_role = replica")
    for table in reversed(tables):
        root.execute(f"delete from {table}".encode())
    restored = subprocess.run(
        [
            *(str(db.server.programs.psql), "-q", "-v", "ON_ERROR_STOP=1"),
            *("-f", str(dump), db.superuser_dsn),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert restored.returncode == 0, restored.stderr
    assert one(owner, "select tandem.drift_count('products')") > 0
    owner.execute(
        "call tandem.repair('products', %s, p_extra => 'delete', p_dry_run => false)", (side,)
    )
    assert_in_step(owner)
    assert one(owner, "select count(*) from tblproduct") == 60
    assert one(owner, "select count(*) from tblproduct where status = 'on'") == 60
