"""The law of an import: whatever its rows, its options and its batches are, and whoever imports
beside it, it leaves what its rows, one after the other, would have made of the tables."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from imports.files import written
from imports.jobs import counts, run, state, submit
from imports.model import PRICE, Options, Shop, Thing, key
from support.databases import Connection, Database

COLORS = (
    "Black", " Black", "BLACK", "Black\u00a0", "Bl\u200back", "Red", "red", "Blau", "", "  ", None,
)  # fmt: skip
SIZES = ("S", "s ", "M", "L", "", None)
NAMES = ("Shirt", "Shirt", "Hat", "Hat", "shirt", "Cap", "", "  ", "NULL", None)
ROWS = st.fixed_dictionaries(
    {"name": st.sampled_from(NAMES)},
    optional={
        "color": st.sampled_from(COLORS),
        "size": st.sampled_from(SIZES),
        "description": st.sampled_from(("soft", "hard", "", None)),
        "sku": st.sampled_from(("S1", "00123", "=1", "", None)),
        "price": st.sampled_from(
            ("1", "1.50", "+2", "-1", "007", " 3 ", "", "12,50", "NaN", "1e3")
        ),
        "quantity": st.sampled_from(("1", "2", "+3", "", None, "1.5", "99999999999")),
    },
)
OPTIONS = st.builds(
    Options,
    duplicates=st.sampled_from(("first", "last", "error")),
    deleted=st.sampled_from(("revive", "create", "error")),
    empty=st.sampled_from(("keep", "clear")),
)
WHEN = st.sampled_from((0, 1, 2, 3))
EXISTING = st.fixed_dictionaries(
    {
        "colors": st.lists(st.tuples(st.sampled_from(("Black", "RED", "Blau")), WHEN), max_size=4),
        "sizes": st.lists(st.tuples(st.sampled_from(("S", "M")), WHEN), max_size=3),
        "items": st.lists(
            st.tuples(st.sampled_from(("Shirt", "Hat")), WHEN), min_size=2, max_size=5
        ),
        "variants": st.lists(
            st.tuples(st.integers(0, 3), st.integers(-1, 3), st.integers(-1, 2), WHEN), max_size=5
        ),
    }
)


def existing(drawn: dict[str, Any]) -> Shop:
    """A shop whose live rows have different keys."""
    shop = Shop()
    for table, column, things in (
        (shop.colors, "color", drawn["colors"]),
        (shop.sizes, "size", drawn["sizes"]),
        (shop.items, "name", drawn["items"]),
    ):
        for name, when in things:
            same = [t for t in table if key(t.values[column]) == key(name) and not t.deleted]
            values = {column: name, "description": f"old {len(table)}"}
            table.append(Thing(len(table) + 1, values, when or (9 if same else 0)))
    for item, color, size, when in drawn["variants"]:
        if item < len(shop.items) and color < len(shop.colors) and size < len(shop.sizes):
            ids = (item + 1, None if color < 0 else color + 1, None if size < 0 else size + 1)
            same = [t for t in shop.variants if t.values["ids"] == ids and not t.deleted]
            values = {"ids": ids, "sku": "old", "price": None, "quantity": len(shop.variants)}
            shop.variants.append(Thing(len(shop.variants) + 1, values, when or (9 if same else 0)))
    return shop


def lay(conn: Connection, shop: Shop) -> None:
    """Empty tables, then what the shop has."""
    conn.execute("truncate item_variant, item_master, color_master, size_master restart identity")
    when = "case when %s > 0 then timestamptz '2024-01-01' + %s * interval '1 day' end"
    for table, column, things in (
        ("color_master", "color_name", [(t.values["color"], t.deleted) for t in shop.colors]),
        ("size_master", "size_name", [(t.values["size"], t.deleted) for t in shop.sizes]),
        ("item_master", "name", [(t.values["name"], t.deleted) for t in shop.items]),
    ):
        for name, deleted in things:
            query = f"insert into {table} ({column}, deleted_at) values (%s, {when})"
            conn.execute(query.encode(), (name, deleted, deleted))
    for thing in shop.items:
        conn.execute(
            "update item_master set description = %s where item_id = %s",
            (thing.values["description"], thing.id),
        )
    for thing in shop.variants:
        query = (
            "insert into item_variant (item_id, color_id, size_id, sku, quantity, deleted_at)"
            f" values (%s, %s, %s, %s, %s, {when})"
        )
        values = (thing.values["sku"], thing.values["quantity"], thing.deleted, thing.deleted)
        conn.execute(query.encode(), (*thing.values["ids"], *values))


def seen(conn: Connection) -> list[tuple[Any, ...]]:
    """What is there, as the model says it."""
    rows = conn.execute("select 'color', color_name, deleted_at is not null from color_master")
    found = [(kind, key(name), gone) for kind, name, gone in rows.fetchall()]
    rows = conn.execute("select 'size', size_name, deleted_at is not null from size_master")
    found += [(kind, key(name), gone) for kind, name, gone in rows.fetchall()]
    items = "select 'item', name, description, deleted_at is not null from item_master"
    variants = """
        select 'variant', i.name, c.color_name, s.size_name, v.sku, v.price, v.quantity,
            v.deleted_at is not null
        from item_variant as v join item_master as i using (item_id)
        left join color_master as c using (color_id) left join size_master as s using (size_id)
    """
    return sorted(
        [
            *found,
            *conn.execute(items).fetchall(),
            *(
                (kind, name, key(color), key(size), *rest)
                for kind, name, color, size, *rest in conn.execute(variants.encode()).fetchall()
            ),
        ],
        key=repr,
    )


def header_of(rows: list[dict[str, str | None]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def paste(drawn: object, options: Options, rows: object) -> None:
    note(f"existing: {drawn!r}\nsubmit_import with {options} of: {rows!r}")


LAW = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.slow
@LAW
@given(st.lists(ROWS, min_size=1, max_size=14), OPTIONS, EXISTING, st.sampled_from((1, 2, 3, 100)))
def test_one_worker_does_what_its_rows_would(
    import_db: Database,
    rows: list[dict[str, str | None]],
    options: Options,
    drawn: dict[str, Any],
    batch: int,
) -> None:
    conn = import_db.owner()
    shop = existing(drawn)
    lay(conn, shop)
    paste(drawn, options, rows)
    assert seen(conn) == shop.seen()
    expected = shop.load(header_of(rows), rows, options)
    done = run(conn, rows, batch_rows=batch, **asdict(options))
    assert state(conn, done) == "done"
    assert seen(conn) == shop.seen()
    found = Counter(asdict(counts(conn, done)))
    assert sum(found.values()) == len(rows)
    if batch > 1:
        # a master that changed counts for one of the rows of a batch that name it
        for each in (found, expected):
            each["unchanged"] += each.pop("updated", 0)
    assert +found == +expected
    there = written(conn)
    again = run(conn, rows, batch_rows=batch, **asdict(options))
    repeated = Counter(asdict(counts(conn, again)))
    assert written(conn) == there
    assert (repeated["inserted"], repeated["updated"]) == (0, 0)
    assert (repeated["superseded"], repeated["failed"]) == (found["superseded"], found["failed"])
    conn.close()


def agreeing(row: dict[str, str | None]) -> dict[str, str | None]:
    """The row, its values such that all rows of a key say the same, whoever is first."""
    name, price = row.get("name"), row.get("price")
    whole = f"{name}/{key(row.get('color'))}/{key(row.get('size'))}"
    said = (price or "").strip(" ")
    good = not said or PRICE.fullmatch(said)
    return row | {
        "color": row.get("color"),
        "size": row.get("size"),
        "description": f"about {name}",
        "sku": whole,
        "price": str(len(whole)) if good else price,
        "quantity": None,
    }


@pytest.mark.slow
@LAW
@given(
    st.lists(st.lists(ROWS.map(agreeing), min_size=1, max_size=10), min_size=2, max_size=5),
    OPTIONS,
    EXISTING,
    st.sampled_from((1, 2, 100)),
)
def test_workers_beside_each_other_do_what_one_would(
    import_db: Database,
    parts: list[list[dict[str, str | None]]],
    options: Options,
    drawn: dict[str, Any],
    batch: int,
) -> None:
    conn = import_db.owner()
    shop = existing(drawn)
    lay(conn, shop)
    paste(drawn, options, parts)
    ids = [submit(conn, part, batch_rows=batch, **asdict(options)) for part in parts]
    expected = [shop.load(header_of(part), part, options) for part in parts]

    def work(_: int) -> None:
        worker = import_db.owner()
        worker.execute("call tandem.work_imports()")
        worker.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    found = [Counter(asdict(counts(conn, each))) for each in ids]
    assert [state(conn, each) for each in ids] == ["done"] * len(ids)
    assert seen(conn) == shop.seen()
    for part, one_found, one_expected in zip(parts, found, expected, strict=True):
        assert sum(one_found.values()) == len(part)
        for kind in ("superseded", "failed", "suppressed"):
            assert one_found[kind] == one_expected[kind], kind
    assert sum(each["inserted"] for each in found) == sum(each["inserted"] for each in expected)
    conn.close()
