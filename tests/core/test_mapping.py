"""A mapping that cannot work is refused with a message that says where and what."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgtandem.mapping import load_mapping, parse_mapping
from pgtandem.mapping_section import MappingError
from pgtandem.paths import db_dir

SOURCE = (db_dir() / "mappings" / "products.toml").read_text(encoding="utf-8")


def fault(old: str, new: str, count: int = 1) -> str:
    """The message for the default mapping with one text replaced by another."""
    assert old in SOURCE
    with pytest.raises(MappingError) as caught:
        parse_mapping(SOURCE.replace(old, new, count), "my.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        # unknown keys, everywhere
        ('schema = "public"', 'schema = "public"\nspeed = 3', ["my.toml", "speed"]),
        ('touch = "updatedat"', 'tuch = "updatedat"', ["my.toml.flat", "tuch", "touch"]),
        ('id = "catalogid"\n', 'id = "catalogid"\nsynk = "x"\n', ["level 3", "synk"]),
        ('match = ["sku", "name"]', 'mach = ["sku"]', ["my.toml.leaf", "mach"]),
        ('lead = "amount"', 'lead = "amount"\nlaed = "x"', ["satellite 1", "laed"]),
        ('reject = "keep"', 'reject = "keep"\nrejekt = "x"', ["policy", "rejekt"]),
        ('add_leaf = "add_configuration"', 'add_leef = "x"', ["operations", "add_leef"]),
        ('add_leaf = "add_configuration"', 'add_leaf = "guard"', ["'guard'", "of our own"]),
        ('add_leaf = "add_configuration"', 'add_leaf = "_move"', ["'_move'", "of our own"]),
        (
            'add_leaf = "add_configuration"',
            'add_leaf = "update_config"',
            ["upsert function", "twice"],
        ),
        ('{ policy = "reject" }', '{ policy = "reject", x = 1 }', ["missing.productname", "'x'"]),
        # a key that each session may write differently
        ('productid = "bigint"', 'productid = "date"', ["flat", "'productid'", "date"]),
        # what is missing
        ('name = "products"', "", ["my.toml", "name is missing"]),
        ('table = "tblcatalog"', "", ["level 3", "table is missing"]),
        ('key = "productid"', "", ["flat", "key is missing"]),
        ('effective = "effectivefrom"', "", ["satellite 1", "effective is missing"]),
        ('productid = "bigint"', "", ["flat", "productid"]),
        ('sku = "text"\nconfigdata', "configdata", ["leaf", "flat.types", "sku"]),
        (
            'types = { version = "text", releasedon = "date" }',
            'types = { releasedon = "date" }',
            ["level 2", "types has no entry for 'version'"],
        ),
        (
            'missing = { version = { policy = "default", value = "1" } }',
            "",
            ["level 2", "missing.version", "policy"],
        ),
        ('policy = "default", value = "1"', 'policy = "default"', ["missing.version", "value"]),
        (
            'policy = "default", value = "1"',
            'policy = "reject", value = "1"',
            ["missing.version", "no value"],
        ),
        ('key = ["version"]', "key = []", ["level 2", "key"]),
        ('key = ["version"]', 'key = ["releasedon"]', ["level 2", "releasedon"]),
        ('parent = "versionid"', "", ["parent"]),
        ('id = "baseproductid"', 'id = "baseproductid"\nparent = "x"', ["first level", "parent"]),
        # what is there twice
        ('name = "catalog"', 'name = "version"', ["name 'version'", "twice"]),
        ('table = "tblcatalog"', 'table = "tblconfig"', ["table 'tblconfig'", "twice"]),
        ('id = "catalogid"', 'id = "versionid"', ["sync column 'versionid'", "twice"]),
        (
            'columns = { catalogname = "name" }\nmissing = { catalogname',
            'columns = { version = "name" }\nmissing = { version',
            ["flat column 'version'", "twice"],
        ),
        ('id = "catalogid"', 'id = "catalogid"\nsync = "sku"', ["'sku'", "sync column"]),
        # wrong kinds and values
        ('key = ["version"]', 'key = "version"', ["level 2", "key", "list"]),
        ('touch = "updatedat"', "touch = 3", ["flat", "touch", "str"]),
        ('reject = "keep"', 'reject = "drop"', ["policy", "reject", "keep"]),
        (
            '"numeric(14,2)"\ncurrency = "char(3)"\n',
            '"numeric(14,2); drop table x"\n',
            ["flat", "types.amount", "type name"],
        ),
        ('match = ["sku", "name"]', 'match = ["notes"]', ["leaf", "match", "notes"]),
        ('lead = "amount"', 'lead = "note"', ["satellite 1", "lead", "note"]),
        ('name = "products"', 'name = "Products"', ["name", "lower-case"]),
        ('name = "products"', 'name = "my-products"', ["name", "lower-case"]),
        ('name = "products"', f'name = "{"p" * 41}"', ["name", "40"]),
        ('name = "base"', 'name = "flat"', ["level 1", "flat"]),
        ('name = "base"', 'name = "Base Product"', ["level 1", "plain"]),
        ('table = "tblproduct"', 'table = ""', ["flat", "table", "empty"]),
        ('table = "tblproduct"', f'table = "{"é" * 32}"', ["flat", "table", "63 bytes"]),
        ('table = "tblproduct"', 'table = "a$flat_update$b"', ["flat", "table", "dollar"]),
        ('table = "tblproduct"', 'table = "a\\u0000b"', ["flat", "table", "control character"]),
        ('key = "productid"', "key = [", ["my.toml", "TOML"]),
        ("[leaf]\n", "[[leaf]]\n", ["leaf"]),
        ("[flat]\n", "[[flat]]\n", ["flat"]),
    ],
)
def test_a_fault_is_said_with_its_place(old: str, new: str, parts: list[str]) -> None:
    message = fault(old, new)
    assert [part for part in parts if part not in message] == [], message
    assert "Traceback" not in message


def test_a_level_cannot_have_columns_outside_its_key() -> None:
    message = fault(
        'columns = { version = "version" }',
        'columns = { version = "version", currency = "releasedon" }',
    )
    assert "level 2" in message and "currency" in message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, part in (
        (tmp_path / "none.toml", "no such"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(MappingError, match=part) as caught:
            load_mapping(path)
        assert str(path) in str(caught.value)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"name = '\xff\xfe'")
    with pytest.raises(MappingError, match="cannot be read"):
        load_mapping(binary)


def test_the_default_mapping_is_read() -> None:
    mapping = load_mapping(db_dir() / "mappings" / "products.toml")
    assert mapping.tandem == "tandem_products"
    assert [level.table for level in mapping.chain] == [
        "tblbaseproduct",
        "tblproductversion",
        "tblcatalog",
        "tblconfig",
    ]
    assert [satellite.lead for satellite in mapping.satellites] == ["amount"]
