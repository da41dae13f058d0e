"""What one side must hold, given the other, worked out in Python from the rows alone.

Independent of the rendered SQL: reads plain rows and knows the mapping's rules (missing values,
types, the dated row in force), not the statements that carry them out.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pgtandem.mapping import Level, Mapping, Pair, Satellite
from pgtandem.sqltext import ident, relation
from sync.shops import Shop

Record = dict[str, Any]
BLANKS = " \t\n\r\f\v"


def read_flat(shop: Shop) -> dict[str, Record]:
    """All flat rows by key. Types without equality come as text."""
    return {
        row[shop.mapping.flat.key]: row for row in read(shop, shop.flat, shop.mapping.flat.types)
    }


def read(shop: Shop, table: str, types: tuple[tuple[str, str], ...]) -> list[Record]:
    """All rows of a table, json and the like as text."""
    as_text = {name for name, type_name in types if type_name in ("json", "point")}
    names = [
        row[0]
        for row in shop.rows(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
            " and not attisdropped order by attnum",
            table,
        )
    ]
    columns = ", ".join(ident(n) + ("::text" if n in as_text else "") for n in names)
    return [
        dict(zip(names, row, strict=True)) for row in shop.rows(f"select {columns} from {table}")
    ]


def is_missing(value: Any) -> bool:
    """NULL, or a text of white space only."""
    return value is None or (isinstance(value, str) and value.strip(BLANKS) == "")


def put(pair: Pair, value: Any) -> Any:
    """A flat value as the hierarchy should hold it."""
    return pair.default if pair.missing == "default" and is_missing(value) else value


def get(pair: Pair, value: Any) -> Any:
    """A hierarchy's value as the flat table can hold it."""
    if isinstance(value, Decimal) and value.is_finite() and "," in pair.flat_type:
        places = int(pair.flat_type.rstrip(")").rpartition(",")[2])
        return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return value


def equal(left: Any, right: Any) -> bool:
    """PostgreSQL's equality: NaN is NaN, 1.0 is 1.00."""
    both_nan = all(isinstance(x, Decimal) and x.is_nan() for x in (left, right))
    return both_nan or bool(left == right)


def says_the_same(pair: Pair, flat: Any, hier: Any) -> bool:
    """flat = get(hier) or put(flat) = hier."""
    return equal(flat, get(pair, hier)) or equal(put(pair, flat), hier)


def is_rejectable(mapping: Mapping, row: Record) -> bool:
    """A row without a value that it must have."""
    return any(pair.missing == "reject" and is_missing(row[pair.flat]) for pair in mapping.pairs)


def disagreements(shop: Shop) -> list[str]:
    """Everything that is wrong between the two sides, in words; empty where they agree."""
    mapping = shop.mapping
    flat = read_flat(shop)
    levels = {
        level.name: {
            row[level.id]: row
            for row in read(shop, relation(level.table, mapping.schema), level.types)
        }
        for level in mapping.chain
    }
    dated = {
        satellite.name: read(shop, relation(satellite.table, mapping.schema), satellite.types)
        for satellite in mapping.satellites
    }
    now = shop.value("select clock_timestamp()")
    wrong: list[str] = []
    linked: set[Any] = set()
    for key, row in flat.items():
        status = row[mapping.flat.status]
        rejectable = is_rejectable(mapping, row)
        if (status == "rejected") != rejectable or status not in ("active", "rejected"):
            wrong.append(f"row {key}: status {status!r}, and may be moved: {not rejectable}")
        leaf_id = row[mapping.leaf.sync]
        if leaf_id is not None and leaf_id in linked:
            wrong.append(f"row {key}: leaf {leaf_id} belongs to another row too")
        linked.add(leaf_id)
        if status == "rejected":
            continue
        if leaf_id not in levels[mapping.leaf.name]:
            wrong.append(f"row {key}: there is no leaf {leaf_id}")
            continue
        wrong += _compare_chain(mapping, levels, key, row)
        for satellite in mapping.satellites:
            of_leaf = [r for r in dated[satellite.name] if r[satellite.parent] == leaf_id]
            wrong += _compare_dated(satellite, of_leaf, now, row, key)
    for leaf_id in levels[mapping.leaf.name].keys() - linked:
        wrong.append(f"leaf {leaf_id} has no flat row")
    return wrong


def _compare_chain(
    mapping: Mapping, levels: dict[str, dict[Any, Record]], key: str, row: Record
) -> list[str]:
    wrong = []
    found: Any = row[mapping.leaf.sync]
    below: Level | None = None
    for level in reversed(mapping.chain):
        if below is not None:
            found = levels[below.name][found][below.parent or ""]
        if not equal(row[level.sync], found):
            wrong.append(f"row {key}: {level.sync} is {row[level.sync]} and should be {found}")
        record = levels[level.name][found]
        for pair in level.pairs:
            if not says_the_same(pair, row[pair.flat], record[pair.hier]):
                wrong.append(
                    f"row {key}: {pair.flat} is {row[pair.flat]!r}, "
                    f"{level.name}.{pair.hier} is {record[pair.hier]!r}"
                )
        below = level
    return wrong


def _compare_dated(
    satellite: Satellite, records: list[Record], now: Any, row: Record, key: str
) -> list[str]:
    started = [
        record
        for record in records
        if record[satellite.effective] <= now
        and all(record[name] == value for name, value in satellite.where)
    ]
    force = max(started, key=lambda record: record[satellite.effective], default=None)
    lead = satellite.lead_pair
    if force is None:
        return [] if row[lead.flat] is None else [f"row {key}: {lead.flat} without a dated row"]
    wrong = []
    for pair in satellite.pairs:
        if pair.hier != satellite.lead and force[satellite.lead] is None:
            continue
        if not says_the_same(pair, row[pair.flat], force[pair.hier]):
            wrong.append(
                f"row {key}: {pair.flat} is {row[pair.flat]!r}, in force is {force[pair.hier]!r}"
            )
    return wrong
