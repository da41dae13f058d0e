"""tandem.import_key: the form in which names are compared, the same for ever."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imports.fold_table import (
    FILE,
    IGNORABLE,
    WHITE,
    code_points,
    unassigned_in_file,
)
from pgtandem.deploy import deploy
from support.databases import Connection, Database, TestServer
from support.shop import one
from sync.shops import products

UNASSIGNED = unassigned_in_file()
UNKNOWN = frozenset(code for first, last in UNASSIGNED for code in range(first, last + 1))
GOLDEN = "9d5a247d0be97f06b9c307d62a44e65720043d9224412032ddf0a9c8e670af46"
"""SHA-256 of the keys of CODES, a line each. Where it changes, users' unique indexes are corrupt:
this is no value to bring up to date."""

# All, but of what Unicode 14 does not know beyond the first planes, nine tenths: one in 257.
CODES = [
    code
    for code in code_points()
    if code < 0x20000 or (code not in UNKNOWN and code < 0xF0000) or code % 257 == 0
]
LETTERS = [chr(code) for code in CODES]


def pattern(ranges: list[tuple[int, int]]) -> str:
    """Ranges between the brackets of a regular expression of Python's."""
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges)


INVISIBLE = re.compile(f"[{pattern(list(IGNORABLE))}]")
BLANKS = re.compile(f"[{pattern(list(WHITE))}]+")
PIECES = re.compile(f"[{pattern(UNASSIGNED)}]+|[^{pattern(UNASSIGNED)}]+")


def reference(value: str) -> str:
    """The key by Python's tables; what Unicode 14 does not know stays as it is."""
    key = ""
    for piece in PIECES.findall(INVISIBLE.sub("", value)):
        if ord(piece[0]) in UNKNOWN:
            key += piece
        else:
            folded = unicodedata.normalize("NFKD", piece).casefold()
            key += unicodedata.normalize("NFKC", folded)
    return BLANKS.sub(" ", key).strip(" ")


@pytest.fixture(scope="module")
def keys(server: TestServer, deployed_template: str) -> Iterator[Connection]:
    """The owner's session in a database that no test changes."""
    with server.clone(deployed_template) as database:
        yield database.owner()


def key(conn: Connection, value: str | None) -> str | None:
    found = one(conn, "select tandem.import_key(%s)", value)
    assert found is None or isinstance(found, str)
    return found


def keys_of(conn: Connection, values: list[str]) -> list[str]:
    query = (
        "select array_agg(tandem.import_key(v) order by n)"
        " from unnest(%s::text[]) with ordinality as u (v, n)"
    )
    found: list[str] = one(conn, query, values)
    return found


@pytest.mark.parametrize(
    "alike",
    [
        ["Black", "BLACK", " Black", "Black\u00a0", "Bl\u200back", "\ufeffblack\t", "bla\u00adck"],
        ["Dark  Blue", "dark blue", "Dark\tBlue", "Dark\u3000\nBlue", " dark \u1680\u2028 blue "],
        ["Café", "CAFE\u0301", "cafe\u0301", "CAFÉ"],
        ["Größe", "GRÖSSE", "GRÖẞE", "gro\u0308sse"],
        ["\uff11\uff12 \uff2c", "12 l"],
        ["\u0130", "i\u0307", "I\u0307"],
        ["\u03a3\u03a3", "\u03c3\u03c2"],
        ["ﬁt", "FIT"],
        ["\u1fb4", "\u03b1\u0345\u0301", "\u03b1\u0345\u034f\u0301", "\u0386\u0399"],
        ["", " \t", "\u200b", "\u3164"],
    ],
)
def test_names_that_are_alike(keys: Connection, alike: list[str]) -> None:
    assert len(set(keys_of(keys, alike))) == 1


@pytest.mark.parametrize(
    "apart",
    [
        ["Cola", "\u0421ola"],
        ["i", "\u0131", "i\u0307"],
        ["cafe", "café"],
        ["o", "\u00f8", "\u00f6"],
        ["a b", "ab", "a-b"],
        ["", "-", "null"],
    ],
)
def test_names_that_stay_apart(keys: Connection, apart: list[str]) -> None:
    assert len(set(keys_of(keys, apart))) == len(apart)


def test_null_has_no_key(keys: Connection) -> None:
    assert key(keys, None) is None


@pytest.fixture(scope="module")
def keys_of_letters(keys: Connection) -> list[str]:
    return keys_of(keys, LETTERS)


def test_every_character_has_the_key_that_unicode_says(keys_of_letters: list[str]) -> None:
    assert [
        (f"{ord(letter):04x}", is_key)
        for letter, is_key in zip(LETTERS, keys_of_letters, strict=True)
        if is_key != reference(letter)
    ] == []
    # the same once more as the standard words it, without decomposing first
    for letter, is_key in zip(LETTERS, keys_of_letters, strict=True):
        if ord(letter) not in UNKNOWN:
            folded = unicodedata.normalize("NFKC", INVISIBLE.sub("", letter)).casefold()
            assert is_key == BLANKS.sub(" ", unicodedata.normalize("NFKC", folded)).strip(" ")


def test_the_keys_are_those_that_indexes_hold(keys: Connection, keys_of_letters: list[str]) -> None:
    # between letters, a blank and what combines is not at an end
    between = [f"e{chr(code)}\u0301" for code in CODES if code < 0x20000]
    found = keys_of_letters + keys_of(keys, between)
    assert hashlib.sha256("\n".join(found).encode()).hexdigest() == GOLDEN


MARKS = [chr(code) for code in range(0x300, 0x370)] + ["\u0327", "\u3099", "\u1161", "\u11a8"]
TEXTS = st.lists(
    st.one_of(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
        st.sampled_from([chr(c) for c in (*range(1, 0x250), *range(0x370, 0x530))]),
        st.sampled_from([chr(c) for c in (*range(0x1F00, 0x2000), *range(0x1100, 0x1200))]),
        st.sampled_from(MARKS),
        st.sampled_from([chr(c) for first, last in IGNORABLE for c in (first, last)]),
        st.sampled_from([chr(c) for first, last in WHITE for c in (first, last)]),
        st.sampled_from([chr(c) for first, last in UNASSIGNED for c in (first, last)]),
    ),
    max_size=12,
).map("".join)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(TEXTS, min_size=50, max_size=200))
def test_texts(keys: Connection, texts: list[str]) -> None:
    """Any text: as the reference says; a key's key is the same; neither NFC, NFD, capitals nor
    invisible characters make another key."""
    found = keys_of(keys, texts)
    assert found == [reference(text) for text in texts]
    assert keys_of(keys, found) == found
    known = [t for t in texts if not UNKNOWN.intersection(map(ord, t))]
    expected = keys_of(keys, known)
    for form in ("NFC", "NFD"):
        assert keys_of(keys, [unicodedata.normalize(form, t) for t in known]) == expected
    assert keys_of(keys, [INVISIBLE.sub("", t) for t in known]) == expected
    assert keys_of(keys, [f"\u2003{t}\u200b\t" for t in known]) == expected


def test_ascii_alone_has_the_key_that_it_has_among_others(keys: Connection) -> None:
    """Two ways, one result: each ASCII character by the short way and by the other."""
    texts = [f"a{chr(one_)}{chr(two)}Z" for one_ in range(1, 128) for two in (9, 32, 65, 127)]
    assert keys_of(keys, [f"{t}\u00e9" for t in texts]) == [f"{k}é" for k in keys_of(keys, texts)]


@pytest.mark.parametrize(
    "setting",
    [
        "set search_path = ''",
        "set search_path = shadow, pg_catalog",
        "set standard_conforming_strings = off",
        "set backslash_quote = off",
        "set regex_flavor_of_nobody.x = on",
    ],
)
def test_no_setting_of_a_session_changes_a_key(db: Database, setting: str) -> None:
    texts = [" Größe\t\u0130 \uff11", " A  \tB "]
    expected = [reference(text) for text in texts]
    conn = db.owner()
    conn.execute(
        """
        create schema shadow;
        create function shadow.lower(text) returns text language sql immutable as $$ select 'x' $$;
        create function shadow.normalize(text, text) returns text
            language sql immutable as $$ select 'x' $$;
        create function shadow.no(text, text) returns boolean
            language sql immutable as $$ select false $$;
        create operator shadow.~ (function = shadow.no, leftarg = text, rightarg = text);
        create collation shadow."C" (provider = libc, locale = 'POSIX');
        """
    )
    conn.execute(setting.encode())
    assert keys_of(conn, texts) == expected
    # and a deployment that such a session makes
    deploy(conn, [products()])
    assert keys_of(conn, texts) == expected


@pytest.mark.parametrize("collation", ["C", "POSIX", "default"])
def test_no_collation_changes_a_key(keys: Connection, collation: str) -> None:
    query = f"""select tandem.import_key(%s collate "{collation}")"""
    assert one(keys, query, "ÀÉ İ I") == reference("ÀÉ İ I")
    assert one(keys, query, "A  I") == "a i"


def test_a_database_of_another_encoding_takes_the_routines(bare_db: Database) -> None:
    """In LATIN1 the letters of the lists cannot be written down; ASCII is folded there, too."""
    name = f"{bare_db.clone_name}_latin1"
    with bare_db.server.admin() as admin:
        admin.execute(
            f"create database {name} owner shop_owner template template0 "
            "encoding 'LATIN1' locale 'C'".encode()
        )
    try:
        dsn = bare_db.server.conninfo(name, "shop_owner")
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("set client_encoding = 'UTF8'")
            conn.execute("create schema tandem")
            for routine in ("_import_key", "import_key", "_name_warnings", "_is_placeholder"):
                conn.execute((FILE.parent / f"{routine}.sql").read_bytes())
            assert key(conn, " Dark  BLUE") == "dark blue"
    finally:
        bare_db.server.drop_database(name)
