"""SQL as tokens, read so that no fault in a text hides what comes after it.

PostgreSQL's own lexer stops at the first thing that it does not know, and most of what a program
holds is not SQL yet: `LOCK TABLE %s`, `LOCK TABLE {t}`, `LOCK TABLE :"t"`, a half that another line
completes, MySQL's backticks. Such a place is a token `HOLE` here, which may stand for any name.
A quote without an end is a token by itself, and reading goes on behind it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

FIRST_HOLE: Final = 0xE000
MOST_HOLES: Final = 6000
"""Holes that a caller puts into a text are characters of Unicode's private area."""


@dataclass(frozen=True)
class Text:
    """SQL text, where it stands, and what its holes are called.

    `breaks` are pairs of an offset and the line from there on, rising, the first at offset 0.
    """

    text: str
    breaks: tuple[tuple[int, int], ...]
    holes: tuple[str, ...] = ()

    def line_at(self, offset: int) -> int:
        """The line of an offset."""
        return self.breaks[max(bisect_right(self.breaks, (offset, 1 << 60)) - 1, 0)][1]

    def shown(self, start: int, end: int) -> str:
        """A part in one line, with its holes by name."""
        part = "".join(self.hole(c) or c for c in self.text[start:end])
        return " ".join(part.split())

    def hole(self, character: str) -> str | None:
        """The name of the hole that a character stands for, None where it is no hole."""
        number = ord(character) - FIRST_HOLE if len(character) == 1 else -1
        return "{" + self.holes[number] + "}" if 0 <= number < len(self.holes) else None


def plain_text(text: str, first_line: int = 1) -> Text:
    """A text of its own, whose lines count from `first_line`."""
    breaks = [(0, first_line)]
    for line, match in enumerate(re.finditer("\n", text), start=first_line + 1):
        breaks.append((match.end(), line))
    return Text(text, tuple(breaks))


def hole_character(number: int) -> str:
    """The character for the hole `number` of a text."""
    return chr(FIRST_HOLE + min(number, MOST_HOLES))


def without_holes(text: str) -> str:
    """Text of a file, in which private characters would be taken for holes."""
    return re.sub("[\ue000-\uf8ff]", " ", text)


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted identifier"
    STRING = "string constant"
    DOLLAR = "dollar-quoted constant"
    NUMBER = "number"
    HOLE = "hole"
    MARK = "punctuation"


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `value` is a word in capitals, else what is between the quotes, else the text."""

    kind: Kind
    value: str
    start: int
    end: int
    inner: int = 0
    """Offset of the first character between the quotes."""

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these words, written without quotes."""
        return self.kind is Kind.WORD and self.value in words

    def is_mark(self, *marks: str) -> bool:
        """Whether it is one of these marks."""
        return self.kind is Kind.MARK and self.value in marks


@dataclass(frozen=True)
class Comment:
    """A comment of a line's, and whether the line has nothing before it."""

    text: str
    line: int
    alone: bool


_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>--[^\n]*)
  | (?P<run>/\*!\d*|\*/)                              # MySQL's comment that is run
  | (?P<block>/\*)
  | (?P<skip>\{%.*?%\}|\{\#.*?\#\})                     # Jinja
  | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
  | (?P<hole>\{\{[^{}]{0,200}\}\}|\{[^{}'"\n]*\}|%\(\w+\)[sdr]|%(?:\d+\$)?-?\d*[sdIL](?!\w)
      |\$\{\w+\}|\$\w+|(?<!:):'\w+'|(?<!:):"\w+"|(?<![:\w]):[^\W\d]\w*|\?|[\ue000-\uf8ff])
  | (?P<escaped>[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*')
  | (?P<string>(?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*')
  | (?P<quoted>(?:[uU]&)?"[^"]*(?:""[^"]*)*"|`[^`\n]*`)
  | (?P<word>[^\W\d\ue000-\uf8ff][\w$]*)
  | (?P<number>\d[\w.]*)
  | (?P<mark>\|\||::|:=|<<|>>|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")
_META = re.compile(r"\\(?P<name>\w+|.)?(?P<rest>[^\n]*)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_COPY_END = re.compile(r"^\\\.[ \t]*$", re.MULTILINE)


def tokens(source: Text) -> tuple[list[Token], list[Comment]]:
    """The tokens of a text without its comments, and the comments that speak to pgtandem."""
    return _Lexer(source).read()


class _Lexer:
    def __init__(self, source: Text) -> None:
        self.source = source
        self.text = source.text
        self.found: list[Token] = []
        self.comments: list[Comment] = []
        self.statement = 0
        """Where in `found` the statement begins."""

    def read(self) -> tuple[list[Token], list[Comment]]:
        at = 0
        while at < len(self.text):
            if self.text[at] == "\\":
                at = self._meta(at)
                continue
            match = _TOKEN.match(self.text, at)
            assert match is not None, "the last alternative takes any character"
            at = self._take(match)
        return self.found, self.comments

    def _take(self, match: re.Match[str]) -> int:
        start, end, text = match.start(), match.end(), match[0]
        match match.lastgroup:
            case "comment":
                self._comment(start, end)
            case "block":
                end = self._block(start)
                self._comment(start, end)
            case "dollar":
                close = self.text.find(text, end)
                if close >= 0:
                    self._add(Kind.DOLLAR, self.text[end:close], start, close + len(text), end)
                    return close + len(text)
                self._add(Kind.MARK, text, start, end)
            case "hole":
                self._add(Kind.HOLE, self.source.hole(text) or text, start, end)
            case "escaped":
                # A line break that is written as \n is no line of the file.
                value = _ESCAPE.sub(lambda m: " " if m[1] in "nrt" else m[1], text[2:-1])
                self._add(Kind.STRING, value.replace("''", "'"), start, end, start + 2)
            case "string":
                first = text.index("'") + 1
                self._add(Kind.STRING, text[first:-1].replace("''", "'"), start, end, start + first)
            case "quoted":
                first = text.index('"') + 1 if '"' in text else 1
                value = text[first:-1].replace('""', '"')
                self._add(Kind.QUOTED, value, start, end, start + first)
            case "word":
                self._add(Kind.WORD, text.upper(), start, end)
            case "number":
                self._add(Kind.NUMBER, text, start, end)
            case "mark":
                self._add(Kind.MARK, text, start, end)
                if text == ";":
                    return self._after_statement(end)
        return end

    def _add(self, kind: Kind, value: str, start: int, end: int, inner: int = 0) -> None:
        self.found.append(Token(kind, value, start, end, inner))

    def _comment(self, start: int, end: int) -> None:
        if "pgtandem" not in self.text[start:end]:
            return  # only waivers are of use
        first = self.text.rfind("\n", 0, start) + 1
        alone = not self.text[first:start].strip()
        for number, row in enumerate(self.text[start:end].split("\n")):
            line = self.source.line_at(start) + number
            self.comments.append(Comment(row, line, alone or number > 0))

    def _block(self, start: int) -> int:
        """The end of a comment; comments nest. One without an end is the rest of its line."""
        depth = 0
        for match in _COMMENT_MARK.finditer(self.text, start):
            depth += 1 if match[0] == "/*" else -1
            if depth == 0:
                return match.end()
        return start + 2

    def _meta(self, at: int) -> int:
        """A command of psql's: its line is no SQL, but for the strings of \\set."""
        match = _META.match(self.text, at)
        assert match is not None, "a backslash is at this place"
        name = match["name"] or ""
        if name == "set":
            self._add(Kind.MARK, ";", at, at + 1)
            return match.start("rest")
        if name.startswith("g") or name == ";":
            self._add(Kind.MARK, ";", at, at + 1)
            return match.end("name")
        if self.text[self.text.rfind("\n", 0, at) + 1 : at].strip():
            self._add(Kind.MARK, "\\", at, at + 1)
            return at + 1
        return match.end()

    def _after_statement(self, end: int) -> int:
        """Data between COPY ... FROM STDIN and its end are no SQL."""
        words = self.found[self.statement :]
        self.statement = len(self.found)
        if words[0].is_word("COPY") and any(t.is_word("STDIN") for t in words):
            match = _COPY_END.search(self.text, end)
            return match.end() if match else end
        return end


def inner_text(source: Text, token: Token) -> Text:
    """What is between the quotes of a constant, with the lines where it stands."""
    first = source.line_at(token.inner)
    breaks = [(0, first)]
    written = source.text[token.inner : token.end]
    for match, there in zip(
        re.finditer("\n", token.value), re.finditer("\n", written), strict=False
    ):
        breaks.append((match.end(), source.line_at(token.inner + there.end())))
    return Text(token.value, tuple(breaks), source.holes)


def joined(pieces: Sequence[Text | str]) -> Text:
    """Texts one after the other; a string is the name of a hole between them."""
    text, breaks, holes = "", [], list[str]()
    for piece in pieces:
        if isinstance(piece, str):
            text += hole_character(len(holes))
            holes = [*holes, piece][: MOST_HOLES + 1]
            continue
        breaks += [(len(text) + offset, line) for offset, line in piece.breaks]
        own = piece.text
        if piece.holes:
            base = len(holes)
            own = "".join(
                hole_character(base + ord(c) - FIRST_HOLE) if piece.hole(c) else c for c in own
            )
            holes = [*holes, *piece.holes][: MOST_HOLES + 1]
        text += own
    if breaks and breaks[0][0] > 0:
        breaks.insert(0, (0, breaks[0][1]))
    return Text(text, tuple(breaks) or ((0, 1),), tuple(holes))
