"""The SQL in Python: its string constants as the program will put them together.

Python's parser gives the strings; comments and strings that stand alone (docstrings) are no code.
Read as one text are: adjacent strings, `+`, `%`, `.format()`, f-strings, `" ".join([...])`,
`sql += ...` in the same block, and wrappers such as `text()`, `sql.SQL()` and `dedent()`. A name
that the module gives a string once, and never another value, is that string; all else is a hole.

A string that is written to a log, raised, compared or searched for is not run, and is left out.
"""

from __future__ import annotations

import ast
import io
import re
import string
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pgtandem.scan.grammar import ADVISORY
from pgtandem.scan.lexer import Comment, Text, joined, plain_text, without_holes
from pgtandem.scan.model import WARNING, Finding
from pgtandem.scan.sqltext import MAY_LOCK, Found, scan_text

Pieces: TypeAlias = list[Text | str]

WRAPPERS: Final = frozenset(
    "SQL text dedent cleandoc str DDL RawSQL Composed literal_column".split()
)
"""Calls whose first argument is the SQL that they give."""
METHODS: Final = frozenset(
    "strip lstrip rstrip lower upper encode bindparams execution_options replace".split()
)
"""Methods of a string that leave what it locks."""
RUNNERS: Final = frozenset(
    """
    SQL text DDL RawSQL RunSQL raw query fetch fetchrow fetchval fetchall fetchone fetch_all
    fetch_one fetch_val run run_query do exec q command call statement mogrify scalar scalars
    prepare cursor copy_expert read_frame
    """.split()
)
"""Calls besides those named after SQL or `execute` that hand a text to a database."""
RUNS: Final = re.compile(r"sql|execut", re.IGNORECASE)
SQL_NAME: Final = re.compile(r"sql|quer|stmt|statement|command|cmd|ddl|lock", re.IGNORECASE)
"""Names that a program gives to texts of SQL."""
LOG_METHODS: Final = frozenset(
    "debug info warning warn error exception critical fatal log notice trace".split()
)
SEARCHES: Final = frozenset("startswith endswith find rfind index count removeprefix".split())
TALK: Final = frozenset(
    "help description doc message msg title label verbose_name help_text epilog reason hint".split()
)
"""Keyword arguments whose text people read."""

_LITERAL = re.compile(r"(?P<prefix>[A-Za-z]{0,3})(?P<quote>'''|\"\"\"|'|\")")
_PERCENT = re.compile(r"%(?:\((?P<name>\w+)\))?[-+ #0]*\d*(?:\.\d+)?(?P<kind>[sdriefgxa%])")


def scan_python(path: str, text: str) -> tuple[Found, str | None]:
    """What a file of Python holds; in words why it was read by its strings alone, else None."""
    text = without_holes(text)
    found = Found(path)
    if not MAY_LOCK.search(text):
        return found, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in somebody else's program
            tree = ast.parse(text)
            literals, comments = _tokens(text)
        _Visitor(found, tree, text, literals).visit_all()
    except (SyntaxError, ValueError, RecursionError, tokenize.TokenError) as error:
        found = Found(path)
        _scan_strings(found, text)
        return found, f"{type(error).__name__}: {error}"
    found.comments(comments)
    found.made.clear()  # what a program makes in one place, another run may have made before
    return found, None


@dataclass(frozen=True)
class _Literal:
    """A string literal: offsets and first line."""

    start: int
    end: int
    line: int
    source: str


def _tokens(text: str) -> tuple[list[_Literal], list[Comment]]:
    """The string literals (an f-string is one) and comments of a text."""
    rows = [0]
    for row in text.split("\n"):
        rows.append(rows[-1] + len(row) + 1)
    literals, comments = [], []
    depth, begin = 0, (0, 0)
    f_start = getattr(tokenize, "FSTRING_START", -1)
    f_end = getattr(tokenize, "FSTRING_END", -1)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        first, last = token.start, token.end
        if token.type == tokenize.COMMENT:
            comments.append(Comment(token.string, first[0], not token.line[: first[1]].strip()))
        if token.type == f_start:
            begin = begin if depth else first
            depth += 1
        elif token.type == f_end:
            depth -= 1
        ends_literal = token.type in (f_end, tokenize.STRING)
        if ends_literal and depth == 0:
            if token.type == f_end:
                first = begin
            start, end = rows[first[0] - 1] + first[1], rows[last[0] - 1] + last[1]
            literals.append(_Literal(start, end, first[0], text[start:end]))
    return literals, comments


class _Names(ast.NodeVisitor):
    """Names that a module binds once, to an expression, and those that it hands to a database."""

    def __init__(self, tree: ast.AST) -> None:
        self.bound: dict[str, int] = {}
        self.values: dict[str, ast.expr] = {}
        self.run: set[str] = set()
        self.visit(tree)

    def value(self, name: str) -> ast.expr | None:
        return self.values.get(name) if self.bound.get(name) == 1 else None

    def _bind(self, name: str, times: int = 1) -> None:
        self.bound[name] = self.bound.get(name, 0) + times

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._bind(node.id)

    def visit_arg(self, node: ast.arg) -> None:
        self._bind(node.arg, 2)

    def visit_alias(self, node: ast.alias) -> None:
        self._bind((node.asname or node.name).split(".")[0], 2)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._bind(node.target.id, 2)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self.values[node.targets[0].id] = node.value
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name) and node.value:
            self.values[node.target.id] = node.value
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if _runs(node):
            self.run.update(
                name.id
                for argument in node.args[:1]
                for name in ast.walk(argument)
                if isinstance(name, ast.Name)
            )
        self.generic_visit(node)


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _runs(node: ast.Call) -> bool:
    name = _called(node)
    return name in RUNNERS or bool(RUNS.search(name))


def _talks(node: ast.Call) -> bool:
    """Whether a call writes its arguments to a log, or only looks for them in other texts."""
    match node.func:
        case ast.Attribute(value=receiver, attr=name):
            owner = ast.unparse(receiver).casefold()
            if name in LOG_METHODS and ("log" in owner or owner in ("warnings", "self")):
                return True
            return name in SEARCHES or owner == "re"
        case ast.Name(id=name):
            return name in ("warn", "log_info", "log_error")
    return False


@dataclass(frozen=True)
class _Context:
    """What becomes of a string: `runs` where it goes to a database; the line of its statement."""

    runs: bool
    line: int


class _Visitor:
    def __init__(
        self, found: Found, tree: ast.Module, text: str, literals: Sequence[_Literal]
    ) -> None:
        self.found = found
        self.tree = tree
        self.names = _Names(tree)
        self.literals = literals
        self.rows = [0]
        for row in text.split("\n"):
            self.rows.append(self.rows[-1] + len(row.encode()) + 1)
        self.offsets = _byte_offsets(text)
        self.resolving: set[str] = set()

    def visit_all(self) -> None:
        self.block(self.tree.body)

    # --- statements -------------------------------------------------------------------------------

    def block(self, body: Sequence[ast.stmt]) -> None:
        """A list of statements, and strings that grow in it by `+=`."""
        growing: dict[str, Pieces] = {}
        grown: set[str] = set()
        for statement in body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    self._flush(growing, grown, name)
                    pieces = self.pieces(value)
                    if pieces is not None:
                        growing[name] = pieces
                case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
                    if name in growing:
                        growing[name] = [*growing[name], *self.piece_or_hole(value)]
                        grown.add(name)
            self.statement(statement)
        for name in list(growing):
            self._flush(growing, grown, name)

    def _flush(self, growing: dict[str, Pieces], grown: set[str], name: str) -> None:
        if name in grown:
            runs = name in self.names.run or bool(SQL_NAME.search(name))
            self.scan(growing[name], runs=runs, anchor=None)
            grown.discard(name)
        growing.pop(name, None)

    def statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring, or a string that nothing uses
        if isinstance(node, ast.Raise):
            return
        runs = False
        match node:
            case ast.Assign(targets=targets):
                runs = any(self._is_sql_name(target) for target in targets)
            case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
                runs = self._is_sql_name(target)
        context = _Context(runs, node.lineno)
        for _, value in ast.iter_fields(node):
            self._field(value, context)

    def _field(self, value: object, context: _Context) -> None:
        if isinstance(value, list):
            if value and isinstance(value[0], ast.stmt):
                self.block(value)
                return
            for item in value:
                self._field(item, context)
        elif isinstance(value, ast.expr):
            self.expression(value, context)
        elif isinstance(value, ast.AST):  # arguments, except handlers, match cases, with items
            for _, inner in ast.iter_fields(value):
                self._field(inner, context)

    def _is_sql_name(self, target: ast.expr) -> bool:
        match target:
            case ast.Name(id=name):
                return name in self.names.run or bool(SQL_NAME.search(name))
            case ast.Attribute(attr=name):
                return bool(SQL_NAME.search(name))
        return False

    # --- expressions ------------------------------------------------------------------------------

    def expression(self, node: ast.expr, context: _Context) -> None:
        """Scan the strings of an expression, the widest first, and what stands in their holes."""
        if isinstance(node, ast.Compare):
            return
        pieces = self.pieces(node)
        if pieces is not None:
            self.scan(pieces, runs=context.runs, anchor=context.line)
            self._holes(node, context)
            return
        if isinstance(node, ast.Call):
            self._call(node, context)
            return
        if isinstance(node, ast.Lambda):
            self.expression(node.body, context)
            return
        if isinstance(node, ast.Dict):  # its keys are names
            self._field(node.values, context)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.expression(child, context)
            elif isinstance(child, ast.comprehension):
                self._field([child.iter, *child.ifs], context)

    def _call(self, node: ast.Call, context: _Context) -> None:
        name = _called(node).upper()
        if name in ADVISORY and isinstance(node.func, ast.Attribute):  # SQLAlchemy's func
            self.found.findings.append(
                Finding(
                    self.found.path,
                    node.lineno,
                    "advisory",
                    WARNING,
                    (),
                    None,
                    " ".join(ast.unparse(node).split())[:100],
                    "an advisory lock: imports that take the same one run one after the other",
                    True,
                )
            )
            self.found.anchors.append(context.line)
        if _talks(node):
            return
        self.expression(node.func, context)
        runs = _runs(node)
        inner = _Context(context.runs or runs, context.line)
        for argument in node.args:
            self.expression(argument, inner)
        for keyword in node.keywords:
            if keyword.arg not in TALK:
                self.expression(keyword.value, inner)

    def _holes(self, node: ast.AST, context: _Context) -> None:
        """The expressions within a text: calls that may run SQL of their own."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call) and self.pieces(child) is None:
                self._call(child, context)
            elif isinstance(child, (ast.FormattedValue, ast.expr)):
                self._holes(child, context)

    def scan(self, pieces: Pieces, *, runs: bool, anchor: int | None) -> None:
        source = joined(pieces)
        if not MAY_LOCK.search(source.text):
            return
        text = re.sub(
            r"(?:^|(?<=\s))--[a-z][a-z-]*[=\s]" if "psql" in source.text else r"^--[a-z-]+=",
            lambda match: " " * len(match[0]),  # psql --command='lock table t'
            source.text,
        )
        scan_text(self.found, Text(text, source.breaks, source.holes), runs=runs, anchor=anchor)

    # --- texts ------------------------------------------------------------------------------------

    def piece_or_hole(self, node: ast.expr) -> Pieces:
        pieces = self.pieces(node)
        return [_name_of(node)] if pieces is None else pieces

    def pieces(self, node: ast.expr) -> Pieces | None:
        """The text that an expression gives, None where it is no string as far as is known."""
        match node:
            case ast.Constant(value=str() | bytes()) | ast.JoinedStr():
                return self._literal(node)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                one, two = self.pieces(left), self.pieces(right)
                if one is None and two is None:
                    return None
                return [
                    *([_name_of(left)] if one is None else one),
                    *([_name_of(right)] if two is None else two),
                ]
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                template = self.pieces(left)
                return None if template is None else self._percent(template, right)
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self.pieces(value)
            case ast.Name(id=name, ctx=ast.Load()):
                return self._named(name)
            case ast.Call():
                return self._made(node)
        return None

    def _named(self, name: str) -> Pieces | None:
        value = self.names.value(name)
        if value is None or name in self.resolving or len(self.resolving) > 20:
            return None
        self.resolving.add(name)
        try:
            return self.pieces(value)
        finally:
            self.resolving.discard(name)

    def _made(self, node: ast.Call) -> Pieces | None:
        match node:
            case ast.Call(func=ast.Attribute(value=receiver, attr="format")):
                template = self.pieces(receiver)
                return None if template is None else self._format(template, node)
            case ast.Call(func=ast.Attribute(value=receiver, attr="join"), args=[items]):
                glue = self.pieces(receiver)
                return None if glue is None else self._join(glue, items)
            case ast.Call(func=ast.Attribute(value=receiver, attr=name)) if name in METHODS:
                return self.pieces(receiver)
        name = _called(node)
        if name in WRAPPERS and node.args:
            first = node.args[0]
            if isinstance(first, (ast.List, ast.Tuple)):
                return self._join([], first)
            return self.pieces(first)
        if name == "Identifier" and node.args:
            return self._identifier(node)
        return None

    def _identifier(self, node: ast.Call) -> Pieces:
        pieces: Pieces = []
        for argument in node.args:
            if pieces:
                pieces.append(plain_text(".", node.lineno))
            value = argument.value if isinstance(argument, ast.Constant) else None
            if isinstance(argument, ast.Name):
                named = self.names.value(argument.id)
                value = named.value if isinstance(named, ast.Constant) else None
            if isinstance(value, str):
                written = value.replace('"', '""')
                pieces.append(plain_text(f'"{written}"', node.lineno))
            else:
                pieces.append(_name_of(argument))
        return pieces

    def _join(self, glue: Pieces, items: ast.expr) -> Pieces | None:
        listed = self.names.value(items.id) if isinstance(items, ast.Name) else items
        if not isinstance(listed, (ast.List, ast.Tuple)):
            return None
        pieces: Pieces = []
        for item in listed.elts:
            if pieces:
                pieces += glue
            pieces += self.piece_or_hole(item)
        return pieces

    def _format(self, template: Pieces, node: ast.Call) -> Pieces:
        """`"... {} {name}".format(...)`; what cannot be read stays as it is written."""
        pieces: Pieces = []
        number = 0
        for piece in template:
            if isinstance(piece, str):
                pieces.append(piece)
                continue
            try:
                parts = list(string.Formatter().parse(piece.text))
            except ValueError:
                pieces.append(piece)
                continue
            at = 0
            for literal, name, _, _ in parts:
                written = literal.replace("{", "{{").replace("}", "}}")
                pieces.append(_part(piece, literal, at))
                at += len(written)
                if name is None:
                    continue
                argument: ast.expr | None = None
                if name == "" or name.isdigit():
                    place = int(name) if name else number
                    number += 1
                    argument = node.args[place] if place < len(node.args) else None
                else:
                    argument = next((k.value for k in node.keywords if k.arg == name), None)
                pieces += [name or "..."] if argument is None else self.piece_or_hole(argument)
                close = piece.text.find("}", at)
                at = close + 1 if close >= 0 else at
        return pieces

    def _percent(self, template: Pieces, right: ast.expr) -> Pieces:
        """`"... %s" % value`."""
        values = list(right.elts) if isinstance(right, ast.Tuple) else [right]
        named: dict[str, ast.expr] = {}
        if isinstance(right, ast.Dict):
            for key, value in zip(right.keys, right.values, strict=True):
                if isinstance(key, ast.Constant):
                    named[str(key.value)] = value
        pieces: Pieces = []
        for piece in template:
            if isinstance(piece, str):
                pieces.append(piece)
                continue
            at = 0
            for match in _PERCENT.finditer(piece.text):
                pieces.append(_part(piece, piece.text[at : match.start()], at))
                at = match.end()
                if match["kind"] == "%":
                    pieces.append(_part(piece, "%", match.start()))
                elif match["name"]:
                    given = named.get(match["name"])
                    pieces += [match["name"]] if given is None else self.piece_or_hole(given)
                else:
                    pieces += self.piece_or_hole(values.pop(0)) if values else ["..."]
            pieces.append(_part(piece, piece.text[at:], at))
        return pieces

    def _literal(self, node: ast.expr) -> Pieces:
        """A constant or f-string, literal by literal, as each may stand on a line of its own."""
        start, end = self._place(node)
        pieces: Pieces = []
        for literal in self.literals:
            if start <= literal.start and literal.end <= end:
                pieces += self._of_literal(literal)
        if pieces:
            return pieces
        # In a hole of an f-string: one line.
        if isinstance(node, ast.Constant):
            return [Text(_as_text(node.value), ((0, node.lineno),))]
        return [_name_of(node)]

    def _place(self, node: ast.expr) -> tuple[int, int]:
        start = self.rows[node.lineno - 1] + node.col_offset
        end = self.rows[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        return self.offsets[start], self.offsets[end]

    def _of_literal(self, literal: _Literal) -> Pieces:
        tree = ast.parse(f"({literal.source})", mode="eval").body
        parts = tree.values if isinstance(tree, ast.JoinedStr) else [tree]
        pieces: Pieces = []
        line, last = literal.line, literal.line + literal.source.count("\n")
        written = literal.source.count("\n")
        values = [_as_text(part.value) for part in parts if isinstance(part, ast.Constant)]
        exact = sum(value.count("\n") for value in values) == written
        for part in parts:
            if isinstance(part, ast.FormattedValue):
                inner = None
                if part.conversion == -1 and part.format_spec is None:
                    inner = self._named(part.value.id) if isinstance(part.value, ast.Name) else None
                    if isinstance(part.value, ast.Call) and _called(part.value) == "Identifier":
                        inner = self._identifier(part.value)
                pieces += [_name_of(part.value)] if inner is None else inner
            elif isinstance(part, ast.Constant):
                text = plain_text(_as_text(part.value), line)
                if not exact:
                    text = Text(text.text, tuple((o, min(n, last)) for o, n in text.breaks))
                pieces.append(text)
                line = text.breaks[-1][1]
        return pieces or [Text("", ((0, literal.line),))]


def _part(piece: Text, text: str, at: int) -> Text:
    """A part of a text from an offset on."""
    breaks = [(0, piece.line_at(at))]
    breaks += [(offset - at, line) for offset, line in piece.breaks if at < offset < at + len(text)]
    return Text(text, tuple(breaks), piece.holes)


def _as_text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _name_of(node: ast.expr) -> str:
    """What a hole is called: the expression in it."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 40 else text[:38] + " …"


def _byte_offsets(text: str) -> Sequence[int]:
    """For each byte of the text in UTF-8 the offset of its character; ast counts bytes."""
    if text.isascii():
        return range(len(text) + 2)
    offsets: list[int] = []
    for index, character in enumerate(text):
        offsets += [index] * len(character.encode())
    return [*offsets, len(text), len(text) + 1]


# --- Python that its parser refuses ---------------------------------------------------------------


def _scan_strings(found: Found, text: str) -> None:
    """The string literals of a text that is no Python (of today), found by their quotes.

    Strings that nothing but blanks and `+` parts are one text; what else stands between is a hole
    where a `+` or `%` leads to it. A string that begins its line behind a colon is a docstring.
    """
    pieces: Pieces = []
    previous_end = -1
    for start, end, body, comment in _raw_literals(text):
        line = text.count("\n", 0, start) + 1
        if comment:
            row = text.rfind("\n", 0, start) + 1
            found.comments([Comment(text[start:end], line, not text[row:start].strip())])
            continue
        between = text[previous_end:start].strip() if previous_end >= 0 else "\0"
        joins = re.fullmatch(r"[+\\()\s]*|\+.*\+", between) is not None and (
            "\n" not in between or "+" in between
        )
        if not joins:
            _scan_pieces(found, pieces)
            pieces = []
        elif between.strip("+\\() \n"):
            pieces.append(between.strip("+ "))
        if not (joins or _is_bare(text, start)) or joins:
            pieces.append(plain_text(body, line))
        previous_end = end
    _scan_pieces(found, pieces)


def _scan_pieces(found: Found, pieces: Pieces) -> None:
    if pieces:
        source = joined(pieces)
        if MAY_LOCK.search(source.text):
            scan_text(found, source, runs=False)


def _is_bare(text: str, start: int) -> bool:
    """Whether a string is a statement of its own, as a docstring is."""
    before = text[:start].rstrip(" \t")
    if before and not before.endswith("\n"):
        return False
    code = before.rstrip()
    return not code or code[-1] not in "=(,+%\\[{"


def _raw_literals(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Offsets and content of each literal and comment; the last says that it is a comment."""
    at = 0
    opening = re.compile(r"#[^\n]*|(?<![\w])[A-Za-z]{0,3}(?:'''|\"\"\"|'|\")|'''|\"\"\"|'|\"")
    while match := opening.search(text, at):
        if match[0].startswith("#"):
            yield match.start(), match.end(), match[0], True
            at = match.end()
            continue
        quote = match[0].lstrip("rRbBuUfFtT")
        if not quote or quote[0] not in "'\"":
            at = match.end()
            continue
        rest = r"(?:[^\\]|\\.)*?" if len(quote) == 3 else r"(?:[^\\\n]|\\.)*?"
        whole = re.compile(rest + re.escape(quote), re.DOTALL).match(text, match.end())
        if not whole:
            at = match.end()
            continue
        body = whole[0][: -len(quote)]
        body = re.sub(r"\\(.)", lambda m: m[1] if m[1] in "'\"\\" else " ", body, flags=re.DOTALL)
        if "f" in match[0].lower():
            # Newer Pythons take the f-string's own quotes in a hole, so that it seems to end there.
            body = re.sub(r"\{[^{}]*(?:\}|$)", "{}", body)
        yield match.start(), whole.end(), body, False
        at = whole.end()
