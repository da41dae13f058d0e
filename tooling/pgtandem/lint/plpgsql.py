"""A PL/pgSQL body as statements and expressions, each with its line in the file.

PostgreSQL's own PL/pgSQL grammar does the work (libpg_query through postgast). It knows no catalog,
so it is given a header of plain types in place of the routine's own, and declarations whose types
lie in other schemas are pointed at ``public``: the parser then takes any name there. Neither
changes a statement, an expression or a line.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pgtandem.lint.pgparser import Node, parse, parse_plpgsql, pb, scan

Json = dict[str, Any]

_STATEMENT = "PLpgSQL_stmt_"
_TAG = "$tandem_lint_body$"
_RAISE_LEVEL_ERROR = 21  # ERROR in PostgreSQL's elog.h
_PARSE_AS_STATEMENT = 0  # RawParseMode: the text is a whole statement; others are expressions
_PARSE_AS_EXPRESSION = 2


@dataclass(frozen=True)
class Declared:
    """A declared variable; `kind` is variable, record or either (a type that may be composite)."""

    name: str
    line: int
    kind: str


@dataclass(frozen=True)
class Sql:
    """SQL inside a body: parsed text, and the line in the file on which the text begins."""

    text: str
    line: int
    tree: Node
    prefix: int

    def line_at(self, location: int) -> int:
        """The file's line of a byte offset of the tree."""
        return self.line + self.text.encode()[: max(location - self.prefix, 0)].count(b"\n")


@dataclass(frozen=True)
class Statement:
    """A statement of a body; `kind` is the grammar's name without its prefix, such as ``execsql``.

    `outer` are the statements around it, outermost first; `following` those after it in its list;
    `in_handler` holds the blocks of `outer` in whose EXCEPTION part it stands.
    """

    kind: str
    line: int
    data: Json
    outer: tuple["Statement", ...]
    following: tuple["Statement", ...] = field(repr=False, default=())
    sql: tuple[Sql, ...] = field(repr=False, default=())

    @property
    def has_handlers(self) -> bool:
        """A block with an EXCEPTION part."""
        return "exceptions" in self.data

    @property
    def conditions(self) -> list[str]:
        """The conditions that the EXCEPTION part of a block names, in order."""
        return [
            condition["PLpgSQL_condition"]["condname"]
            for handler in self._handlers()
            for condition in handler.get("conditions", [])
        ]

    @property
    def body(self) -> list[tuple[str, Json]]:
        """Kinds and fields of the statements directly in the body of a block or loop."""
        return [_kind(item) for item in self.data.get("body", [])]

    @property
    def raises_error(self) -> bool:
        """A RAISE at level EXCEPTION, but not the bare ``raise`` that passes an error on."""
        told = self.data.keys() & {"message", "condname", "options"}
        return (
            self.kind == "raise"
            and self.data.get("elog_level") == _RAISE_LEVEL_ERROR
            and bool(told)
        )

    @property
    def raise_options(self) -> set[str]:
        """Which of errcode, message, detail, hint a RAISE gives."""
        names = {0: "errcode", 1: "message", 2: "detail", 3: "hint"}
        given = {
            names.get(option["PLpgSQL_raise_option"].get("opt_type", 0), "other")
            for option in self.data.get("options", [])
        }
        return given | ({"errcode"} if "condname" in self.data else set())

    def _handlers(self) -> list[Json]:
        part = self.data.get("exceptions", {}).get("PLpgSQL_exception_block", {})
        return [item["PLpgSQL_exception"] for item in part.get("exc_list", [])]


@dataclass(frozen=True)
class Body:
    """A parsed body: `top` are the statements of its outermost block."""

    statements: tuple[Statement, ...]
    top: tuple[Statement, ...]
    declared: tuple[Declared, ...]
    defaults: tuple[Sql, ...]
    loop_variables: tuple[Declared, ...]

    def sql(self) -> Iterator[Sql]:
        """All SQL of the body: statements, expressions, defaults and cursors."""
        yield from self.defaults
        for statement in self.statements:
            yield from statement.sql


def parse_body(routine: Node, text: str, line: int) -> Body:
    """Parse the body `text`, whose first character stands on `line` of its file.

    Raises:
        PgQueryError: PostgreSQL's grammar refuses the body.
    """
    declared, plain = _declarations(text, line)
    tree = parse_plpgsql(f"{_header(routine)} language plpgsql as {_TAG}{plain}{_TAG}")
    function: Json = tree[0]["PLpgSQL_function"]
    reader = _Reader(plain, line)
    action = function["action"]["PLpgSQL_stmt_block"]
    while _is_wrapper(action):
        action = _kind(action["body"][0])[1]
    top = reader.read({"PLpgSQL_stmt_block": action}, ())
    defaults: list[Sql] = []
    for datum in function["datums"]:
        for item in datum.values():
            defaults += reader.expressions(item, item.get("lineno", 1))
    first = [s for s in reader.found if s.outer == (top,)]
    return Body(
        tuple(reader.found),
        tuple(first),
        tuple(declared),
        tuple(defaults),
        tuple(reader.loop_variables),
    )


def sql_unit(text: str, line: int, mode: int = _PARSE_AS_STATEMENT) -> Sql:
    """Parse SQL found in a body; `mode` is PostgreSQL's RawParseMode.

    Raises:
        PgQueryError: PostgreSQL's grammar refuses it.
    """
    if mode == _PARSE_AS_STATEMENT:
        return Sql(text, line, parse(text), 0)
    prefix = "select "
    source = text if mode == _PARSE_AS_EXPRESSION else _assignment_as_list(text)
    return Sql(text, line, parse(prefix + source), len(prefix))


def _assignment_as_list(text: str) -> str:
    """``target[i] := value`` as ``target[i],  value``: both sides, every byte in its place."""
    depth = 0
    for token in scan(text).tokens:
        if token.token in (pb.ASCII_40, pb.ASCII_91):
            depth += 1
        elif token.token in (pb.ASCII_41, pb.ASCII_93):
            depth -= 1
        elif depth == 0 and token.token in (pb.COLON_EQUALS, pb.ASCII_61):
            raw = text.encode()
            blank = b", " if token.token == pb.COLON_EQUALS else b","
            return (raw[: token.start] + blank + raw[token.end :]).decode()
    return text


def _kind(item: Json) -> tuple[str, Json]:
    name, data = next(iter(item.items()))
    return name.removeprefix(_STATEMENT), data


def _is_wrapper(block: Json) -> bool:
    """The unnamed block that the parser puts around a body with a label or an EXCEPTION part."""
    kinds = [_kind(item) for item in block.get("body", [])]
    return (
        "lineno" not in block
        and bool(kinds)
        and kinds[0][0] == "block"
        and all(kind == "return" and "lineno" not in data for kind, data in kinds[1:])
    )


class _Reader:
    """Turns the parser's JSON into statements."""

    def __init__(self, text: str, line: int) -> None:
        self.text = text
        self.line = line
        self.found: list[Statement] = []
        self.loop_variables: list[Declared] = []
        starts = [0]
        for row in text.split("\n"):
            starts.append(starts[-1] + len(row) + 1)
        self.starts = starts

    def read(
        self, item: Json, outer: tuple[Statement, ...], following: tuple[Statement, ...] = ()
    ) -> Statement:
        kind, data = _kind(item)
        lineno = data.get("lineno", 0)
        statement = Statement(
            kind,
            self.line + max(lineno - 1, 0),
            data,
            outer,
            following,
            tuple(self.expressions(data, lineno)),
        )
        self.found.append(statement)
        if kind == "fori":
            name = data["var"]["PLpgSQL_var"]["refname"]
            self.loop_variables.append(Declared(name, statement.line, "variable"))
        for listing in _lists(data):
            items = [entry for entry in listing if not _is_added_return(entry)]
            shallow = [
                Statement(
                    _kind(entry)[0],
                    0,
                    _kind(entry)[1],
                    (*outer, statement),
                    (),
                    tuple(self.expressions(_kind(entry)[1], _kind(entry)[1].get("lineno", 0))),
                )
                for entry in items
            ]
            for index, entry in enumerate(items):
                self.read(entry, (*outer, statement), tuple(shallow[index + 1 : index + 2]))
        return statement

    def expressions(self, data: Any, lineno: int) -> list[Sql]:
        """The SQL directly in a node, not that of the statements within it."""
        found: list[Sql] = []
        if isinstance(data, list):
            for item in data:
                found += self.expressions(item, lineno)
        elif isinstance(data, dict):
            lineno = data.get("lineno", lineno)
            for key, value in data.items():
                if key == "PLpgSQL_expr":
                    query = value["query"]
                    mode = value["parseMode"]
                    if query.startswith('"__Case__Variable_'):  # WHEN of a CASE with an operand
                        query, mode = query[query.index(" IN (") + 5 : -1], _PARSE_AS_EXPRESSION
                    at = self._offset_of(query, lineno)
                    line = self.line + self.text.count("\n", 0, at)
                    found.append(sql_unit(self._with_lines(query, at), line, mode))
                elif not key.startswith(_STATEMENT):
                    found += self.expressions(value, lineno)
        return found

    def _offset_of(self, query: str, lineno: int) -> int:
        """Where in the body a query begins: at or after the beginning of its statement's line."""
        key = query.split("\n", 1)[0].rstrip()
        begin = self.starts[min(max(lineno, 1), len(self.starts)) - 1]
        while key:
            at = self.text.find(key, begin)
            if at < 0 and key.startswith("SELECT "):  # PERFORM is handed over as SELECT
                at = self.text.find(key[len("SELECT ") :], begin)
            if at >= 0:
                return at
            key = key.rpartition(" ")[0].rstrip()  # an INTO was cut out of this line
        return begin

    def _with_lines(self, query: str, at: int) -> str:
        """The query with the line breaks of the INTO that the parser has blanked out."""
        same = 0
        while query[same : same + 1] and query[same] == self.text[at + same : at + same + 1]:
            same += 1
        rest = query[same:].lstrip(" ")
        until = self.text.find(rest, at + same) if same and same < len(query) else -1
        if until < 0:
            return query
        gap = self.text[at + same : until]
        return query[:same] + "".join("\n" if c == "\n" else " " for c in gap) + rest


def _is_added_return(item: Json) -> bool:
    """The RETURN that the parser adds at a body's end."""
    kind, data = _kind(item)
    return kind == "return" and "lineno" not in data


def _lists(data: Any) -> Iterator[list[Json]]:
    """The lists of statements directly within a node."""
    if isinstance(data, list):
        if data and isinstance(data[0], dict) and next(iter(data[0]), "").startswith(_STATEMENT):
            yield data
            return
        for item in data:
            yield from _lists(item)
    elif isinstance(data, dict):
        for value in data.values():
            yield from _lists(value)


def _names(type_name: Node) -> list[str]:
    return [part.string.sval for part in type_name.names]


def _plain_type(type_name: Node) -> str:
    """A stand-in that the parser knows: record where fields may be read, else text."""
    names = _names(type_name)
    if type_name.array_bounds:
        return "text[]"
    if names[-1] == "refcursor":
        return "refcursor"
    if type_name.pct_type or len(names) == 1 or names[0] == "pg_catalog":
        return "record" if names[-1] == "record" else "text"
    return "record"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if name else ""


def _header(routine: Node) -> str:
    """A CREATE of the same kind, with parameters of the same names and plain types."""
    modes = {
        pb.FUNC_PARAM_OUT: "out",
        pb.FUNC_PARAM_INOUT: "inout",
        pb.FUNC_PARAM_TABLE: "",
    }
    name = _quoted(routine.funcname[-1].string.sval if routine.funcname else "lint")
    inputs: list[str] = []
    table: list[str] = []
    outs = False
    for node in routine.parameters:
        parameter = node.function_parameter
        stand_in = _plain_type(parameter.arg_type)
        column = f"{_quoted(parameter.name)} {stand_in}"
        if parameter.mode == pb.FUNC_PARAM_TABLE:
            # A record column would make a row of the table undefined.
            table.append(f"{_quoted(parameter.name)} text")
        else:
            outs = outs or parameter.mode in (pb.FUNC_PARAM_OUT, pb.FUNC_PARAM_INOUT)
            inputs.append(f"{modes.get(parameter.mode, '')} {column}")
    if routine.is_procedure:
        return f"create procedure {name}({', '.join(inputs)})"
    returned = _names(routine.return_type)[-1:] if routine.HasField("return_type") else []
    if returned == ["trigger"]:
        # The parser's own trigger variables come out as broken JSON, so they are parameters here.
        special = ["new record", "old record"]
        special += [f"tg_{name} text" for name in ("name", "when", "level", "op", "relid")]
        special += [f"tg_{name} text" for name in ("relname", "table_name", "table_schema")]
        special += ["tg_nargs text", "tg_argv text[]"]
        return f"create function {name}({', '.join(special)}) returns text"
    if returned == ["event_trigger"]:
        return f"create function {name}(tg_event text, tg_tag text) returns void"
    if table:
        result = f"returns table ({', '.join(table)})"
    elif routine.return_type.setof:
        result = "returns setof record" if outs else "returns setof text"
    elif outs or not returned:
        result = "" if outs else "returns void"
    else:
        result = "returns void" if returned == ["void"] else "returns text"
    return f"create function {name}({', '.join(inputs)}) {result}"


_ENDS_TYPE = {pb.COLLATE, pb.NOT, pb.DEFAULT, pb.COLON_EQUALS, pb.ASCII_61}


def _declarations(text: str, line: int) -> tuple[list[Declared], str]:
    """What the DECLARE sections declare, and the text with their types made known to the parser."""
    raw = text.encode()
    tokens = [t for t in scan(text).tokens if t.token not in (pb.SQL_COMMENT, pb.C_COMMENT)]
    declared: list[Declared] = []
    edits: list[tuple[int, int, bytes]] = []

    def word(token: Any) -> str:
        return raw[token.start : token.end].decode().lower()

    index, inside = 0, False
    while index < len(tokens):
        if not inside:
            inside = tokens[index].token == pb.DECLARE
            index += 1
            continue
        if tokens[index].token == pb.DECLARE:
            index += 1
            continue
        if tokens[index].token == pb.BEGIN_P:
            inside = False
            continue
        stop = index
        while stop < len(tokens) and tokens[stop].token != pb.ASCII_59:
            stop += 1
        item = tokens[index:stop]
        name = raw[item[0].start : item[0].end].decode().strip('"')
        at = line + raw[: item[0].start].count(b"\n")
        rest = item[1:]
        if rest and word(rest[0]) == "constant":
            rest = rest[1:]
        type_tokens = []
        for token in rest:
            if token.token in _ENDS_TYPE:
                break
            type_tokens.append(token)
        words = [word(token) for token in type_tokens]
        if words[:1] != ["alias"]:
            cursor = words[:1] == ["cursor"] or words[:2] in (
                ["no", "scroll"],
                ["scroll", "cursor"],
            )
            declared.append(Declared(name, at, "variable" if cursor else _declared_kind(words)))
            if not cursor and _in_a_schema(words):
                # the parser would take an array of rows for one of records, which there is not
                is_array = "[" in words
                last = type_tokens[-1 if is_array else 0]
                edits.append((type_tokens[0].start, last.end, b"text[]" if is_array else b"public"))
        index = stop + 1
    for start, end, known in reversed(edits):
        raw = raw[:start] + known + raw[end:]
    return declared, raw.decode()


def _in_a_schema(words: list[str]) -> bool:
    if len(words) < 3 or words[1] != "." or words[0] in ("pg_catalog", "public"):
        return False
    return words[-1] != "type" or words[3:4] == ["."]


def _declared_kind(words: list[str]) -> str:
    if words in (["record"], ["pg_catalog", ".", "record"]) or words[-1:] == ["rowtype"]:
        return "record"
    if words[-1:] == ["type"] or "[" in words or words[:1] == ["pg_catalog"]:
        return "variable"
    return "either" if words[1:2] == ["."] else "variable"
