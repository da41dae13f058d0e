"""Columns that are called like what the rendered code uses itself."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pgtandem import mapping as mappings
from pgtandem.deploy import deploy
from pgtandem.mapping import parse_mapping
from pgtandem.mapping_section import MappingError
from pgtandem.render import render
from support.databases import Database
from support.shop import migrate
from sync.shops import products
from sync.test_attacks import ROW, drift

ROUTINE = re.compile(r"create or replace function.*?\nend\n\$", re.S)
VARIABLE = re.compile(r"(?:^    |[(] ?|, |\n    )([pvr]_[a-z_]+) [a-z]")


def in_part(part: str, old: str, new: str) -> str:
    """The default mapping with other text in one of its parts."""
    source = products().source
    start = source.index(f'name = "{part}"\ntable')
    assert old in source[start:]
    return source[:start] + source[start:].replace(old, new, 1)


def both_ways(database: Database, source: str) -> None:
    """Deployed, migrated, and written from both sides; in step at the end."""
    mapping = parse_mapping(source)
    owner = database.owner()
    owner.execute(ROW, (1,))
    owner.execute(ROW, (2,))
    owner.execute("select setval('tblproduct_productid_seq', 100)")
    deploy(owner, [replace(mapping, source=source)])
    owner.execute("call tandem.prepare('products')")
    database.grant_new_app()
    migrate(owner)
    old, new = database.old_app(), database.new_app()
    old.execute("insert into tblproduct (productid, productname, amount) values (3, 'Z', 7)")
    old.execute(
        "update tblproduct set productname = 'Q', sku = 'u', amount = 8 where productid = 1"
    )
    old.execute("delete from tblproduct where productid = 2")
    old.execute(ROW, (2,))
    new.execute("update tblconfig set status = 's'")
    new.execute("insert into tblconfig (catalogid) select catalogid from tblcatalog limit 1")
    assert drift(owner) == []
    assert owner.execute("select productid, amount from tblproduct order by 1").fetchall() == [
        (1, 8),
        (2, 10),
        (3, 7),
        (101, None),
    ]


@pytest.mark.parametrize("name", ["v_now", "p_from", "rows_done", "found"])
def test_a_key_column_that_is_called_like_a_variable(bare_db: Database, name: str) -> None:
    """It is a column wherever it is one."""
    source = in_part("base", 'key = ["name"]', f'key = ["{name}"]')
    source = source.replace('productname = "name"', f'productname = "{name}"')
    both_ways(bare_db, source.replace("types = { name", f"types = {{ {name}", 1))


def test_a_leafs_id_is_called_like_no_variable_beside_on_conflict() -> None:
    """There a column cannot be qualified: such an id is refused, whatever variables there are."""
    text = "\n".join(file.sql for file in render(products()))
    routines = [found for found in ROUTINE.findall(text) if "on conflict (configid)" in found]
    assert len(routines) == 2
    used = {name for routine in routines for name in VARIABLE.findall(routine)}
    assert {"v_leaf", "p_key", "v_call", "r_kept"} <= used
    assert used <= mappings._VARIABLES
    for name in mappings._VARIABLES:
        with pytest.raises(MappingError, match="name of a variable"):
            parse_mapping(in_part("config", 'id = "configid"', f'id = "{name}"\nsync = "configid"'))
