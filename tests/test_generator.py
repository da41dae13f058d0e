"""The demo's rows are the same on every machine, and as dirty as they are meant to be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections import Counter
from itertools import islice

import pytest

from pgtandem.demo import generator
from support.databases import Database

FIRST_1000 = "b138a984b01a5211e70431ef8daee7ed2f512fd605d70275b2c8a6be36be9617"
COUNT = 20_000


@pytest.fixture(scope="module")
def rows() -> list[generator.ProductRow]:
    return list(generator.rows(COUNT))


def test_the_first_1000_rows_are_the_recorded_ones() -> None:
    assert generator.digest(generator.rows(1000)) == FIRST_1000


def test_rows_do_not_depend_on_hash_order() -> None:
    code = "from pgtandem.demo import generator as g; print(g.digest(g.rows(1000)))"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == FIRST_1000


def test_a_small_run_is_the_beginning_of_a_large_one(rows: list[generator.ProductRow]) -> None:
    assert list(islice(generator.rows(10**9), 500)) == rows[:500]


def test_another_seed_gives_other_rows() -> None:
    assert generator.digest(generator.rows(1000, seed=1)) != FIRST_1000


@pytest.mark.parametrize("count", [0, 1, 777, 778, 5777, 5778, COUNT])
def test_blank_names_are_as_many_as_said(count: int, rows: list[generator.ProductRow]) -> None:
    blank = [row for row in rows[:count] if not row.product_name.strip()]
    assert len(blank) == generator.blank_names(count)


def test_twenty_of_100_000_rows_have_a_blank_name() -> None:
    assert generator.blank_names(100_000) == 20


def test_the_rows_are_dirty(rows: list[generator.ProductRow]) -> None:
    names = Counter(row.product_name for row in rows)
    assert names.most_common(1)[0][1] > 100
    folded = {" ".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in names}
    assert len(names) - len(folded) > 100, "near-duplicates"
    text = "".join(names)
    for sign in ("\u00a0", "\u0301", "\u200b", "\u200d", "東", "Ø", '"', "'", "\\", "\t", "👩"):
        assert sign in text, f"no {sign!a} in a name"
    for column in ("version", "catalog_name", "config_name", "status"):
        values = {getattr(row, column) for row in rows}
        assert {None, "", "   "} <= values, column
    skus = Counter(row.sku for row in rows if row.sku)
    assert skus.most_common(1)[0][1] > 2
    assert {None, "0.00", "0.01", "999999999999.99"} <= {row.amount for row in rows}
    assert {"USD", "EUR", "GBP", "JPY", "SEK", None} == {row.currency for row in rows}
    assert all(row.currency or row.amount is None for row in rows)


def test_the_json_is_valid_and_of_every_size(rows: list[generator.ProductRow]) -> None:
    texts = {row.config_data for row in rows}
    assert {None, "null", "{}", '["colour", "size"]'} <= texts
    sizes = [len(text.encode()) for text in texts if text is not None and json.loads(text)]
    assert min(sizes) < 100
    assert 10_000 < max(sizes) < 60_000


def test_the_shop_takes_every_row(bare_db: Database, rows: list[generator.ProductRow]) -> None:
    owner = bare_db.owner()
    seen: list[int] = []
    assert generator.copy_rows(owner, COUNT, progress=seen.append) == COUNT
    assert seen == [5000, 10_000, 15_000, 20_000]
    found = owner.execute(
        "select productname, version, catalogname, configname, sku, configdata::text, status, "
        "amount::text, currency from tblproduct where productid <= 1000 order by productid"
    ).fetchall()
    expected = [
        (*row[:5], row.config_data and json.loads(row.config_data), *row[6:9])
        for row in rows[:1000]
    ]
    assert [(*row[:5], row[5] and json.loads(row[5]), *row[6:]) for row in found] == expected
