"""SQL text from names, values and types: the only places where a template's input becomes SQL.

Quoting follows PostgreSQL's ``quote_ident`` and ``quote_literal``; the reserved words are those of
``pg_get_keywords()`` in PostgreSQL 18 with a category other than unreserved.
"""

import hashlib
import re
import unicodedata

MAX_IDENTIFIER_BYTES = 63

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
_DOLLAR_TAG = re.compile(r"\$\w*\$")
_TYPE = re.compile(
    r"(?P<name>[a-z_][a-z0-9_]*(?: [a-z]+)*(?:\.[a-z_][a-z0-9_]*)?)"
    r"(?P<typmod>\(\d{1,4}(?:,\d{1,3})?\))?(?P<array>(?:\[\])?)\Z"
)
_RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
    boolean both case cast char character check coalesce collate collation column concurrently
    constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user dec decimal default deferrable desc distinct do else end except
    exists extract false fetch float for foreign freeze from full grant greatest group grouping
    having ilike in initially inner inout int integer intersect interval into is isnull join json
    json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
    json_serialize json_table json_value lateral leading least left like limit localtime
    localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary
    real references returning right row select session_user setof similar smallint some substring
    symmetric system_user table tablesample then time timestamp to trailing treat trim true union
    unique user using values varchar variadic verbose when where window with xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
    """.split()
)


def ident(name: str) -> str:
    """Quote ``name`` as one identifier, only where PostgreSQL needs the quotes."""
    if _PLAIN.match(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def relation(table: str, schema: str) -> str:
    """``schema.table``, quoted."""
    return f"{ident(schema)}.{ident(table)}"


def literal(value: object) -> str:
    """Quote ``value`` as a string, number, boolean or null constant.

    Raises:
        TypeError: another kind of value.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        if "\\" in value or "$" in value:
            # a dollar quote in a value would end the routine's body that it stands in
            escaped = value.replace("\\", "\\\\").replace("'", "''").replace("$", "\\x24")
            return f"e'{escaped}'"
        return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"no SQL constant for a {type(value).__name__}")


def check_identifier(name: str) -> str | None:
    """Return what is wrong with ``name`` as an identifier, or None."""
    if not name:
        return "a name is empty"
    if any(unicodedata.category(character) in _UNSEEN for character in name):
        return f"{name!r} contains a control character, a line separator or a format character"
    if _DOLLAR_TAG.search(name):
        return f"{name!r} contains a dollar quote ($tag$), which rendered code cannot carry"
    if len(name.encode()) > MAX_IDENTIFIER_BYTES:
        return f"{name!r} has more than {MAX_IDENTIFIER_BYTES} bytes; PostgreSQL would cut it"
    return None


def split_type(name: str) -> tuple[str, tuple[int, ...]]:
    """Split ``varchar(20)`` into ``("varchar", (20,))``; the base name keeps ``[]``.

    Raises:
        ValueError: not the form of a type name that a mapping may use.
    """
    match = _TYPE.match(name)
    if not match:
        raise ValueError(f"{name!r} is not a type name, such as text, varchar(20) or numeric(14,2)")
    typmod = tuple(int(part) for part in (match["typmod"] or "").strip("()").split(",") if part)
    base = match["name"] + match["array"]
    return _SYNONYMS.get(base, base), typmod


_SYNONYMS = {
    "character varying": "varchar",
    "character": "char",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "bool": "boolean",
    "decimal": "numeric",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "double precision": "float8",
    "real": "float4",
}

STRING_TYPES = frozenset({"text", "varchar", "char", "citext"})
# No `=` operator, or one that does not mean "the same value".
WITHOUT_EQUALITY = frozenset(
    {"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle", "interval"}
)


def object_name(*parts: str) -> str:
    """A name for an object of ours made from others; too long a one keeps a hash of the whole."""
    whole = "_".join(parts)
    if len(whole.encode()) <= MAX_IDENTIFIER_BYTES:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    cut = whole.encode()[: MAX_IDENTIFIER_BYTES - 9].decode(errors="ignore")
    return f"{cut}_{digest}"


def dollar(text: str) -> str:
    """Quote SQL text as a dollar-quoted constant whose tag does not occur in it."""
    quote, number = "$ddl$", 0
    while quote in text:
        number += 1
        quote = f"$ddl{number}$"
    return f"{quote}{text}{quote}"


def tag(name: str) -> str:
    """The dollar quote around the body of a routine: its name, if that can be a tag."""
    return f"${name}$" if _TAG.match(name) else "$body$"


def in_text(name: str) -> str:
    """A name as it stands inside a quoted constant."""
    return name.replace("'", "''")


def in_format(name: str) -> str:
    """A name as it stands inside the quoted format of RAISE or format()."""
    return in_text(name).replace("%", "%%")


def param(name: str) -> str:
    """The parameter that stands for a column: ``p_`` and its name."""
    return ident(object_name("p", name))
