"""A text of SQL with all the SQL that is quoted in it: bodies, EXECUTE, format(), `||`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pgtandem.lint.pgparser import PgQueryError, parse
from pgtandem.scan.grammar import STARTERS, Match, find, is_start
from pgtandem.scan.lexer import (
    Comment,
    Kind,
    Text,
    Token,
    inner_text,
    joined,
    plain_text,
    tokens,
    without_holes,
)
from pgtandem.scan.model import NOTE, Finding, Waiver, read_waiver

DEEPEST: Final = 8
"""Quotes within quotes are followed so far."""
SHOWN: Final = 100
"""Characters of a statement that are shown."""

MAY_LOCK: Final = re.compile(
    r"lock|truncate|\bfor\s|\balter\b|index|\bvacuum\b|\bcluster\b", re.IGNORECASE
)
"""A text without any of these holds nothing that is looked for."""
_TALK = ("RAISE", "COMMENT", "ASSERT")
_RUNS = ("EXECUTE", "PREPARE", "CREATE")
_ENDS_OPERAND = ("INTO", "USING", "LOOP", "THEN", "FROM", "WHERE", "AS", "AND", "OR", "END")


@dataclass
class Found:
    """What the texts of one file hold: findings, waivers, tables that the file itself makes."""

    path: str
    findings: list[Finding] = field(default_factory=list)
    anchors: list[int | None] = field(default_factory=list)
    """For each finding the line where the call around it begins, if a waiver may stand there."""
    waivers: list[Waiver] = field(default_factory=list)
    temporary: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)

    def comments(self, comments: Sequence[Comment]) -> None:
        """Take the waivers of comments."""
        for comment in comments:
            waiver = read_waiver(comment.text, comment.line, comment.alone)
            if waiver and waiver not in self.waivers:
                self.waivers.append(waiver)


def scan_sql(path: str, text: str, first_line: int = 1) -> Found:
    """What a file of SQL holds."""
    found = Found(path)
    if MAY_LOCK.search(text):
        scan_text(found, plain_text(without_holes(text), first_line), runs=True)
    return found


def scan_text(
    found: Found, source: Text, *, runs: bool, anchor: int | None = None, depth: int = 0
) -> None:
    """Add what a text holds to `found`; `runs`: it is handed to a database, so that it is SQL."""
    code, comments = tokens(source)
    found.comments(comments)
    _note_tables(found, source, code)
    matches = [m for m in find(source, code) if runs or _is_sql(source, code, m)]
    before = len(found.findings)
    for match in matches:
        found.findings.append(_finding(found.path, source, code, match))
        found.anchors.append(None)
    if depth < DEEPEST:
        for quoted, quoted_runs in _quoted(source, code, runs):
            if MAY_LOCK.search(quoted.text):
                scan_text(found, quoted, runs=quoted_runs, depth=depth + 1)
    if anchor is not None and len(found.findings) == before + 1:
        found.anchors[before] = anchor


def _is_sql(source: Text, code: Sequence[Token], match: Match) -> bool:
    """Whether a string that may be anything is SQL: PostgreSQL's parser has the last word.

    A half, whose other half is elsewhere, ends where the parser wants more; it counts only where it
    is written as one writes halves, `"LOCK TABLE "`.
    """
    if match.broken:
        written = source.text[code[match.first].start :]
        return match.certain and (written != written.rstrip() or written.isupper())
    if not match.certain:
        return False
    statement = source.text[code[match.first].start : match.end]
    if match.mode is None or match.why.startswith("MySQL") or any(map(source.hole, statement)):
        return True
    if any(t.kind is Kind.HOLE for t in code if code[match.first].start <= t.start < match.end):
        return True
    try:
        parse(statement)
    except PgQueryError as error:
        return "at end of input" in error.message or "`" in statement
    return True


def _finding(path: str, source: Text, code: Sequence[Token], match: Match) -> Finding:
    start = code[match.first].start
    shown = source.shown(start, min(match.end, start + 4 * SHOWN))
    if len(shown) > SHOWN:
        shown = shown[: SHOWN - 2] + " …"
    return Finding(
        path,
        source.line_at(start),
        match.kind,
        match.severity,
        match.tables,
        match.mode,
        shown,
        match.why,
        match.unknown_table,
    )


def _note_tables(found: Found, source: Text, code: Sequence[Token]) -> None:
    """CREATE [TEMP] TABLE name: a lock on it holds nobody up, or nobody yet."""
    for index, token in enumerate(code):
        if not token.is_word("CREATE"):
            continue
        rest = list(code[index + 1 : index + 9])
        words = [t.value if t.kind is Kind.WORD else "" for t in rest]
        if words[:1] in (["GLOBAL"], ["LOCAL"]):
            rest, words = rest[1:], words[1:]
        temporary = words[:1] in (["TEMP"], ["TEMPORARY"])
        if temporary or words[:1] == ["UNLOGGED"]:
            rest, words = rest[1:], words[1:]
        if words[:1] != ["TABLE"]:
            continue
        there = words[1:4] == ["IF", "NOT", "EXISTS"]
        name = ""
        for part in rest[4 if there else 1 :]:
            if part.kind not in (Kind.WORD, Kind.QUOTED, Kind.HOLE) and not part.is_mark("."):
                break
            if part.is_word("AS", "ON", "USING"):
                break
            name += source.shown(part.start, part.end).strip('"`')
        if "{" in name or not name:
            continue
        if temporary:
            found.temporary.add(name.casefold())
        elif not there:
            found.made.add(name.casefold())


def _quoted(source: Text, code: Sequence[Token], runs: bool) -> Iterator[tuple[Text, bool]]:
    """The constants of a text that may hold SQL, `||` between them followed."""
    talks = executed = False
    done = -1
    for index, token in enumerate(code):
        if is_start(source, code, index):
            executed &= not _ends(code, index)
            talks = (talks and not _ends(code, index)) or token.is_word(*_TALK)
        executed |= token.is_word(*_RUNS) or token.is_mark(":=")
        if index <= done or talks:
            continue
        if token.kind is Kind.DOLLAR:
            yield inner_text(source, token), True
        elif token.kind is Kind.QUOTED and re.search(r"\s", token.value):
            yield inner_text(source, token), False  # psql -c "lock table t"
        elif token.kind is Kind.STRING:
            pieces, done = _chain(source, code, index)
            yield joined(pieces), runs and executed


def _ends(code: Sequence[Token], index: int) -> bool:
    """Whether the statement before a token has ended."""
    return index == 0 or code[index - 1].is_mark(";") or code[index - 1].is_word(*STARTERS)


def _chain(source: Text, code: Sequence[Token], index: int) -> tuple[list[Text | str], int]:
    """A constant and what `||` joins to it; the index of the last token that was taken."""
    pieces: list[Text | str] = [inner_text(source, code[index])]
    while index + 1 < len(code) and code[index + 1].is_mark("||"):
        first = index + 2
        last = _operand_end(code, first)
        if last < first:
            pieces.append("...")
            return pieces, index + 1
        operand = code[first : last + 1]
        if len(operand) == 1 and operand[0].kind is Kind.STRING:
            pieces.append(inner_text(source, operand[0]))
        else:
            pieces.append(source.shown(operand[0].start, operand[-1].end))
        index = last
    return pieces, index


def _operand_end(code: Sequence[Token], first: int) -> int:
    depth = 0
    for index in range(first, len(code)):
        token = code[index]
        if depth == 0 and (
            token.is_mark("||", ";", ",", ")", ":=") or token.is_word(*_ENDS_OPERAND)
        ):
            return index - 1
        depth += token.is_mark("(", "[") - token.is_mark(")", "]")
    return len(code) - 1


def settled(found: Found) -> Found:
    """The same without doubles, and with locks that hold nobody up as notes."""
    whole = {(f.line, f.kind) for f in found.findings if f.tables}
    kept: dict[tuple[int, str, tuple[str, ...], str], tuple[Finding, int | None]] = {}
    for finding, anchor in zip(found.findings, found.anchors, strict=True):
        is_half = not finding.tables and finding.kind in ("lock", "truncate")
        if is_half and (finding.line, finding.kind) in whole:
            continue  # the whole was read as well
        key = (finding.line, finding.kind, finding.tables, finding.statement)
        kept.setdefault(key, (_softened(found, finding), anchor))
    rows = sorted(kept.values(), key=lambda row: row[0].line)
    found.findings = [finding for finding, _ in rows]
    found.anchors = [anchor for _, anchor in rows]
    return found


def _softened(found: Found, finding: Finding) -> Finding:
    names = {name.casefold() for name in finding.tables}
    if not names or finding.severity == NOTE:
        return finding
    why = ""
    if names <= found.temporary:
        why = "a temporary table, which no other session sees"
    elif finding.kind in ("alter_table", "create_index") and names <= found.made:
        why = "this file makes the table, so that nobody waits for it"
    if not why:
        return finding
    return Finding(
        finding.path,
        finding.line,
        finding.kind,
        NOTE,
        finding.tables,
        finding.mode,
        finding.statement,
        why,
        finding.unknown_table,
    )
