"""Which statements take a lock that others wait for: the grammar, matched strictly over tokens.

PostgreSQL's parser cannot read `LOCK TABLE %s IN {mode} MODE`, so that each statement is matched
token by token, to its end: behind the last word that the grammar allows there has to be a `;`, the
end of the text or a hole. "lock table rows for a moment" is thereby no statement. What prose and
SQL write alike (`Lock account`, `Truncate description`) is `certain` only with a word that prose
does not have; the others count where a program hands the text to a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pgtandem.scan.lexer import Kind, Text, Token
from pgtandem.scan.model import BLOCKER, NOTE, WARNING

ACCESS_EXCLUSIVE: Final = "ACCESS EXCLUSIVE"
UNKNOWN_MODE: Final = "unknown"
MODES: Final = {
    "ACCESS SHARE": NOTE,
    "ROW SHARE": NOTE,
    "ROW EXCLUSIVE": NOTE,
    "SHARE UPDATE EXCLUSIVE": NOTE,
    "SHARE": BLOCKER,
    "SHARE ROW EXCLUSIVE": BLOCKER,
    "EXCLUSIVE": BLOCKER,
    ACCESS_EXCLUSIVE: BLOCKER,
}
"""From SHARE on, those who write wait; the order is the strength."""
_STRENGTH = list(MODES)

RESERVED: Final = frozenset(
    """
    ALL ANALYSE ANALYZE AND ANY ARRAY AS ASC ASYMMETRIC BOTH CASE CAST CHECK COLLATE COLUMN
    CONSTRAINT CREATE DEFAULT DEFERRABLE DESC DISTINCT DO ELSE END EXCEPT FALSE FETCH FOR FOREIGN
    FROM GRANT GROUP HAVING IN INITIALLY INTERSECT INTO IS LATERAL LEADING LIMIT NOT NULL OFFSET ON
    ONLY OR ORDER PLACING PRIMARY REFERENCES RETURNING SELECT SOME SYMMETRIC TABLE THEN TO TRAILING
    TRUE UNION UNIQUE USER USING VARIADIC WHEN WHERE WINDOW WITH
    """.split()
)
"""Words that name no table without quotes."""
STARTERS: Final = ("BEGIN", "THEN", "ELSE", "LOOP", "ATOMIC")
"""Words of PL/pgSQL that a statement may follow."""
ADVISORY: Final = frozenset(
    f"PG_{attempt}ADVISORY_{scope}LOCK{shared}"
    for attempt in ("", "TRY_")
    for scope in ("", "XACT_")
    for shared in ("", "_SHARED")
) | {"GET_LOCK"}
_WEAK_ACTIONS = {
    ("VALIDATE",): "SHARE UPDATE EXCLUSIVE",
    ("ATTACH",): "SHARE UPDATE EXCLUSIVE",
    ("CLUSTER",): "SHARE UPDATE EXCLUSIVE",
    ("SET", "WITHOUT", "CLUSTER"): "SHARE UPDATE EXCLUSIVE",
    ("SET", "("): "SHARE UPDATE EXCLUSIVE",
    ("RESET", "("): "SHARE UPDATE EXCLUSIVE",
    ("ENABLE", "TRIGGER"): "SHARE ROW EXCLUSIVE",
    ("DISABLE", "TRIGGER"): "SHARE ROW EXCLUSIVE",
    ("ADD", "FOREIGN", "KEY"): "SHARE ROW EXCLUSIVE",
}
_ACTIONS = frozenset(
    """
    ADD ALTER ATTACH CLUSTER DETACH DISABLE DROP ENABLE FORCE INHERIT NO NOT OF OWNER RENAME
    REPLICA RESET SET VALIDATE CONVERT ENGINE MODIFY CHANGE
    """.split()
)


@dataclass(frozen=True)
class Match:
    """A statement over the tokens from `first`; `end` is an offset behind its text.

    `certain`: no prose reads so. `broken`: the text ends within it, and another place goes on.
    """

    kind: str
    severity: str
    first: int
    end: int
    tables: tuple[str, ...]
    mode: str | None
    why: str
    unknown_table: bool
    certain: bool
    broken: bool = False


def find(source: Text, found: Sequence[Token]) -> list[Match]:
    """All statements in the tokens of a text that take a lock, in their order."""
    matches = []
    for index, token in enumerate(found):
        if token.kind is not Kind.WORD:
            continue
        reader = _Reader(source, found, index)
        match: Match | None = None
        if token.value in _STATEMENTS:
            if is_start(source, found, index) and not _is_variable(found, index):
                match = _STATEMENTS[token.value](reader)
        elif token.value == "SELECT":
            match = _select(reader)
        elif token.value in ADVISORY and not _is_about(found, index):
            match = _advisory(reader)
        if match:
            matches.append(match)
    return matches


def is_start(source: Text, found: Sequence[Token], index: int) -> bool:
    """Whether a statement may begin here."""
    if index == 0:
        return True
    before = found[index - 1]
    if before.is_mark(";", ">>") or before.kind is Kind.HOLE or before.is_word(*STARTERS):
        return True
    # A line of a shell's here-document, or of a script whose last line is no SQL.
    return "\n" in source.text[before.end : found[index].start]


def _is_variable(found: Sequence[Token], index: int) -> bool:
    """Whether `lock boolean;` stands between DECLARE and BEGIN and declares a variable."""
    if index + 1 < len(found) and found[index + 1].is_word("TABLE", "TABLES"):
        return False
    before = [t for t in found[:index] if t.is_word("DECLARE", "BEGIN")]
    if not before or not before[-1].is_word("DECLARE"):
        return False
    return any(t.is_word("BEGIN") for t in found[index:])


def _is_about(found: Sequence[Token], index: int) -> bool:
    """Whether the statement only talks of a function: its rights, its description."""
    while index and not found[index - 1].is_mark(";"):
        index -= 1
    return found[index].is_word("GRANT", "REVOKE", "COMMENT", "RAISE")


@dataclass
class _Names:
    """A list of tables as it was read."""

    names: list[str]
    unknown: bool
    qualified: bool


class _Reader:
    """A place among the tokens that moves on as the grammar allows."""

    def __init__(self, source: Text, found: Sequence[Token], first: int) -> None:
        self.source = source
        self.found = found
        self.first = first
        self.at = first + 1

    @property
    def now(self) -> Token | None:
        return self.found[self.at] if self.at < len(self.found) else None

    def word(self, *words: str) -> str | None:
        """Take one of these words."""
        token = self.now
        if token and token.is_word(*words):
            self.at += 1
            return token.value
        return None

    def words(self, *words: str) -> bool:
        """Take all of these words in a row, or none."""
        start = self.at
        for word in words:
            if not self.word(word):
                self.at = start
                return False
        return True

    def mark(self, mark: str) -> bool:
        token = self.now
        if token and token.is_mark(mark):
            self.at += 1
            return True
        return False

    def hole(self) -> bool:
        token = self.now
        if token and token.kind is Kind.HOLE:
            self.at += 1
            return True
        return False

    def parentheses(self) -> list[Token] | None:
        """Take `( ... )` and give what is within."""
        if not self.mark("("):
            return None
        start, depth = self.at, 1
        while (token := self.now) and depth:
            depth += token.is_mark("(") - token.is_mark(")")
            self.at += 1
        return list(self.found[start : self.at - 1])

    def ends(self) -> bool:
        """Whether the statement ends here, or goes on in a hole."""
        token = self.now
        return token is None or token.is_mark(";") or token.kind is Kind.HOLE

    def at_end_of_text(self) -> bool:
        return self.now is None

    def closed(self) -> bool:
        """Whether a `;` ends the statement here."""
        token = self.now
        return token is not None and token.is_mark(";")

    def name(self) -> tuple[str, bool, bool] | None:
        """Take a table's name: as it is written, whether a hole is in it, whether it is quoted or
        qualified."""
        written, unknown, special = "", False, False
        last: Token | None = None
        while token := self.now:
            if last and token.start != last.end and not (token.is_mark(".") or last.is_mark(".")):
                break
            if token.is_mark("."):
                if not written:
                    return None
                special = True
                written += "."
            elif token.kind is Kind.HOLE:
                unknown = True
                written += token.value if token.value.startswith("{") else f"{{{token.value}}}"
            elif token.kind is Kind.QUOTED:
                special = True
                written += token.value
            elif token.kind is Kind.NUMBER and written:
                written += token.value
            elif token.kind is Kind.WORD and (written or token.value not in RESERVED):
                written += self.source.text[token.start : token.end]
            else:
                break
            last = token
            self.at += 1
        return (written, unknown, special) if written else None

    def tables(self) -> _Names | None:
        """Take `[ONLY] name [*] [, ...]`."""
        read = _Names([], False, False)
        while True:
            self.word("ONLY")
            wrapped = self.mark("(")
            name = self.name()
            if not name:
                return None
            if wrapped and not self.mark(")"):
                return None
            self.mark("*")
            read.names.append(name[0])
            read.unknown |= name[1]
            read.qualified |= name[2] or len(read.names) > 1
            if not self.mark(","):
                return read

    def text_end(self) -> int:
        """The offset where the statement that was read so far ends."""
        index = self.at
        while index < len(self.found) and not self.found[index].is_mark(";"):
            index += 1
        return self.found[index - 1].end

    def match(
        self,
        kind: str,
        severity: str,
        read: _Names | None,
        mode: str | None,
        why: str,
        *,
        certain: bool,
        broken: bool = False,
    ) -> Match:
        names = read or _Names([], True, False)
        return Match(
            kind,
            severity,
            self.first,
            self.text_end(),
            tuple(names.names),
            mode,
            why,
            names.unknown,
            certain,
            broken,
        )


def _blocks(mode: str) -> str:
    """Whom a table lock holds up."""
    if mode == UNKNOWN_MODE:
        return "which lock it takes is said elsewhere; it may be ACCESS EXCLUSIVE"
    if mode == ACCESS_EXCLUSIVE:
        return "takes an ACCESS EXCLUSIVE lock: all others wait, readers too"
    if MODES[mode] == BLOCKER:
        return f"takes a lock {mode}: all who write wait"
    return f"takes a lock {mode}: writers do not wait for it"


def _lock(reader: _Reader) -> Match | None:
    plural = reader.word("TABLE", "TABLES")
    if reader.at_end_of_text():
        why = _blocks(UNKNOWN_MODE)
        return reader.match(
            "lock", BLOCKER, None, UNKNOWN_MODE, why, certain=bool(plural), broken=True
        )
    start = reader.at
    old = _mysql_lock(reader, bool(plural))
    if old:
        return old
    reader.at = start
    read = reader.tables()
    if not read:
        return None
    mode, told = ACCESS_EXCLUSIVE, False
    if reader.word("IN"):
        told = True
        taken = _mode(reader)
        if taken is None:
            return None
        mode = taken
    if reader.word("NOWAIT"):
        told = True
    elif reader.word("WAIT"):  # Oracle's
        told = True
        reader.at += 1
    if not reader.ends():
        return None
    if not told and reader.hole():
        mode = UNKNOWN_MODE
    certain = bool(plural) or told or read.qualified or reader.closed()
    severity = MODES.get(mode, BLOCKER)
    return reader.match("lock", severity, read, mode, _blocks(mode), certain=certain)


def _mode(reader: _Reader) -> str | None:
    """Take `mode MODE`; unknown where a part of it is a hole or in another text."""
    words = ("ACCESS", "ROW", "SHARE", "UPDATE", "EXCLUSIVE")
    taken, unknown = [], False
    while (word := reader.word(*words)) or reader.hole():
        taken.append(word or "")
        unknown |= word is None
    if unknown or reader.at_end_of_text():
        reader.word("MODE")
        return UNKNOWN_MODE
    mode = " ".join(taken)
    return mode if mode in MODES and reader.word("MODE") else None


def _mysql_lock(reader: _Reader, plural: bool) -> Match | None:
    """LOCK TABLES a [AS b] WRITE, c READ [LOCAL]."""
    read = _Names([], False, True)
    writes = False
    while True:
        name = reader.name()
        if not name:
            return None
        if not reader.word("READ", "WRITE"):
            if reader.words("LOW_PRIORITY", "WRITE"):
                writes = True
            else:
                reader.word("AS")
                if not reader.name() or not reader.word("READ", "WRITE", "LOW_PRIORITY"):
                    return None
        writes |= reader.found[reader.at - 1].is_word("WRITE", "LOW_PRIORITY")
        reader.word("LOCAL", "WRITE")
        read.names.append(name[0])
        read.unknown |= name[1]
        if not reader.mark(","):
            break
    if not reader.ends():
        return None
    mode = ACCESS_EXCLUSIVE if writes else "SHARE"
    why = f"MySQL's table lock: {'all others wait' if writes else 'all who write wait'}"
    return reader.match("lock", BLOCKER, read, mode, why, certain=plural)


def _flush(reader: _Reader) -> Match | None:
    """MySQL's FLUSH TABLES [a, b] WITH READ LOCK."""
    if not reader.word("TABLE", "TABLES"):
        return None
    start = reader.at
    read = reader.tables()
    if not read:
        reader.at = start
    if not reader.words("WITH", "READ", "LOCK") or not reader.ends():
        return None
    why = "MySQL's global read lock: all who write wait"
    return reader.match("lock", BLOCKER, read, "SHARE", why, certain=True)


def _truncate(reader: _Reader) -> Match | None:
    table = reader.word("TABLE")
    why = _blocks(ACCESS_EXCLUSIVE)
    if reader.at_end_of_text():
        return reader.match(
            "truncate", BLOCKER, None, ACCESS_EXCLUSIVE, why, certain=bool(table), broken=True
        )
    read = reader.tables()
    if not read:
        return None
    told = bool(reader.word("RESTART", "CONTINUE") and reader.word("IDENTITY"))
    told |= bool(reader.word("CASCADE", "RESTRICT"))
    if not reader.ends():
        return None
    certain = bool(table) or told or read.qualified or reader.closed()
    return reader.match("truncate", BLOCKER, read, ACCESS_EXCLUSIVE, why, certain=certain)


def _alter(reader: _Reader) -> Match | None:
    if not reader.word("TABLE"):
        return None
    reader.words("IF", "EXISTS")
    read = reader.tables()
    if not read or len(read.names) > 1:
        return None
    token = reader.now
    if token is None or not (token.value in _ACTIONS or token.kind is Kind.HOLE):
        return None
    if token.kind is Kind.WORD and reader.at + 1 == len(reader.found):
        return None  # "alter table products set": an action has more than a word
    kind, mode = "alter_table", "ACCESS SHARE"
    for action in _actions(reader):
        taken = _action_mode(action)
        mode = max(mode, taken, key=_STRENGTH.index)
        if [t.value for t in action[:2]] == ["DISABLE", "TRIGGER"]:
            kind = "disable_trigger"
    severity = WARNING if MODES[mode] == BLOCKER else NOTE
    return reader.match(kind, severity, read, mode, _blocks(mode), certain=True)


def _actions(reader: _Reader) -> list[list[Token]]:
    """The actions of an ALTER TABLE, which commas part."""
    actions: list[list[Token]] = [[]]
    depth = 0
    for token in reader.found[reader.at :]:
        if token.is_mark(";"):
            break
        depth += token.is_mark("(") - token.is_mark(")")
        if token.is_mark(",") and depth == 0:
            actions.append([])
        else:
            actions[-1].append(token)
    return [action for action in actions if action]


def _action_mode(action: Sequence[Token]) -> str:
    values = [token.value if token.kind is not Kind.QUOTED else "" for token in action]
    if values[0] == "DETACH":
        return "SHARE UPDATE EXCLUSIVE" if "CONCURRENTLY" in values else ACCESS_EXCLUSIVE
    if values[0] == "ALTER" and "STATISTICS" in values[:5]:
        return "SHARE UPDATE EXCLUSIVE"
    if values[:2] == ["ADD", "CONSTRAINT"] and values[3:5] == ["FOREIGN", "KEY"]:
        return "SHARE ROW EXCLUSIVE"
    for begin, mode in _WEAK_ACTIONS.items():
        if tuple(values[: len(begin)]) == begin:
            return mode
    return ACCESS_EXCLUSIVE


def _create(reader: _Reader) -> Match | None:
    reader.word("UNIQUE")
    if not reader.word("INDEX") or reader.word("CONCURRENTLY"):
        return None
    reader.words("IF", "NOT", "EXISTS")
    if not reader.word("ON") and (not reader.name() or not reader.word("ON")):
        return None
    reader.word("ONLY")
    name = reader.name()
    token = reader.now
    if not name or not (token is None or token.is_mark("(") or token.is_word("USING")):
        return None
    read = _Names([name[0]], name[1], name[2])
    return reader.match("create_index", WARNING, read, "SHARE", _blocks("SHARE"), certain=True)


def _drop(reader: _Reader) -> Match | None:
    if not reader.word("INDEX") or reader.word("CONCURRENTLY"):
        return None
    reader.words("IF", "EXISTS")
    read = reader.tables()
    if not read:
        return None
    named = None
    if reader.word("ON"):  # MySQL's
        named = reader.tables()
    reader.word("CASCADE", "RESTRICT")
    if not reader.ends():
        return None
    why = _blocks(ACCESS_EXCLUSIVE)
    return reader.match("drop_index", WARNING, named, ACCESS_EXCLUSIVE, why, certain=True)


def _vacuum(reader: _Reader) -> Match | None:
    options = reader.parentheses()
    if options is not None:
        full = [i for i, token in enumerate(options) if token.is_word("FULL")]
        off = [token for i in full for token in options[i + 1 : i + 2]]
        if not full or any(t.is_word("FALSE", "OFF") or t.value == "0" for t in off):
            return None
    elif not reader.word("FULL"):
        return None
    while reader.word("FREEZE", "VERBOSE", "ANALYZE", "ANALYSE"):
        pass
    start = reader.at
    read = reader.tables()
    if not read:
        reader.at = start
    reader.parentheses()
    if not reader.ends():
        return None
    why = _blocks(ACCESS_EXCLUSIVE)
    certain = bool(read) or options is not None or reader.closed()
    return reader.match("vacuum_full", WARNING, read, ACCESS_EXCLUSIVE, why, certain=certain)


def _cluster(reader: _Reader) -> Match | None:
    told = reader.parentheses() is not None or bool(reader.word("VERBOSE"))
    start = reader.at
    read = reader.tables()
    if not read:
        reader.at = start
    elif reader.word("USING", "ON"):
        told = reader.name() is not None
    if not reader.ends():
        return None
    why = _blocks(ACCESS_EXCLUSIVE)
    certain = told or (read.qualified if read else False) or reader.closed()
    return reader.match("cluster", WARNING, read, ACCESS_EXCLUSIVE, why, certain=certain)


def _reindex(reader: _Reader) -> Match | None:
    options = reader.parentheses() or []
    what = reader.word("INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM")
    if not what or reader.word("CONCURRENTLY"):
        return None
    if any(token.is_word("CONCURRENTLY") for token in options):
        return None
    read = reader.tables()
    if not reader.ends():
        return None
    why = "takes a lock SHARE on the table and ACCESS EXCLUSIVE on each index: all who write wait"
    named = read if what == "TABLE" else None
    return reader.match("reindex", WARNING, named, "SHARE", why, certain=True)


def _advisory(reader: _Reader) -> Match | None:
    token = reader.now
    if not token or not token.is_mark("("):
        return None
    why = "an advisory lock: imports that take the same one run one after the other"
    return reader.match("advisory", WARNING, _Names([], True, False), None, why, certain=True)


def _select(reader: _Reader) -> Match | None:
    """SELECT ... FROM t FOR UPDATE, without a WHERE or LIMIT of its own."""
    depth, tables = 0, None
    while token := reader.now:
        reader.at += 1
        depth += token.is_mark("(") - token.is_mark(")")
        if depth < 0 or token.is_mark(";"):
            return None
        if depth:
            continue
        if token.is_word("WHERE", "LIMIT", "FETCH", "UNION", "INTERSECT", "EXCEPT", "LOOP"):
            return None
        if token.is_word("FROM") and tables is None:
            tables = _from(reader)
            if not tables:
                return None
        elif token.kind is Kind.HOLE and tables:
            return None  # it may be the WHERE
        elif token.is_word("FOR") and tables:
            strength = _strength(reader)
            if strength:
                end = reader.at
                if any(
                    t.is_word("LIMIT", "FETCH") for t in reader.found[end : end + 6]
                ):  # both orders are SQL
                    return None
                why = f"FOR {strength} without WHERE: every row of the table is locked"
                mode = "ROW SHARE"
                return reader.match("for_update", WARNING, tables, mode, why, certain=True)
    return None


def _strength(reader: _Reader) -> str | None:
    for words in (("UPDATE",), ("NO", "KEY", "UPDATE"), ("SHARE",), ("KEY", "SHARE")):
        if reader.words(*words):
            return " ".join(words)
    return None


def _from(reader: _Reader) -> _Names | None:
    """The first tables of a FROM; None where it begins with a function or a query."""
    reader.word("ONLY")
    read = _Names([], False, False)
    while True:
        name = reader.name()
        token = reader.now
        if not name or (token and token.is_mark("(")):
            return read if read.names else None
        read.names.append(name[0])
        read.unknown |= name[1]
        start = reader.at
        reader.word("AS")
        alias = reader.now
        if not alias or alias.kind is Kind.HOLE or not reader.name():
            reader.at = start
        if not reader.mark(","):
            return read


_STATEMENTS = {
    "LOCK": _lock,
    "FLUSH": _flush,
    "TRUNCATE": _truncate,
    "ALTER": _alter,
    "CREATE": _create,
    "DROP": _drop,
    "VACUUM": _vacuum,
    "CLUSTER": _cluster,
    "REINDEX": _reindex,
}
