"""What the templates of imports say of fields, keys and indexes: SQL, safe by construction."""

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

from pgtandem.import_mapping import (
    Field,
    ImportMapping,
    Master,
    Reference,
    Table,
    Variant,
    key_columns,
)
from pgtandem.sqltext import STRING_TYPES, ident, literal, object_name, split_type

Case = tuple[tuple[Reference, str], ...]
"""A variant's references, and how the id of each is compared."""
MOST_CASES_OF = 3
"""So many optional masters have a case for each of their combinations."""
MAX_KEY_BYTES = 2600
"""A longer key may not fit the unique index's pages (2,704 bytes); as in the area sync."""

_SMALLEST = {"smallint": -(2**15), "integer": -(2**31), "bigint": -(2**63)}
_BOOLEANS = ("true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0")
_ISO_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"


class FieldTest(NamedTuple):
    """A condition that is true for a bad value, and what is said of it: SQL and constants."""

    condition: str
    field: str
    sqlstate: str
    message: str
    hint: str


def raw(field: Field) -> str:
    """A field's name among the parsed ones, quoted."""
    return ident(object_name("f", field.name))


def key_value(master: Master, value: str) -> str:
    """The normal form of a master's key."""
    return value if master.match == "exact" else f"tandem.import_key({value})"


def key_of_row(master: Master, alias: str) -> str:
    """The same of a row of the master's table: what its unique index is over."""
    return key_value(master, f"{ident(alias)}.{ident(master.key)}")


def index_columns(table: Table) -> tuple[str, ...]:
    """What a table's indexes are over, as pg_get_indexdef says it of a text."""
    if isinstance(table, Master) and table.match == "normalised":
        return (f"tandem.import_key({ident(table.key)})",)
    return tuple(ident(column) for column in key_columns(table))


def arbiter(table: Table) -> str:
    """The target of ON CONFLICT that infers a table's unique index."""
    return f"({', '.join(index_columns(table))}) where {ident(table.deleted)} is null"


def key_of_field(master: Master, alias: str) -> str:
    """The normal form of a parsed field that names a master; NULL for a blank one."""
    value = f"{ident(alias)}.{raw(master.key_field)}"
    if master.match == "exact":
        return f"case when not tandem.is_blank({value}) then {value} end"
    return f"nullif({key_value(master, value)}, '')"


def key_list(table: Table, alias: str) -> str:
    """The key of a row of a table, as it is sorted by."""
    if isinstance(table, Master):
        return f'{key_of_row(table, alias)} collate "C"'
    return ", ".join(f"{ident(alias)}.{ident(column)}" for column in key_columns(table))


def same_keys(mapping: ImportMapping, left: str, right: str) -> str:
    """Whether two parsed records name the same row; no key is empty, so that it can be hashed."""
    pairs = []
    for master in mapping.masters:
        sides = [f"{ident(alias)}.{ident('k_' + master.name)}" for alias in (left, right)]
        pairs.append(
            " = ".join(sides if master.required else [f"coalesce({side}, '')" for side in sides])
        )
    return " and ".join(pairs)


def is_odd(mapping: ImportMapping) -> str:
    """Whether one of the names of a record ``p`` may be worth a warning: one look for all."""
    names = ", ".join(f"p.{raw(master.key_field)}" for master in mapping.masters)
    return (
        f"pg_catalog.concat('|', pg_catalog.concat_ws('|', {names}), '|') collate pg_catalog.\"C\""
        " ~ '[^ -~]|  |[|] | [|]'"
    )


def id_of(master: Master, of: str) -> str:
    """A master's id, by its own table, which has its name (``table``), or by a row of a batch."""
    if of == "table":
        return f"{ident(master.name)}.{ident(master.id)}"
    return f"r.{ident('i_' + master.name)}"


def variant_cases(mapping: ImportMapping) -> tuple[Case, ...]:
    """Which optional masters a variant may have, first all of them: how each id is compared.

    A planner finds no index by IS NOT DISTINCT FROM, so each case has conditions of its own; where
    there would be too many, all that lack any are one.
    """
    assert mapping.variant is not None
    references = mapping.variant.references
    optional = [one for one in references if not one.master.required]
    whole: Case = tuple((one, "=") for one in references)
    if len(optional) > MOST_CASES_OF:
        rest = ["=" if one.master.required else "is not distinct from" for one in references]
        return (whole, tuple(zip(references, rest, strict=True)))
    return tuple(
        tuple((one, "is null" if one in lacking else "=") for one in references)
        for number in range(len(optional) + 1)
        for lacking in combinations(optional, number)
    )


def is_case(case: Case, ids: str) -> str:
    """Whether a row of a batch is of a case; by its own ids (``row``) or by those of the tables of
    its masters (``table``), where a name that is not there yet is none that it lacks.
    """
    parts = []
    for reference, sign in case:
        master = reference.master
        if master.required:
            continue
        one = id_of(master, ids)
        name = f"p.{ident('k_' + master.name)}" if ids == "table" else one
        lacks = f"{name} is null"
        given = f"{one} is not null"
        parts.append({"=": given, "is null": lacks}.get(sign, f"({given} or {lacks})"))
    return " and ".join(parts) or "true"


def of_variant(case: Case, alias: str, ids: str, *, known: bool = False) -> str:
    """That a variant has the ids of a row of a batch, of its masters, or of another ``variant`` t.

    known: that those ids are of this case is.
    """
    parts = []
    for reference, sign in case:
        column = ident(reference.column)
        one = f"t.{column}" if ids == "variant" else id_of(reference.master, ids)
        own = f"{ident(alias)}.{column}"
        if sign == "is null":
            parts += [f"{own} is null"] if known else [f"{one} is null", f"{own} is null"]
        else:
            parts.append(f"{own} {sign} {one}")
    return " and ".join(parts)


def stored(field: Field, master: Master) -> str:
    """A field of a row of a batch as it is inserted: a name may be trimmed."""
    value = f"r.{raw(field)}"
    return f"tandem._trim({value})" if master.trim and field.column == master.key else value


def is_news(field: Field, row: str) -> str:
    """Whether a record ``p`` has something to say of a field that its row, if any, does not."""
    value = f"p.{raw(field)}"
    said = f"v_places[{field.ordinal}] is not null and ({value} is not null or v_clears)"
    column = f"{ident(row)}.{ident(field.column)}"
    return f"{said} and {column} is distinct from {typed(field, 'p')}"


def differs_from(field: Field, row: str, said: str) -> str:
    """Whether a column of a row is another than what is said of it."""
    return f"{ident(row)}.{ident(field.column)} is distinct from {ident(said)}.{raw(field)}"


def parsed_value(field: Field) -> str:
    """A field of the record ``r`` as text; NULL where it is empty or not in the input."""
    place = f"r.content[v_places[{field.ordinal}]]"
    is_text = split_type(field.type)[0] in STRING_TYPES
    return f"nullif({place if is_text else f'pg_catalog.btrim({place})'}, '')"


def typed(field: Field, alias: str) -> str:
    """A parsed field in the type of its column; it has been tested."""
    value = f"{ident(alias)}.{raw(field)}"
    base, _ = split_type(field.type)
    return value if base == "text" else f"{value}::{field.type.replace(',', ', ')}"


def _imported(table: Table) -> list[str]:
    """The columns of a table that an import writes."""
    columns = [*(key_columns(table) if isinstance(table, Variant) else ())]
    return columns + [one.column for one in table.fields]


def image(table: Table, alias: str) -> str:
    """The imported columns of a row as jsonb."""
    pairs = (f"{literal(column)}, {ident(alias)}.{ident(column)}" for column in _imported(table))
    return f"pg_catalog.jsonb_build_object({', '.join(pairs)})"


def image_row(table: Table, alias: str) -> str:
    """The same as a row, of which an image is made later: many at a time cost less."""
    columns = ", ".join(f"{ident(alias)}.{ident(column)}" for column in _imported(table))
    return f"(select i from (select {columns}) as i)"


def import_tests(mapping: ImportMapping) -> list[FieldTest]:
    """What is tested of each record before anything is written, in the order in which it is said.

    Values are those of the parsed record ``p``.
    """
    tests = [
        FieldTest(
            "p.fault is not null",
            "null",
            "22P04",
            "p.fault",
            "'Correct the record, then import it again.'",
        )
    ]
    for table in mapping.tables:
        for field in table.fields:
            tests += _tests_of(table, field)
    return tests


def _tests_of(table: Table, field: Field) -> Iterable[FieldTest]:
    value = f"p.{raw(field)}"
    name = literal(field.name)
    if isinstance(table, Master) and field.column == table.key:
        if table.required:
            hint = literal(f"Give each row a {field.name}.")
            yield FieldTest(f"{value} is null", name, "23502", literal("it is empty"), hint)
            yield FieldTest(
                f"{value} is not null and p.k_{table.name} is null",
                name,
                "23502",
                literal("nothing of it can be seen"),
                hint,
            )
            yield FieldTest(
                # none of them is longer
                f"pg_catalog.octet_length({value}) < 12 and tandem._is_placeholder({value})",
                name,
                "23502",
                f"pg_catalog.format('%L stands for nothing', {value})",
                hint,
            )
        # by its own length, compressed or not: the same name is refused by every server
        yield FieldTest(
            f"pg_catalog.octet_length(p.k_{table.name}) > {MAX_KEY_BYTES}",
            name,
            "54000",
            f"pg_catalog.format('it has %s bytes, at most {MAX_KEY_BYTES} fit the unique index', "
            f"pg_catalog.octet_length(p.k_{table.name}))",
            literal("Shorten it."),
        )
    condition, reason, state, hint = _type_test(field, value)
    if condition:
        yield FieldTest(
            condition,
            name,
            state,
            f"pg_catalog.format('%L {reason}', pg_catalog.left({value}, 100))",
            literal(hint),
        )


def _type_test(field: Field, value: str) -> tuple[str, str, str, str]:
    """The condition under which a text is no value of a type, the reason, SQLSTATE and hint."""
    base, size = split_type(field.type)
    if base in STRING_TYPES:
        if not size:
            return "", "", "", ""
        return (
            f"pg_catalog.length({value}) > {size[0]}",
            f"is longer than {size[0]} characters",
            "22001",
            "Shorten it: nothing is cut off.",
        )
    if base in _SMALLEST:
        least = _SMALLEST[base]
        digits = len(str(-least)) - 1
        return (
            # as nearly all of them are: the other test takes three times as long
            f"case when pg_catalog.octet_length({value}) <= {digits} and {value} !~ '[^0-9]'"
            f" then false when {value} ~ '^[+-]?[0-9]{{1,19}}$'"
            f" then {value}::numeric not between {least} and {-least - 1}"
            f" else {value} is not null end",
            f"is no whole number of the type {base}",
            "22P02",
            "Write digits alone, with a sign at most.",
        )
    if base == "numeric":
        whole, scale = 100, 100
        if size:
            scale = size[1] if len(size) > 1 else 0
            whole = size[0] - scale
        # zeros beyond the scale change nothing; anything else would be rounded
        return (
            f"not (pg_catalog.octet_length({value}) <= {whole}"
            f" and {value} ~ '^[0-9]+([.][0-9]{{0,{scale}}})?$'"
            f" or {value} ~ '^[+-]?(0*[0-9]{{1,{whole}}}([.][0-9]{{0,{scale}}}0*)?"
            f"|[.][0-9]{{1,{max(scale, 1)}}}0*)$')",
            f"is no number that fits {field.type}",
            "22P02",
            f"Write digits with a point, at most {whole} before and {scale} after it; no currency, "
            "no thousands, no exponent.",
        )
    if base == "boolean":
        words = ", ".join(literal(word) for word in _BOOLEANS)
        return (
            f"pg_catalog.lower({value}) not in ({words})",
            "is neither true nor false",
            "22P02",
            "Write true or false, yes or no, 1 or 0.",
        )
    castable = f"tandem.is_castable({value}, {literal(field.type)})"
    if base in ("date", "timestamp", "timestamptz"):
        # another order of day and month would be read by the session's DateStyle
        end = "$" if base == "date" else "[ T]"
        return (
            f"case when {value} ~ '{_ISO_DATE}{end}' then not {castable}"
            f" else {value} is not null end",
            f"is no {base}",
            "22007",
            "Write it as 2024-12-31"
            + ("." if base == "date" else " 23:59:59, with an offset where it is timestamptz."),
        )
    if base in ("float4", "float8"):
        return (
            f"case when {value} ~ '^[+-]?[0-9.]+([eE][+-]?[0-9]{{1,3}})?$' then not {castable}"
            f" else {value} is not null end",
            "is no number",
            "22P02",
            "Write digits with a point.",
        )
    return (f"not {castable}", f"is no {base}", "22P02", f"Write a value of the type {base}.")


IMPORT_FILTERS = {
    "raw": raw,
    "key_of_field": key_of_field,
    "key_of_row": key_of_row,
    "key_list": key_list,
    "same_keys": same_keys,
    "is_odd": is_odd,
    "id_of": id_of,
    "is_case": is_case,
    "of_variant": of_variant,
    "stored": stored,
    "is_news": is_news,
    "differs_from": differs_from,
    "parsed_value": parsed_value,
    "typed": typed,
    "image": image,
    "image_row": image_row,
    "arbiter": arbiter,
}
"""Filters that return SQL from names that they quote."""
