"""The constants of db/procedures/imports/_import_key.sql, from Unicode's tables in Python.

`python tests/imports/fold_table.py` writes them into that file and prints what is there; nobody
edits them by hand. They are those of Unicode 14.0.0, which PostgreSQL 15, the oldest that is
supported, and Python 3.11 have, and stay so: a key that changed would corrupt users' indexes. Other
versions of Python know more characters, so that they can make only a part of this anew.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from pgtandem.paths import db_dir

VERSION = "14.0.0"
HAS_VERSION = unicodedata.unidata_version == VERSION
FILE = db_dir() / "procedures" / "imports" / "_import_key.sql"
LAST = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)

Range = tuple[int, int]
"""First and last code point."""

IGNORABLE: tuple[Range, ...] = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Default_Ignorable_Code_Point of DerivedCoreProperties.txt, which Python does not have."""

WHITE: tuple[Range, ...] = (
    (0x0009, 0x000D),
    (0x0020, 0x0020),
    (0x0085, 0x0085),
    (0x00A0, 0x00A0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
)
"""White_Space of PropList.txt; Python's str.isspace() has U+001C to U+001F too."""

COMMON = 0x045F
"""Folds up to this one, of Latin, Greek and Cyrillic letters in use, are a list of their own."""


def is_in(ranges: Iterable[Range], code: int) -> bool:
    """Whether a code point is in one of the ranges."""
    return any(first <= code <= last for first, last in ranges)


def code_points() -> Iterator[int]:
    """All that a text of PostgreSQL's can hold."""
    yield from (code for code in range(1, LAST + 1) if code not in SURROGATES)


def ranges_of(codes: Iterable[int]) -> list[Range]:
    """Ascending code points as ranges."""
    found: list[Range] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


def folds() -> dict[str, str]:
    """Full case folding of the characters that stay in a decomposed text and are no ASCII."""
    found = {}
    for code in code_points():
        letter = chr(code)
        if code > 0x7F and unicodedata.normalize("NFKD", letter) == letter != letter.casefold():
            found[letter] = letter.casefold()
    return found


def unassigned() -> list[Range]:
    """What Unicode 14 gave no meaning, and beyond U+FFFF what stands between and never changes.

    A later version may decompose, compose or reorder such a character. The letters between, which
    no normal form and no folding touches, make the list shorter.
    """
    composing: set[int] = set()
    for code in code_points():
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            composing |= {int(part, 16) for part in parts}

    def is_inert(code: int) -> bool:
        letter = chr(code)
        return (
            code > 0xFFFF
            and not 0x1F000 <= code < 0x1FB00  # emoji are in use
            and unicodedata.combining(letter) == 0
            and unicodedata.normalize("NFKD", letter) == letter == letter.casefold()
            and code not in composing
            and not is_in(IGNORABLE, code)
        )

    found: list[Range] = []
    for first, last in ranges_of(
        code
        for code in code_points()
        if unicodedata.category(chr(code)) == "Cn" and not is_in(IGNORABLE, code)
    ):
        if found and all(is_inert(code) for code in range(found[-1][1] + 1, first)):
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def escaped(code: int) -> str:
    """A code point as a regular expression and JSON write it."""
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def expression(ranges: Iterable[Range]) -> list[str]:
    """Ranges as they stand between the brackets of a regular expression."""
    return [
        escaped(first) + ("" if first == last else f"-{escaped(last)}") for first, last in ranges
    ]


SCRIPTS: tuple[tuple[str, Callable[[int], bool]], ...] = (
    ("Latin", lambda code: code < 0x180),
    ("Greek", lambda code: 0x370 <= code < 0x400),
    ("Cyrillic", lambda code: 0x400 <= code < 0x430),
    ("all other letters, which are rare", lambda code: True),
)
"""A list each, as translate() compares every character with every one of its list."""

WIDTH = 100


def literal(parts: Iterable[str], indent: int, last: str) -> list[str]:
    """Lines of one e'' constant with `last` behind it; an escape is not torn."""
    start = " " * indent
    lines = [f"{start}e'"]
    *all_but_last, end = [part.replace("\\", "\\\\") for part in parts]
    for text in (*all_but_last, end + "'" + last):
        if len(lines[-1]) + len(text) + 1 > WIDTH:
            lines[-1] += "'"
            lines.append(f"{start}'")
        lines[-1] += text
    return lines


def bracketed(ranges: Iterable[Range]) -> list[str]:
    """A bracket expression, in parts."""
    return ["[", *expression(ranges), "]"]


def json_string(letters: Iterable[str]) -> list[str]:
    """A JSON string of ASCII only, in parts: it can be read in a database of any encoding."""
    escapes = []
    for letter in letters:
        units = letter.encode("utf-16-be").hex()
        escapes.append("".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)))
    return ['"', *escapes, '"']


def near(codes: Iterable[int], gap: int) -> list[Range]:
    """The code points as ranges which may hold up to `gap` others in a row."""
    found: list[Range] = []
    for code in codes:
        if found and code - found[-1][1] <= gap:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


def constants() -> list[str]:
    """The declarations of the routine that are made here."""
    return [
        "    v_ignorable constant text :=",
        *literal(bracketed(IGNORABLE), 8, ";"),
        "    v_unassigned constant text :=",
        *literal(bracketed(unassigned()), 8, ";"),
    ]


def statements() -> list[str]:
    """The folding of one piece of text."""
    rest = {letter: folded for letter, folded in folds().items() if len(folded) == 1}
    several = {letter: folded for letter, folded in folds().items() if len(folded) > 1}
    assert set(several.values()) == {"ss"}
    lines = [
        "        v_piece := pg_catalog.regexp_replace(",
        "            v_piece,",
        *literal(bracketed(ranges_of(map(ord, several))), 12, ", 'ss', 'g'"),
        "        );",
    ]
    for name, belongs in SCRIPTS:
        mine = {letter: folded for letter, folded in rest.items() if belongs(ord(letter))}
        rest = {letter: folded for letter, folded in rest.items() if letter not in mine}
        lines += [
            f"        -- {name}",
            "        if v_piece ~",
            *literal(bracketed(near(map(ord, mine), 4)), 12, ""),
            "        then",
            "            v_piece := pg_catalog.translate(",
            "                v_piece,",
            *literal(json_string(mine), 16, "::jsonb #>> '{}',"),
            *literal(json_string(mine.values()), 16, "::jsonb #>> '{}'"),
            "            );",
            "        end if;",
        ]
    return lines


SECTION = re.compile(
    r"(?P<first> *-- made by tests/imports/fold_table.py: (?P<name>\w+)\n).*?(?P<last> *-- end\n)",
    re.DOTALL,
)


def made_anew(text: str) -> str:
    """The routine's file with its sections as this module makes them."""
    makers = {"constants": constants, "folds": statements}
    return SECTION.sub(
        lambda found: found["first"] + "\n".join(makers[found["name"]]()) + "\n" + found["last"],
        text,
    )


def unassigned_in_file() -> list[Range]:
    """The ranges of v_unassigned as the file has them, for versions of Python that know more."""
    text = FILE.read_text(encoding="utf-8")
    found = re.search(r"v_unassigned constant text :=(.*?);", text, re.DOTALL)
    assert found
    escapes = r"\\\\[uU]([0-9a-f]+)(?:'\s+')?(?:-\\\\[uU]([0-9a-f]+))?"
    return [
        (int(first, 16), int(last or first, 16)) for first, last in re.findall(escapes, found[1])
    ]


if __name__ == "__main__":
    if not HAS_VERSION:
        sys.exit(f"Python 3.11 has Unicode {VERSION}, this one {unicodedata.unidata_version}")
    FILE.write_text(made_anew(FILE.read_text(encoding="utf-8")), encoding="utf-8")
