"""Rendering: a mapping and the templates under ``db/`` become plain SQL.

Templates emit names and values only through the filters registered here. A filter returns SQL that
is safe by construction: it quotes what it is given, or builds an expression from quoted names.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import jinja2

from pgtandem.any_mapping import AnyMapping
from pgtandem.import_mapping import ImportMapping
from pgtandem.import_render import IMPORT_FILTERS, import_tests, variant_cases
from pgtandem.mapping import Mapping, Pair
from pgtandem.package import template_files
from pgtandem.paths import db_dir
from pgtandem.sqltext import (
    STRING_TYPES,
    WITHOUT_EQUALITY,
    dollar,
    ident,
    in_format,
    in_text,
    literal,
    object_name,
    param,
    relation,
    split_type,
    tag,
)

MAX_KEY_BYTES = 2600


@dataclass(frozen=True)
class RenderedFile:
    """A rendered file: its path under ``db/`` and its SQL."""

    path: str
    sql: str


def column(name: str, alias: str) -> str:
    """``alias.name``, quoted."""
    return f"{ident(alias)}.{ident(name)}"


def base_type(name: str) -> str:
    """A type without its length, as for a cast that must never cut a value."""
    return split_type(name)[0]


def sql_type(name: str) -> str:
    """A checked type name as it is written in SQL, such as ``numeric(14, 2)``."""
    split_type(name)
    return name.replace(",", ", ")


def search_path(schemas: Sequence[str]) -> str:
    """The search path of rendered routines, which triggers of the application inherit.

    Schemas in between are the user's choice: whoever may create objects there could shadow an
    operator, and run code as the owner of these routines.
    """
    return ", ".join(["pg_catalog", *(ident(schema) for schema in schemas), "pg_temp"])


def uncut(name: str) -> str:
    """The type to cast text to so that nothing is cut: ``char`` alone would mean ``char(1)``."""
    base = base_type(name)
    return "bpchar" if base == "char" else base


def put(pair: Pair, alias: str) -> str:
    """The flat value in the hierarchy's shape: default for a missing one, type, no cut text."""
    value = column(pair.flat, alias)
    flat, hier = base_type(pair.flat_type), base_type(pair.hier_type)
    if pair.missing == "default":
        value = f"case when tandem.is_blank({value}) then {literal(pair.default)} else {value} end"
        if flat != hier:
            value = f"({value})"
    if flat != hier:
        target = uncut(pair.hier_type) if hier in STRING_TYPES else pair.hier_type
        value = f"{value}::{target}"
    elif pair.flat_type != pair.hier_type and hier not in STRING_TYPES:
        value = f"{value}::{pair.hier_type}"
    return value


def get(pair: Pair, alias: str) -> str:
    """The hierarchy's value in the flat table's shape; text is never cut, it fails instead."""
    value = column(pair.hier, alias)
    flat, hier = base_type(pair.flat_type), base_type(pair.hier_type)
    if flat == hier:
        return value
    return f"{value}::{uncut(pair.flat_type) if flat in STRING_TYPES else pair.flat_type}"


def same(pair: Pair, flat: str, hier: str) -> str:
    """True where the two sides say the same: flat = get(hier) or put(flat) = hier."""
    right = column(pair.hier, hier)
    flat_base, hier_base = base_type(pair.flat_type), base_type(pair.hier_type)
    forward = put(pair, flat)
    if hier_base in WITHOUT_EQUALITY:
        forward, compared = f"({forward})::text", f"{right}::text"
    else:
        compared = right
    test = f"({forward}) is not distinct from {compared}"
    left = column(pair.flat, flat)
    if flat_base in STRING_TYPES and hier_base not in STRING_TYPES:
        both = test
    elif pair.missing == "default":
        both = f"({test} or {left} is not distinct from {right})"
    elif pair.flat_type == pair.hier_type or flat_base in STRING_TYPES:
        return test
    else:
        back = f"{right}::{pair.flat_type}"
        text = "::text" if flat_base in WITHOUT_EQUALITY else ""
        both = f"({test} or {left}{text} is not distinct from {back}{text})"
    if flat == "flat" and flat_base != hier_base and hier_base not in STRING_TYPES:
        # a rejected row may hold what cannot be cast
        castable = f"tandem.is_castable({as_text(left, flat_base)}, {literal(pair.hier_type)})"
        return f"case when {castable} then {both} else false end"
    return both


def as_text(value: str, base: str) -> str:
    """A value as is_castable takes it; 12.00 is a whole number."""
    if base in ("numeric", "float4", "float8"):
        return f"pg_catalog.trim_scale({value}::numeric)::text"
    return f"{value}::text"


def differs(pair: Pair, flat: str, hier: str) -> str:
    """The negation of :func:`same`."""
    return f"not ({same(pair, flat, hier)})"


def changed(name: str, type_name: str, before: str = "old", after: str = "new") -> str:
    """True where a column got another value, also for types without ``=``."""
    cast = "::text" if base_type(type_name) in WITHOUT_EQUALITY else ""
    left, right = column(name, before), column(name, after)
    return f"{left}{cast} is distinct from {right}{cast}"


def flat_changed(pair: Pair, before: str = "old", after: str = "new") -> str:
    """The flat column of a pair changed."""
    return changed(pair.flat, pair.flat_type, before, after)


def hier_changed(pair: Pair, before: str = "old", after: str = "new") -> str:
    """The hierarchy's column of a pair changed."""
    return changed(pair.hier, pair.hier_type, before, after)


MOVED = 1
"""The bit of the leaf's parent; those of mapped columns follow in the mapping's order."""
SHARED = 1 << 62
"""The bit of all columns that no bit is left for: a write of ours never means to change it."""


def bit_of(mapping: Mapping, pair: Pair) -> int:
    """The bit that stands for a mapped column in tandem.origin."""
    return min(MOVED << (mapping.pairs.index(pair) + 1), SHARED)


def column_bits(mapping: Mapping, pairs: Iterable[Pair]) -> int:
    """The bits of some mapped columns."""
    return sum({bit_of(mapping, pair) for pair in pairs} - {SHARED})


def summed(conditions: Iterable[tuple[int, str]]) -> str:
    """An integer whose bits are those of the conditions that hold."""
    by_bit: dict[int, list[str]] = {}
    for bit, condition in conditions:
        by_bit.setdefault(bit, []).append(condition)
    cases = [f"case when {' or '.join(of)} then {bit} else 0 end" for bit, of in by_bit.items()]
    lines = [" + ".join(cases[at : at + 2]) for at in range(0, len(cases), 2)]
    return "\n            + ".join(lines)


def flat_bits(mapping: Mapping) -> str:
    """Which mapped columns of a flat row changed."""
    return summed((bit_of(mapping, pair), flat_changed(pair)) for pair in mapping.pairs)


def leaf_bits(mapping: Mapping) -> str:
    """Which mapped columns of a leaf changed, and whether its parent did."""
    leaf = mapping.leaf
    own = [(bit_of(mapping, pair), hier_changed(pair)) for pair in leaf.pairs]
    assert leaf.parent is not None
    return summed([(MOVED, changed(leaf.parent, "uuid")), *own])


def dated_bits(mapping: Mapping, pairs: Iterable[Pair]) -> str:
    """Which mapped columns of a dated row changed."""
    return summed((bit_of(mapping, pair), hier_changed(pair)) for pair in pairs)


def meant_bits(mapping: Mapping, side: Literal["flat", "leaf"]) -> str:
    """What our write for a changed row of a side is to change: columns v_changed_1 and so on.

    A moved flat row moves its leaf; if the leaf's columns change as well, that is two writes, of
    which one is looked at. A moved leaf gives its flat row the names of its new parents. Either may
    bring a dated row into force.
    """
    own = [f"v_changed_{number}" for number in range(1, len(mapping.leaf.pairs) + 1)]
    bits = [bit_of(mapping, pair) for pair in mapping.leaf.pairs]
    parts = [(bit, test) for bit, test in zip(bits, own, strict=True) if bit != SHARED]
    if side == "flat":
        parts.append((MOVED, f"not ({' or '.join(own) or 'false'})"))
    else:
        assert mapping.leaf.parent is not None
        names = [pair for level in mapping.levels for pair in level.pairs]
        parts.append((column_bits(mapping, names), changed(mapping.leaf.parent, "uuid")))
    dated = [pair for satellite in mapping.satellites for pair in satellite.pairs]
    return f"{column_bits(mapping, dated)} + {summed(parts)}" if dated else summed(parts)


def one_line_literal(value: object) -> str:
    """A constant on one line, so that tidying the rendered text cannot touch the value."""
    quoted = literal(value)
    if "\n" not in quoted and "\r" not in quoted:
        return quoted
    body = quoted.removeprefix("e")[1:-1]
    if not quoted.startswith("e"):
        body = body.replace("\\", "\\\\")
    return "e'" + body.replace("\n", "\\n").replace("\r", "\\r") + "'"


def json_text(value: object) -> str:
    """A value as JSON, always the same text for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def fault_tests(pair: Pair, value: str) -> list[tuple[str, str]]:
    """What can be tested of a flat value before it is written to the hierarchy.

    Returns:
        Pairs of a condition (SQL that is true for a bad value) and a reason (plain text).
    """
    tests: list[tuple[str, str]] = []
    flat, _ = split_type(pair.flat_type)
    hier, hier_size = split_type(pair.hier_type)
    if pair.missing == "reject":
        blank = f"tandem.is_blank({value})" if flat in STRING_TYPES else f"{value} is null"
        tests.append((blank, f"{pair.flat} is missing"))
    if pair.is_key and flat in STRING_TYPES:
        tests.append(
            (
                f"pg_catalog.octet_length({value}) > {MAX_KEY_BYTES}",
                f"{pair.flat} is longer than {MAX_KEY_BYTES} bytes",
            )
        )
    if hier in STRING_TYPES and hier_size and pair.flat_type != pair.hier_type:
        text = value if flat in STRING_TYPES else f"{value}::text"
        tests.append(
            (
                f"pg_catalog.length({text}) > {hier_size[0]}",
                f"{pair.flat} is longer than {hier_size[0]} characters",
            )
        )
    if hier not in STRING_TYPES and pair.flat_type != pair.hier_type:
        tests.append(
            (
                f"not tandem.is_castable({as_text(value, flat)}, {literal(pair.hier_type)})",
                f"{pair.flat} is no {pair.hier_type}",
            )
        )
    return tests


def wide_key_tests(mapping: Mapping, value: str) -> list[tuple[str, str]]:
    """Keys of several texts that are too wide together for the one index that holds them.

    Args:
        value: before a pair's number, from 1, the SQL of its flat value.
    """
    numbers = {pair: number for number, pair in enumerate(mapping.pairs, 1)}
    tests: list[tuple[str, str]] = []
    for level in mapping.levels:
        texts = [pair for pair in level.key_pairs if split_type(pair.flat_type)[0] in STRING_TYPES]
        if len(texts) > 1:
            widths = (
                f"coalesce(pg_catalog.octet_length({value}{numbers[pair]}), 0)" for pair in texts
            )
            names = " and ".join(pair.flat for pair in texts)
            tests.append(
                (
                    f"{' + '.join(widths)} > {MAX_KEY_BYTES}",
                    f"{names} are longer than {MAX_KEY_BYTES} bytes together",
                )
            )
    return tests


def unfit_tests(pair: Pair, value: str) -> list[tuple[str, str]]:
    """What can be tested of a hierarchy's value before it is written to the flat table."""
    # a blank value that the flat side would reject may not come in from the other side
    missing = "reject" if pair.missing == "reject" or pair.is_key else None
    return fault_tests(Pair(pair.hier, pair.flat, pair.hier_type, pair.flat_type, missing), value)


def environment() -> jinja2.Environment:
    """The Jinja environment of all templates: strict, deterministic, filters only."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(db_dir()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # SQL, quoted by the filters below
    )
    env.filters.update(SAFE_FILTERS)
    env.globals.update(
        fault_tests=fault_tests,
        unfit_tests=unfit_tests,
        wide_key_tests=wide_key_tests,
        import_tests=import_tests,
        variant_cases=variant_cases,
        object_name=object_name,
    )
    return env


SAFE_FILTERS = {
    "ident": ident,
    "literal": one_line_literal,
    "column": column,
    "relation": relation,
    "sqltype": sql_type,
    "put": put,
    "get": get,
    "same": same,
    "differs": differs,
    "changed": changed,
    "flat_changed": flat_changed,
    "hier_changed": hier_changed,
    "flat_bits": flat_bits,
    "leaf_bits": leaf_bits,
    "dated_bits": dated_bits,
    "bit_of": bit_of,
    "meant_bits": meant_bits,
    "column_bits": column_bits,
    "dollar": dollar,
    "json": json_text,
    "in_text": in_text,
    "in_format": in_format,
    "param": param,
    "path": search_path,
    "tag": tag,
    **IMPORT_FILTERS,
    "trusted": str,  # SQL that a filter or fault_tests built; never a name or a value
}


def area_of(mapping: AnyMapping) -> str:
    """The area whose templates render a mapping."""
    return "imports" if isinstance(mapping, ImportMapping) else "sync"


def render(mapping: AnyMapping) -> list[RenderedFile]:
    """Render all templates for ``mapping``, in the order in which they are deployed."""
    env = environment()
    context = template_context(mapping)
    return [
        RenderedFile(path, tidy(env.get_template(path).render(context)))
        for path in template_files(area_of(mapping))
    ]


def template_context(mapping: AnyMapping) -> dict[str, object]:
    """What templates know."""
    return {"m": mapping, "S": mapping.tandem, "schema": mapping.schema}


def tidy(text: str) -> str:
    """Strip trailing blanks and runs of empty lines that loops leave behind."""
    lines: list[str] = []
    for line in (raw.rstrip() for raw in text.split("\n")):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip("\n") + "\n"
