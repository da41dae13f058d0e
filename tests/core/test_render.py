"""Rendering: deterministic, reviewed as a diff, and no name or value becomes code."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import pgtandem
from pgtandem.any_mapping import AnyMapping, load_any_mapping
from pgtandem.bundle import build_bundle
from pgtandem.definition import definition_to_read
from pgtandem.deploy import deploy
from pgtandem.mapping import load_mapping, parse_mapping
from pgtandem.paths import db_dir
from pgtandem.render import render
from support.approved import Approved
from support.databases import Database
from support.shop import assert_in_step, migrate, one, prepared

PATH = db_dir() / "mappings" / "products.toml"
SOURCE = PATH.read_text(encoding="utf-8")
MOST_LINES = {"products": 2891, "items": 1686}
"""What a DBA has to read. Lower it when a rendering gets shorter; the aim is 1,500."""


def text(name: str = "products") -> str:
    """A default mapping, rendered, each file under its path."""
    return "\n".join(f"-- {file.path}\n{file.sql}" for file in render(packaged(name)))


def packaged(name: str) -> AnyMapping:
    """A mapping that the package has."""
    return load_any_mapping(db_dir() / "mappings" / f"{name}.toml")


@pytest.mark.parametrize("name", MOST_LINES)
def test_the_rendering_is_the_one_that_was_approved(approved: Approved, name: str) -> None:
    approved.check(f"{name}.sql", text(name))


@pytest.mark.parametrize("name", MOST_LINES)
def test_the_definition_is_the_one_that_was_approved(approved: Approved, name: str) -> None:
    approved.check(f"{name}.json", definition_to_read(packaged(name)))


@pytest.mark.parametrize("name", MOST_LINES)
def test_the_rendering_is_short_enough_to_be_read(name: str) -> None:
    assert len(text(name).splitlines()) <= MOST_LINES[name]


@pytest.mark.parametrize("name", MOST_LINES)
def test_rendering_twice_gives_the_same(name: str) -> None:
    assert text(name) == text(name)
    assert build_bundle([packaged(name)]) == build_bundle([packaged(name)])


def test_rendering_does_not_depend_on_the_process() -> None:
    program = (
        "from pgtandem.bundle import build_bundle; from pgtandem.mapping import load_mapping;"
        "from pgtandem.package import sha256; from pathlib import Path; import sys;"
        "print(sha256(build_bundle([load_mapping(Path(sys.argv[1]))]).sql))"
    )
    tooling = str(Path(pgtandem.__file__).parent.parent)
    found = {
        subprocess.run(
            [sys.executable, "-c", program, str(PATH)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": tooling, "TZ": zone},
        ).stdout
        for seed, zone in (("0", "UTC"), ("1", "Asia/Tokyo"), ("77", "UTC"))
    }
    assert len(found) == 1


@pytest.mark.parametrize("name", MOST_LINES)
def test_the_rendering_is_tidy(name: str) -> None:
    lines = text(name).splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert [line for line in lines if "{{" in line or "{%" in line or "\t" in line] == []
    assert not any(not a and not b for a, b in pairwise(lines))


def test_a_comment_in_the_mapping_changes_no_sql() -> None:
    commented = parse_mapping(SOURCE.replace("[flat]", "# said here\n[flat]"))
    assert [f.sql for f in render(commented)] == [f.sql for f in render(load_mapping(PATH))]


def test_hostile_names_stay_names(bare_db: Database) -> None:
    evil = "'\"; drop table canary; --"
    conn = bare_db.owner()
    conn.execute("create table canary (id int)")
    source = SOURCE.replace('table = "tblcatalog"', f'table = """{evil}"""')
    deploy(conn, [parse_mapping(source.replace('"catalogid"', f'"""x{evil}"""'))])
    prepared(conn, 20)
    migrate(conn)
    assert_in_step(conn)
    assert one(conn, "select count(*) from pg_class where relname = %s", evil) == 1
    assert one(conn, "select to_regclass('canary') is not null")


def test_hostile_defaults_are_quoted() -> None:
    source = SOURCE.replace('value = "default"', 'value = "it\'s \\\\ $$ done"')
    rendered = "\n".join(file.sql for file in render(parse_mapping(source)))
    assert "e'it''s \\\\ \\x24\\x24 done'" in rendered


def test_an_upsert_may_have_a_name_that_needs_quotes(bare_db: Database) -> None:
    source = SOURCE.replace('add_leaf = "add_configuration"', 'add_leaf = "Add it"')
    assert source != SOURCE
    conn = bare_db.owner()
    deploy(conn, [parse_mapping(source)])
    assert one(conn, "select to_regproc('tandem_products.\"Add it\"') is not null")
