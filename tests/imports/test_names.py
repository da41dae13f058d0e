"""What is told of a name that a reader does not see, and what programs write for nothing."""

from __future__ import annotations

import unicodedata

import pytest

from imports.fold_table import IGNORABLE, WHITE, code_points, is_in
from support.databases import Database
from support.shop import Connection, one


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        (None, []),
        ("", []),
        ("Dark Blue", []),
        ("Größe 10 µF", []),
        ("3 k\u2126", ["not normal"]),
        ("10 k\u03a9, 5 \u03bcm", []),
        ("Кола", []),
        ("TV-Кабель 5м", []),
        ("\u03b1-Tocopherol", []),
        ("東京 Tシャツ", []),
        (" a", ["blanks"]),
        ("a  b", ["blanks"]),
        ("a\tb", ["blanks"]),
        ("a\u00a0b", ["blanks"]),
        ("é ", ["blanks"]),
        ("a\x01b", ["invisible"]),
        ("a\x7f ", ["invisible", "blanks"]),
        ("Bl\u200back", ["invisible"]),
        ("\ufeffa", ["invisible"]),
        ("\u0421ola", ["look-alike"]),
        ("Col\u0430", ["look-alike"]),
        ("\u0391pple", ["look-alike"]),  # Alpha
        ("\u0391\u0410", ["look-alike"]),  # Alpha and Cyrillic A
        ("C3\u0301\u041c", ["look-alike"]),
        ("C\u200b\u0421", ["invisible", "look-alike"]),
        ("Cafe\u0301", ["not normal"]),
        (" \u0421ola\u200b e\u0301", ["invisible", "look-alike", "blanks", "not normal"]),
    ],
)
def test_warnings(db: Database, name: str | None, warnings: list[str]) -> None:
    assert one(db.owner(), "select tandem._name_warnings(%s)", name) == warnings


def test_every_invisible_and_every_white_character_is_told(db: Database) -> None:
    conn: Connection = db.owner()
    codes = [c for c in code_points() if c < 0x20000 or c >> 16 == 14]
    rows = conn.execute(
        "select w, array_agg(n) from (select n, unnest(tandem._name_warnings("
        "'a' || chr(n) || 'b')) as w from unnest(%s::integer[]) as n) as x group by w",
        (codes,),
    ).fetchall()
    told = {warning: set(numbers) for warning, numbers in rows}
    white = {c for c in codes if is_in(WHITE, c)}
    assert told["blanks"] == white - {32}
    control = {c for c in codes if unicodedata.category(chr(c)) == "Cc"}
    assert told["invisible"] == {c for c in codes if is_in(IGNORABLE, c)} | (control - white)


@pytest.mark.parametrize(
    "text", ["NULL", "null", " Null ", "\\N", "N/A", "#N/A", "NaN", "None", "nil", "-", "\u2014"]
)
def test_placeholders(db: Database, text: str) -> None:
    assert one(db.owner(), "select tandem._is_placeholder(%s)", text) is True


@pytest.mark.parametrize(
    "text", [None, "", "  ", "0", "Nullarbor", "N", "\\n\\n", "a-b", "Nan Goa"]
)
def test_no_placeholders(db: Database, text: str | None) -> None:
    assert one(db.owner(), "select tandem._is_placeholder(%s)", text) is False
