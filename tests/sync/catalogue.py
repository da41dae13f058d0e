"""Short cuts for tests on the product catalogue: rows in, both sides out."""

from __future__ import annotations

from typing import Any

from sync.shops import Row, Shop

BOTH_SIDES = """
select b.name, v.version, c.name, f.name, f.status, (
  select p.amount from tblconfigprice as p
  where p.configid = f.configid and p.effectivefrom <= clock_timestamp()
  order by p.effectivefrom desc limit 1
)
from tblconfig as f
join tblcatalog as c on c.catalogid = f.catalogid
join tblproductversion as v on v.versionid = c.versionid
join tblbaseproduct as b on b.baseproductid = v.baseproductid
order by 1, 2, 3, 4, 5, 6
"""

FLAT_SIDE = """
select productname, coalesce(nullif(trim(version), ''), '1'),
  coalesce(nullif(trim(catalogname), ''), 'default'), configname, status, amount
from tblproduct where syncstatus = 'active' order by 1, 2, 3, 4, 5, 6
"""


def add(shop: Shop, name: str, **columns: Any) -> int:
    """A flat row, written by the old program; its key."""
    columns = {"productname": name, **columns}
    row = shop.old.execute(
        f"insert into tblproduct ({', '.join(columns)}) "
        f"values ({', '.join(['%s'] * len(columns))}) returning productid",
        list(columns.values()),
    ).fetchone()
    assert row is not None
    return int(row[0])


def hierarchy(shop: Shop) -> list[Row]:
    """(product, version, catalog, config, status, amount in force) of each configuration."""
    return shop.rows(BOTH_SIDES)


def names(shop: Shop) -> list[str]:
    """The base products' names."""
    return [row[0] for row in shop.rows("select name from tblbaseproduct order by name")]


def counts(shop: Shop) -> tuple[int, ...]:
    """Rows of base product, version, catalog, config, price."""
    tables = "tblbaseproduct tblproductversion tblcatalog tblconfig tblconfigprice".split()
    return tuple(shop.value(f"select count(*) from {table}") for table in tables)


def assert_same(shop: Shop) -> None:
    """Both sides say the same, told by a query of the test's own and by the database."""
    levels, flat = hierarchy(shop), shop.rows(FLAT_SIDE)
    assert levels == flat, f"{levels}\n{flat}"
    shop.assert_in_step()
