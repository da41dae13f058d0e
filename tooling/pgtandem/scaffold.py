"""A mapping written from a live table: what `pgtandem init` does.

The catalog gives names and types, the user the shape: which columns make which level. Everything
else is a choice that the file explains in comments, to be edited before it is deployed.
"""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from pgtandem.errors import UsageError
from pgtandem.mapping import Mapping, parse_mapping
from pgtandem.sqltext import STRING_TYPES, ident, object_name, relation, split_type

TOUCH_NAMES: Final = (
    "updatedat updated_at updated modifiedat modified_at modified lastmodified last_modified "
    "changedat changed_at mtime"
).split()
MAX_NAME: Final = 40

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")

_FIND_TABLE: Final = """
select c.oid, n.nspname::text, c.relname::text, c.relkind::text
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.oid = pg_catalog.to_regclass(%s)::oid
"""

_FIND_ALIKE: Final = """
select n.nspname::text, c.relname::text
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'r'
    and pg_catalog.lower(%(name)s) in (
        pg_catalog.lower(c.relname::text), pg_catalog.lower(n.nspname || '.' || c.relname)
    )
"""

# A domain is written as its base type: values are cast to that and then assigned.
_FIND_COLUMNS: Final = """
with recursive base as (
    select a.attnum, a.atttypid as typ, a.atttypmod as mod, false as is_domain
    from pg_catalog.pg_attribute as a
    where a.attrelid = %(table)s and a.attnum > 0 and not a.attisdropped
    union all
    select b.attnum, t.typbasetype, t.typtypmod, true
    from base as b
    join pg_catalog.pg_type as t on t.oid = b.typ and t.typtype = 'd'
)
select a.attname::text, pg_catalog.format_type(b.typ, b.mod), b.is_domain, a.attnotnull,
    a.atthasdef or a.attidentity <> '', a.attgenerated <> '',
    exists (
        select from pg_catalog.pg_index as i
        where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any (i.indkey)
    ),
    exists (
        select from pg_catalog.pg_index as i
        where i.indrelid = a.attrelid and i.indisunique and i.indisvalid and i.indpred is null
            and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
    )
from pg_catalog.pg_attribute as a
join base as b on b.attnum = a.attnum
join pg_catalog.pg_type as t on t.oid = b.typ and t.typtype <> 'd'
where a.attrelid = %(table)s
order by a.attnum
"""


@dataclass(frozen=True)
class Column:
    """A column of the flat table, as the catalog has it; its type in the mapping's words."""

    name: str
    type: str
    is_domain: bool
    not_null: bool
    has_default: bool
    generated: bool
    in_primary_key: bool
    unique: bool

    @property
    def is_text(self) -> bool:
        return split_type(self.type)[0] in STRING_TYPES


@dataclass(frozen=True)
class Part:
    """A level, the leaf or a satellite as the user has asked for it: its name and its columns."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Scaffold:
    """A mapping's text, its check, and what the user should be told."""

    text: str
    mapping: Mapping
    notes: tuple[str, ...]


@dataclass
class Table:
    """The flat table, as the catalog has it; notes are what the user should be told."""

    schema: str
    name: str
    columns: dict[str, Column]
    notes: list[str] = field(default_factory=list)

    def find(self, wanted: str, option: str) -> Column:
        """A column by its exact name, else without regard to case if that is one only."""
        if wanted in self.columns:
            return self.columns[wanted]
        alike = [name for name in self.columns if name.lower() == wanted.lower()]
        if len(alike) == 1:
            return self.columns[alike[0]]
        raise UsageError(
            f"{option}: {self.shown} has no column {wanted!r}"
            + (f", but {' and '.join(map(repr, alike))}." if alike else "."),
            detail=f"Its columns: {', '.join(self.columns)}.",
        )

    @property
    def shown(self) -> str:
        return relation(self.name, self.schema)


def parse_part(text: str, option: str, *, columns_needed: bool = True) -> Part:
    """`base=productname,brand` as a Part. A column with a comma stands in double quotes."""
    name, _, listed = text.partition("=")
    columns = [column.strip() for column in next(csv.reader([listed], skipinitialspace=True), [])]
    if not name.strip() or "" in columns or (columns_needed and not columns):
        raise UsageError(
            f"{option} {text!r} does not say which columns belong to it.",
            hint="Write NAME=COLUMN or NAME=COLUMN,COLUMN, as in base=productname.",
        )
    return Part(name.strip(), tuple(columns))


def scaffold(
    conn: psycopg.Connection[Any],
    table: str,
    levels: Sequence[Part],
    leaf: Part,
    satellites: Sequence[Part] = (),
    *,
    name: str | None = None,
    key: str | None = None,
    evidence: Sequence[str] = (),
) -> Scaffold:
    """Write a mapping for `table`, named as in SQL (`"My Schema"."Table"`), from the catalog.

    `levels` run from the top down; a leaf without columns gets all that nothing else takes.
    `evidence` stands at the top of the file: why the shape is proposed.
    Raises UsageError where the table cannot have such a mapping, MappingError where a name cannot.
    """
    found = read_table(conn, table)
    tells_a_row = key_column(found, key)
    touch = touch_column(found)
    resolved = _resolve(found, tells_a_row, [*levels, leaf, *satellites])
    taken = {column.name for columns in resolved.values() for column in columns}
    if touch is not None and touch.name in taken:
        touch = None
    rest = [
        column
        for column in found.columns.values()
        if column.name not in taken and column not in (touch, tells_a_row) and not column.generated
    ]
    if not leaf.columns:
        resolved[leaf.name] = [column for column in rest if not is_stamp(column)]
    else:
        for column in rest:
            if column.not_null and not column.has_default:
                resolved[leaf.name].append(column)
                found.notes.append(
                    f"{column.name} is NOT NULL without a default, so {leaf.name} got it, too: a "
                    "flat row made from the hierarchy could not be written without."
                )
    if not resolved[leaf.name]:
        raise UsageError(
            f"The leaf {leaf.name!r} has no column.", hint="Write --leaf NAME=COLUMN,COLUMN."
        )
    for columns in (*resolved.values(), [tells_a_row]):
        for column in columns:
            _check_type(column)
    name = name or _name_for(found.name)
    writer = _Writer(found, name, tells_a_row, touch, resolved, evidence)
    text = writer.write(
        [part.name for part in levels], leaf.name, [part.name for part in satellites]
    )
    mapping = parse_mapping(text, f"the mapping for {found.shown}")
    for new in mapping.hierarchy_tables:
        other = relation(new, mapping.schema)
        if _exists(conn, other):
            found.notes.append(
                f"{other} exists already. prepare adopts it as it is; if it is not meant, change "
                "the table's name in the mapping."
            )
    return Scaffold(text, mapping, tuple(found.notes))


def _resolve(found: Table, key: Column, parts: Sequence[Part]) -> dict[str, list[Column]]:
    """The columns of each part; each column belongs to one."""
    taken: dict[str, str] = {key.name: "the key"}
    resolved: dict[str, list[Column]] = {}
    for part in parts:
        if part.name in resolved:
            raise UsageError(f"The name {part.name!r} is given twice.")
        resolved[part.name] = []
        for wanted in part.columns:
            column = found.find(wanted, part.name)
            if column.name in taken:
                raise UsageError(
                    f"{part.name}: the column {column.name!r} belongs to {taken[column.name]} "
                    "already."
                )
            if column.generated:
                raise UsageError(
                    f"{part.name}: {column.name!r} is a generated column, which cannot be written."
                )
            taken[column.name] = part.name
            resolved[part.name].append(column)
    return resolved


def _exists(conn: psycopg.Connection[Any], name: str) -> bool:
    row = conn.execute("select pg_catalog.to_regclass(%s) is not null", (name,)).fetchone()
    return row is not None and bool(row[0])


def read_table(conn: psycopg.Connection[Any], table: str) -> Table:
    """The table, named as in SQL, as the catalog has it. UsageError where a mapping cannot be."""
    try:
        row = conn.execute(_FIND_TABLE.encode(), (table,)).fetchone()
    except (psycopg.errors.InvalidName, psycopg.errors.SyntaxError) as error:
        raise UsageError(
            f"{table!r} is no name of a table: {error.diag.message_primary}.",
            hint=_spelling(conn, table),
        ) from None
    if row is None:
        raise UsageError(
            f"There is no table {table} in this database that this role can see.",
            hint=_spelling(conn, table),
        )
    oid, schema, name, kind = row
    if kind != "r":
        raise UsageError(
            f"{relation(name, schema)} is not an ordinary table; a mapping needs one.",
            detail="Partitioned tables, views and foreign tables cannot be kept in step.",
        )
    with conn.transaction():
        # Only pg_catalog: types elsewhere are then written with their schema.
        conn.execute("set local search_path = pg_catalog")
        rows = conn.execute(_FIND_COLUMNS.encode(), {"table": oid}).fetchall()
    columns = [Column(row[0], _mapping_type(row[1]), *row[2:]) for row in rows]
    return Table(schema, name, {column.name: column for column in columns})


def _spelling(conn: psycopg.Connection[Any], table: str) -> str:
    """How the name is to be written: the shell may have taken its quotes away."""
    alike = conn.execute(_FIND_ALIKE.encode(), {"name": table.replace('"', "")}).fetchall()
    if len(alike) == 1:
        name = relation(alike[0][1], alike[0][0])
        return (
            f"There is {name}. In single quotes, because the shell takes double ones away: "
            f"pgtandem init {shlex.quote(name)}"
        )
    return (
        'Names are as in SQL: shop.product, or \'"My Schema"."Table"\' where case or blanks '
        "matter; the single quotes are for the shell, which takes double ones away."
    )


_LONG_TYPES: Final = (
    (re.compile(r"character varying(.*)"), r"varchar\1"),
    (re.compile(r"character(\(.*)"), r"char\1"),
    (re.compile(r"(time|timestamp)(\(\d\))? with time zone(.*)"), r"\1tz\2\3"),
    (re.compile(r"(time|timestamp)(\(\d\))? without time zone(.*)"), r"\1\2\3"),
    (re.compile(r"double precision(.*)"), r"float8\1"),
    (re.compile(r"real(.*)"), r"float4\1"),
)


def _mapping_type(name: str) -> str:
    """PostgreSQL's name of a type as the short one that mappings use."""
    for pattern, short in _LONG_TYPES:
        if pattern.fullmatch(name):
            return pattern.sub(short, name)
    return name


def _check_type(column: Column) -> None:
    try:
        split_type(column.type)
    except ValueError:
        raise UsageError(
            f"The column {column.name!r} has the type {column.type}, which a mapping cannot name.",
            hint="Leave the column out, or give its type a plain lower-case name.",
        ) from None


def key_column(table: Table, wanted: str | None) -> Column:
    """The column that tells a row: the one asked for, else the primary key. UsageError if none."""
    if wanted is not None:
        column = table.find(wanted, "--key")
        if not column.unique:
            raise UsageError(
                f"--key: {column.name!r} is not unique.",
                hint=f"create unique index concurrently on {table.shown} ({ident(column.name)});",
            )
        return column
    primary = [column for column in table.columns.values() if column.in_primary_key]
    if len(primary) == 1:
        return primary[0]
    unique = [column.name for column in table.columns.values() if column.unique]
    what = "a primary key of several columns" if primary else "no primary key"
    raise UsageError(
        f"{table.shown} has {what}; a mapping needs one column that tells a row.",
        detail=f"Unique columns: {', '.join(unique) or 'none'}.",
        hint="Name a unique column with --key.",
    )


def is_stamp(column: Column) -> bool:
    """A column that the table fills itself, such as createdat."""
    return column.has_default and split_type(column.type)[0] in ("timestamptz", "timestamp", "date")


def touch_column(table: Table) -> Column | None:
    """The column that says when a row was changed last, by its name; None where there is none."""
    for name in TOUCH_NAMES:
        for column in table.columns.values():
            if column.name.lower() == name and column.type.startswith("timestamp"):
                return column
    return None


def _name_for(table: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", table.lower()).strip("_")
    return (plain if plain[:1].isalpha() else f"m_{plain}")[:MAX_NAME].rstrip("_")


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key_name(text: str) -> str:
    return text if _BARE_KEY.match(text) else _string(text)


def _default(column: Column) -> str:
    """What stands for a missing part of a key: a word that the column can hold."""
    _, size = split_type(column.type)
    return "default" if not size or size[0] >= len("default") else "-"


def _inline(pairs: Iterable[tuple[str, str]]) -> str:
    return "{ " + ", ".join(f"{_key_name(left)} = {right}" for left, right in pairs) + " }"


@dataclass
class _Writer:
    table: Table
    name: str
    key: Column
    touch: Column | None
    columns: dict[str, list[Column]]
    evidence: Sequence[str] = ()
    lines: list[str] = field(default_factory=list)

    def write(self, levels: Sequence[str], leaf: str, satellites: Sequence[str]) -> str:
        """The whole file."""
        self._head()
        parent: str | None = None
        for number, level in enumerate(levels):
            parent = self._level(level, parent, first=number == 0)
        assert parent is not None, "at least one level"
        leaf_id = self._leaf(leaf, parent)
        for satellite in satellites:
            self._satellite(satellite, leaf, leaf_id)
        self._tail(levels[-1], leaf, satellites)
        return "\n".join(self.lines) + "\n"

    def _say(self, *lines: str) -> None:
        self.lines += lines

    def _head(self) -> None:
        mapped = [column for columns in self.columns.values() for column in columns]
        status = self._free("syncstatus")
        self._say(
            f"# How {_string(self.table.shown)} becomes a hierarchy of tables.",
            "# Written by pgtandem init from the live table; every line may be edited until it is",
            "# deployed. Names are exact, as the catalog has them. Columns that are not named here",
            "# stay in the flat table alone.",
            *(f"# {line}" for line in self.evidence),
            f"name = {_string(self.name)}  # of the mapping, as in: pgtandem plan {self.name}",
            f"schema = {_string(self.table.schema)}  # of the flat table and of the new ones",
            "",
            "[flat]",
            f"table = {_string(self.table.name)}",
            f"key = {_string(self.key.name)}  # tells a row; unique",
        )
        if self.touch is not None:
            self._say(
                "# Set to the present time when a change comes from the hierarchy.",
                f"touch = {_string(self.touch.name)}",
            )
        else:
            self._say('# touch = "..."  # a column to set when a change comes from the hierarchy')
        self._say(
            "# Added by prepare: active, or rejected where a row cannot be moved.",
            f"status = {_string(status)}",
        )
        if not self.key.has_default:
            self._say(
                "# The key has no default, and a row that begins in the hierarchy needs one: give",
                "# it a default, or name a function without arguments in the table's schema.",
                '# new_key = "..."',
            )
            self.table.notes.append(
                f"The key {self.key.name} has no default, and prepare asks for one: alter table "
                f"{self.table.shown} alter column {ident(self.key.name)} set default "
                "...; or name a function as new_key in the mapping."
            )
        self._say(
            "", "# The columns that are mapped, and the key, with their types.", "[flat.types]"
        )
        for column in (self.key, *mapped):
            comment = "  # a domain's base type" if column.is_domain else ""
            self._say(f"{_key_name(column.name)} = {_string(column.type)}{comment}")

    def _free(self, wanted: str) -> str:
        """A name for a column to be added to the flat table."""
        names = {name.lower() for name in self.table.columns}
        while wanted in names:
            wanted = f"tandem_{wanted}"
        return wanted

    def _table_name(self, part: str) -> str:
        return object_name(self.table.name, part)

    def _pairs(self, part: str) -> list[tuple[Column, str]]:
        """The columns with their names in the new table: the same, unless its id is called so."""
        taken = {"id", *(f"{name}_{what}" for name in self.columns for what in ("id", "from"))}
        return [
            (column, f"flat_{column.name}" if column.name.lower() in taken else column.name)
            for column in self.columns[part]
        ]

    def _body(self, part: str, parent: str | None) -> str:
        """Table, id, parent; returns the name of the id."""
        own_id = f"{part}_id"
        self._say(
            f"name = {_string(part)}",
            f"table = {_string(self._table_name(part))}  # made by prepare",
            f"id = {_string(own_id)}  # uuid",
        )
        sync = self._free(own_id)
        if sync != own_id:
            self._say(
                f"sync = {_string(sync)}  # its copy in the flat table, where the name is taken"
            )
        if parent is not None:
            self._say(f"parent = {_string(parent)}")
        return own_id

    def _columns(self, part: str) -> None:
        pairs = self._pairs(part)
        self._say(
            "# flat column = column of the new table",
            f"columns = {_inline((column.name, _string(new)) for column, new in pairs)}",
        )

    def _types(self, part: str) -> None:
        self._say(
            "# More columns may be added here, for what the flat table cannot say.",
            f"types = {_inline((new, _string(column.type)) for column, new in self._pairs(part))}",
        )

    def _level(self, part: str, parent: str | None, *, first: bool) -> str:
        self._say(
            "",
            f"# One row for each different {self._listed(part)}"
            + ("." if first else f" below one {parent}."),
            "[[level]]",
        )
        own_id = self._body(part, parent)
        pairs = self._pairs(part)
        keys = ", ".join(_string(new) for _, new in pairs)
        self._say(f"key = [{keys}]  # unique{'' if first else ' below its parent'}")
        self._columns(part)
        rules = []
        for column, _ in pairs:
            if first or not column.is_text:
                rule = '{ policy = "reject" }'
            else:
                rule = f'{{ policy = "default", value = "{_default(column)}" }}'
            rules.append((column.name, rule))
        self._say(
            "# A row without the value (NULL, or blank text): rejected and reported, or taken for",
            "# a default, which is not written back to the flat table.",
            f"missing = {_inline(rules)}",
        )
        self._types(part)
        return own_id

    def _leaf(self, part: str, parent: str) -> str:
        self._say("", "# One row for each row of the flat table.", "[leaf]")
        own_id = self._body(part, parent)
        self._columns(part)
        self._say(
            "# match = [...]  # columns that tell a leaf below its parent where a filled hierarchy",
            "#                  is adopted",
        )
        self._types(part)
        return own_id

    def _satellite(self, part: str, leaf: str, leaf_id: str) -> None:
        pairs = self._pairs(part)
        lead = pairs[0][1]
        self._say(
            "",
            f"# Dated rows of each {leaf}; the flat row shows the one in force.",
            "[[satellite]]",
            f"name = {_string(part)}",
            f"table = {_string(self._table_name(part))}  # made by prepare",
            f'id = "{part}_id"  # uuid',
            f"parent = {_string(leaf_id)}",
            f"lead = {_string(lead)}  # empty there: nothing to say",
            f'effective = "{part}_from"  # since when a row is in force',
        )
        self._columns(part)
        self._types(part)

    def _tail(self, bottom: str, leaf: str, satellites: Sequence[str]) -> None:
        self._say(
            "",
            "[policy]",
            'reject = "keep"  # a flat row that cannot be moved; or "raise"',
            "",
            "# Functions for new programs, in the schema of the rendered code.",
            "# [operations]",
            f'# add_parent = "add_{bottom}"',
            f'# add_leaf = "add_{leaf}"',
            f'# update_leaf = "update_{leaf}"',
        )
        if satellites:
            self._say(f'# add_satellite = "add_{satellites[0]}"')

    def _listed(self, part: str) -> str:
        return _string(", ".join(column.name for column in self.columns[part]))
