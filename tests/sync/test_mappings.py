"""The tests' second mapping goes the whole way: names that need quotes, a text key, json, point."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from pgtandem.deploy import deploy
from pgtandem.mapping import Mapping, parse_mapping
from pgtandem.mapping_section import MappingError
from support.databases import TestServer
from sync.conftest import Templates
from sync.shops import Shop, flat_table, orders, products
from sync.test_attacks import ROW


def test_the_leaf_table_has_the_longest_name_possible() -> None:
    assert len(orders().leaf.table.encode()) == 63


@pytest.mark.parametrize("make", [products, orders])
def test_without_the_echo_shortcut_no_sync_trigger_looks_at_the_origin(
    server: TestServer, templates: Templates, make: Callable[[bool], Mapping]
) -> None:
    mapping = make(False)
    with server.clone(templates.of(mapping)) as database:
        rows = Shop(database, mapping).rows(
            "select tgname, pg_get_triggerdef(oid) || pg_get_functiondef(tgfoid)"
            " from pg_trigger where tgname like 'tandem%'"
        )
    assert len(rows) > 10
    # ... not at whether it is the outermost call, at the end
    ending = re.compile(r"if pg_catalog\.split_part\(v_origin.*?then", re.S)
    looking = {name for name, text in rows if "currval('tandem.origin'" in ending.sub("", text)}
    # these two do not propagate: they keep clients out of the sync columns
    assert looking == {"tandem_10_assign", "tandem_11_guard"}


def test_rows_go_both_ways_under_hostile_names(order_shop: Shop) -> None:
    shop = order_shop
    shop.old.execute(
        f"""insert into {shop.flat} ("select", "Kunde Name", "Artikel ""roh"" Nr", "Daten",
            "Rabatt", "Land", "Preis") values ('B-1', 'O''Neill "x"', 'A', '{{"a": 1}}', 1.5,
            'D', 9)"""
    )
    assert shop.rows(
        f"""select o."Kunde", o."group", p."Artikel", p."Daten"::text, p."Rabatt", p."table",
        p."geändert von", t."Betrag", t."Währung", t."Liste"
        from {shop.table("order")} o join {shop.table("position")} p on p."order" = o."Id"
        join {shop.table("tarif")} t on t."position" = p."Id" """
    ) == [('O\'Neill "x"', "it's none", "A", '{"a": 1}', 1.5, "D ", "old_app", 9, "EUR", "Nor'mal")]
    shop.new.execute(
        f"""insert into {shop.table("position")} ("order", "Artikel", "Lager Platz")
        select "Id", 'new', '(1,2)' from {shop.table("order")}"""
    )
    assert shop.rows(
        f"""select "Kunde Name", "group", "Artikel ""roh"" Nr", "Notiz" from {shop.flat}
        where "select" <> 'B-1'"""
    ) == [('O\'Neill "x"', "it's none", "new", "unmapped")]
    shop.assert_in_step()


PARTS = ["base", "config", "price"]


def called(part: str, name: str) -> str:
    """The default mapping with a part of another name."""
    source = products().source
    assert f'name = "{part}"\ntable' in source
    return source.replace(f'name = "{part}"\ntable', f'name = "{name}"\ntable')


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "name", ["d", "due", "excluded", "flat", "leaf", "new", "old", "p_key", "r_leaf", "s", "v_x"]
)
def test_a_name_that_the_rendered_code_uses_is_refused(part: str, name: str) -> None:
    """Names of parts become aliases and variables."""
    with pytest.raises(MappingError, match="begin with p_, r_ or v_, and be none of all, d, due"):
        parse_mapping(called(part, name))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["r", "p", "k", "level", "todo"])
def test_a_part_that_is_called_like_an_alias_of_ours(
    server: TestServer, part: str, name: str
) -> None:
    """What is not refused works both ways."""
    mapping = parse_mapping(called(part, name))
    with server.clone(None) as database:
        shop = Shop(database, mapping)
        shop.owner.execute(flat_table(mapping).encode())
        deploy(shop.owner, [mapping])
        shop.owner.execute(ROW, (1,))
        shop.migrate()
        shop.new.execute("update tblconfig set status = 's'")
        shop.new.execute(
            "insert into tblconfigprice (configid, amount) select configid, 5 from tblconfig"
        )
        shop.old.execute("update tblproduct set productname = 'y', amount = 7")
        shop.old.execute("insert into tblproduct (productid, productname) values (2, 'z')")
        shop.assert_in_step()
        shop.owner.execute("call tandem.rollback('products', 'remove')")
        shop.old.execute("update tblproduct set productname = 'w' where productid = 1")
        shop.migrate()
        shop.assert_in_step()
