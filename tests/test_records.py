"""The reader of files: what it yields, what it calls broken, and what goes to the database."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgtandem import records
from pgtandem.records import (
    BrokenRecord,
    FileError,
    Record,
    RecordFile,
    Values,
    copy_blocks,
    file_sha256,
    open_records,
    to_array_literal,
)
from support.databases import Connection, Database

DATA = Path(os.environ.get("PGTANDEM_DATA") or Path(__file__).parents[2] / "shared" / "data")


def write(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options: Any) -> tuple[RecordFile, list[Record | BrokenRecord]]:
    width_check = options.pop("width_check", True)
    with open_records(path, **options) as file:
        return file, list(file.records(width_check=width_check))


def good(found: list[Record | BrokenRecord]) -> list[Values]:
    return [record.values for record in found if isinstance(record, Record)]


def broken(found: list[Record | BrokenRecord]) -> list[BrokenRecord]:
    return [record for record in found if isinstance(record, BrokenRecord)]


# -- CSV


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_line_breaks_and_encodings(tmp_path: Path, end: str, encoding: str) -> None:
    lines = ["name,n", "Été,1", '"a', 'b",2', "", "c,3"]
    path = write(tmp_path, (end.join(lines) + end).encode(encoding))
    options = {} if encoding == "utf-8" else {"encoding": encoding}
    file, found = read(path, **options)
    assert file.header == ["name", "n"]
    assert found == [
        Record(2, 2, ["Été", "1"]),
        Record(3, 4, [f"a{end}b", "2"]),
        Record(6, 6, ["c", "3"]),
    ]
    assert file.blank_lines == 1


def test_mixed_line_breaks_and_no_last_one(tmp_path: Path) -> None:
    file, found = read(write(tmp_path, "\r\n\na,b\r\n1,2\r3,4\n\r\n5,6"))
    assert found == [Record(4, 4, ["1", "2"]), Record(5, 5, ["3", "4"]), Record(7, 7, ["5", "6"])]
    assert (file.header_line, file.blank_lines) == (3, 3)


def test_blank_looking_records_are_records(tmp_path: Path) -> None:
    _, found = read(write(tmp_path, 'a,b\n,\n  , \n"",""\nNULL,\\N\n'))
    assert good(found) == [["", ""], ["  ", " "], ["", ""], ["NULL", "\\N"]]


def test_a_header_with_blanks_an_empty_name_and_doubles(tmp_path: Path) -> None:
    path = write(tmp_path, " id ,name, name,\n1,2,3,4\n")
    file, found = read(path)
    assert file.header == [" id ", "name", " name", ""]
    assert file.names == ["id", "name", "name", ""]
    assert good(found) == [["1", "2", "3", "4"]]
    with pytest.raises(FileError, match=r"'name' stands 2 times .* fields 2, 3") as caught:
        open_records(path, unique=True)
    assert caught.value.line == 1
    assert open_records(write(tmp_path, "a,,\n1,2,3\n"), unique=True).names == ["a", "", ""]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffid,b\n")
    assert open_records(path).header == ["id", "b"]
    assert open_records(path, encoding="utf-8").names == ["id", "b"]


def test_a_header_over_several_lines_and_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_BLOCK_CHARACTERS", 4)
    file, found = read(write(tmp_path, '\n\n\n"a\nlong name\nindeed",b\n1,2\n"x\ny\nz",3\n'))
    assert file.header == ["a\nlong name\nindeed", "b"]
    assert (file.header_line, file.blank_lines) == (4, 3)
    assert found == [Record(7, 7, ["1", "2"]), Record(8, 10, ["x\ny\nz", "3"])]


@pytest.mark.parametrize(
    ("content", "delimiter", "width"),
    [
        ("a;b\n1;2\n", ";", 2),
        ("a\tb\tc\n1\t2\t3\n", "\t", 3),
        ("a|b\n1|2\n", "|", 2),
        ('"a|x";b\n1;2\n', ";", 2),  # the bar is quoted
        ("a;b|c\n1;2|3\n", ",", 1),  # two would do
        ("a;b,c\n1,2\n", ",", 2),  # has a comma
        ("a\n1;2\n", ",", 1),  # the header alone tells
    ],
)
def test_the_delimiter_is_told_by_the_header(
    tmp_path: Path, content: str, delimiter: str, width: int
) -> None:
    file, found = read(write(tmp_path, content))
    assert (file.delimiter, len(file.header)) == (delimiter, width)
    assert len(good(found)) == 1
    assert bool(file.notes) == (delimiter != ",")
    if file.notes:
        assert repr(delimiter) in file.notes[0]


def test_a_delimiter_that_was_given_or_named_is_kept(tmp_path: Path) -> None:
    assert open_records(write(tmp_path, "a;b\n"), delimiter=",").header == ["a;b"]
    assert open_records(write(tmp_path, "a;b\n", "x.tsv")).header == ["a;b"]
    assert open_records(write(tmp_path, "a\tb\n", "x.TSV.gz")).header == ["a", "b"]


def test_ragged_records_with_their_text(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\r\n1\r\n"x\r\ny",2,"3"\r\n4,5\r\n')
    _, found = read(path)
    assert broken(found) == [
        BrokenRecord(
            2,
            2,
            "It has 1 fields, the header has 2.",
            "Add the missing fields; an empty one is NULL.",
            "1",
        ),
        BrokenRecord(
            3,
            4,
            "It has 3 fields, the header has 2.",
            "Quote a field that holds the delimiter; add what is missing.",
            '"x\r\ny",2,"3"',
        ),
    ]
    assert good(read(path, width_check=False)[1]) == [["1"], ["x\r\ny", "2", "3"], ["4", "5"]]


def test_nul_bytes_and_bytes_that_do_not_decode(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\nä,1\n".encode() + b"b\0,2\nc,\xe4\nd,4\n")
    _, found = read(path)
    assert [(bad.line, bad.reason) for bad in broken(found)] == [
        (3, "Field 1 has a NUL byte, which PostgreSQL's text cannot hold."),
        (4, "Field 2 has a byte 0xe4, which is no text in the file's encoding."),
    ]
    assert broken(found)[1].raw.encode("utf-8", "surrogateescape") == b"c,\xe4"
    assert good(found) == [["ä", "1"], ["d", "4"]]


def test_stray_quotes_are_text(tmp_path: Path) -> None:
    file, found = read(write(tmp_path, 'a,b\n1,"Stop!" she said\n"x",7" disk\n"y" z,"1",2\n'))
    assert good(found) == [["1", '"Stop!" she said'], ["x", '7" disk']]
    assert file.stray_quotes == [2]
    assert [(bad.line, bad.raw) for bad in broken(found)] == [(4, '"y" z,"1",2')]


def test_a_field_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "FIELD_CHARACTERS", 100)
    long = "x" * 101
    _, found = read(write(tmp_path, f'a,b\n{long},1\n"{long}",2\n"\n{long}",3\nc,4\n'))
    assert [(bad.line, bad.reason) for bad in broken(found)[:3]] == [
        (2, "A field is longer than 100 characters."),
        (3, 'A quote (") is opened and never closed.'),
        (4, 'A quote (") is opened and never closed.'),
    ]
    assert good(found) == [["c", "4"]]


def test_a_line_that_never_ends_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "LINE_CHARACTERS", 1000)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n" + b"x" * 10_000_000))
    with pytest.raises(FileError, match="longer than 1,000 characters") as caught:
        read(path)
    assert "line 3" in str(caught.value.hint)
    _, found = read(write(tmp_path, "a,b\n" + "x" * 997 + ",1\n"))
    assert len(good(found)) == 1


# -- quotes that are never closed


def table(rows: int = 50_000) -> list[str]:
    return [f"{number},Product {number},v1,catalogue,9.90,USD,x,y" for number in range(rows)]


HEADER = "a,b,c,d,e,f,g,h\n"


def spoil(lines: list[str], number: int) -> None:
    lines[number] = lines[number].replace("Product", '"Product')


@pytest.mark.parametrize(
    ("first", "every", "expected"),
    [
        (0, 50_000, 1),
        (3, 500, 100),
        (49_999, 50_000, 0),  # the last line has a stray quote
    ],
)
def test_quotes_that_are_never_closed(
    tmp_path: Path, first: int, every: int, expected: int
) -> None:
    lines = table()
    for number in range(first, len(lines), every):
        spoil(lines, number)
    file, found = read(write(tmp_path, HEADER + "\n".join(lines) + "\n"))
    bad = broken(found)
    assert [record.line for record in bad] == list(range(first + 2, 50_002, every))[:expected]
    assert all(record.raw == lines[record.line - 2] for record in bad)
    assert len(good(found)) == 50_000 - expected
    assert len(file.stray_quotes) == 1 - bool(expected)


@pytest.mark.parametrize(("old", "new"), [("Product 40000", 'Product 27"'), ("v1", '27"')])
def test_a_quote_that_a_late_line_closes(tmp_path: Path, old: str, new: str) -> None:
    """40,000 lines are not one record, whether its width is right or not."""
    lines = table()
    spoil(lines, 0)
    lines[40_000] = lines[40_000].replace(old, new)
    _, found = read(write(tmp_path, HEADER + "\n".join(lines) + "\n"))
    (bad,) = broken(found)
    assert (bad.line, bad.raw) == (2, lines[0])
    assert bad.reason == 'A quote (") is opened and never closed.'
    assert len(good(found)) == 49_999


def test_a_text_over_several_lines_stays_one_field(tmp_path: Path) -> None:
    text = '"It is red,\ngreen,\nblue,\nlight blue,\nand, perhaps, black"'
    _, found = read(write(tmp_path, f"a,b\n1,{text}\n2,{text},3\n"))
    assert good(found) == [["1", text.strip('"')]]
    assert [(bad.line, bad.last_line) for bad in broken(found)] == [(7, 11)]
    inner = "a,b,c\n1,2,3\n4,5,6\n7,8,9\n"  # another file in a field
    _, found = read(write(tmp_path, f'a,b,c\n1,2,"{inner}"\n"{inner}",2,3\n'))
    assert good(found) == [["1", "2", inner], [inner, "2", "3"]]


def test_quotes_that_do_not_close_each_other_are_not_read_again(tmp_path: Path) -> None:
    """Each of these runs to the file's end, so that reading on from each would be quadratic."""

    def seconds(every: int) -> float:
        lines = table(20_000)
        for number in range(0, len(lines), every):
            lines[number] = f'5",7",{number},v1,9,USD,x,"open'
        path = write(tmp_path, HEADER + "\n".join(lines) + "\nz,z,z,z,z,z,z,z\n")
        started = time.perf_counter()
        _, found = read(path)
        spent = time.perf_counter() - started
        assert len(broken(found)) == len(lines) // every
        assert len(found) == len(lines) + 1
        return spent

    one = min(seconds(20_000) for _ in range(3))
    assert min(seconds(20) for _ in range(2)) < 15 * one, "a thousand of them"


@st.composite
def odd_files(draw: st.DrawFn) -> str:
    pieces = ["a", "b c", ",", ",", '"', '""', '"x"', '"m\nn"', "\n", "\n", "\r\n", "\r", "é", "\0"]
    lines = ["1,2,3\n", "1,2,3\n", '1,2",3\n', '1,"2,3\n', '1",2,"\n']
    return draw(
        st.one_of(
            st.lists(st.sampled_from(pieces), max_size=60).map(lambda p: "h,i\n" + "".join(p)),
            st.lists(st.sampled_from(lines), max_size=60).map(lambda p: "h,i,j\n" + "".join(p)),
        )
    )


@given(odd_files(), st.integers(1, 40))
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_blocks_do_not_show(tmp_path: Path, content: str, size: int) -> None:
    """The same records whatever the size of a block; each line is in one, or is blank."""
    path = write(tmp_path, content)
    whole, expected = read(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_BLOCK_CHARACTERS", size)
        pieces, found = read(path)
    assert found == expected
    assert (pieces.stray_quotes, pieces.blank_lines) == (whole.stray_quotes, whole.blank_lines)
    lines = [n for record in found for n in range(record.line, record.last_line + 1)]
    assert lines == sorted(set(lines))
    number = len(io.StringIO(content, newline="").readlines())
    assert len(lines) + whole.blank_lines == number - 1


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            min_size=3,
            max_size=3,
        ),
        max_size=20,
    ),
    st.integers(1, 100),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_csv_module_writes_is_read(
    tmp_path: Path, rows: list[list[str]], size: int
) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([["a", "b", "c"], *rows])
    path = write(tmp_path, written.getvalue())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_BLOCK_CHARACTERS", size)
        patch.setattr(records.CsvFile, "_swallows", lambda *_: False)
        assert good(read(path)[1]) == rows


# -- the file as a whole


def test_bytes_and_hash(tmp_path: Path) -> None:
    content = ("a,b\n" + "1,2\n" * 100_000).encode()
    packed = gzip.compress(content[:200_000]) + gzip.compress(content[200_000:])
    for stored in (content, packed):
        path = write(tmp_path, stored)
        expected = hashlib.sha256(stored).hexdigest()
        assert file_sha256(path) == expected
        with open_records(path) as file:
            assert file.bytes_total == len(stored)
            assert 0 < file.bytes_read <= len(stored)
            found = file.records()
            next(found)
            with pytest.raises(ValueError, match="not read to its end"):
                file.sha256()
            assert sum(1 for _ in found) == 99_999
        assert file.bytes_read == len(stored)
        assert file.sha256() == expected
    with pytest.raises(FileError, match="no file"):
        file_sha256(tmp_path / "none.csv")


def test_a_damaged_file_names_the_line(tmp_path: Path) -> None:
    cut = gzip.compress(os.urandom(200_000).hex().encode())
    path = write(tmp_path, (gzip.compress(b"a\n" + b"1\n" * 20_000) + cut)[:-5000])
    with open_records(path) as file:
        found = []
        with pytest.raises(FileError, match="damaged near line 20002") as caught:
            for record in file.records():
                found.append(record)
        assert caught.value.line == 20_002
        assert len(found) == 20_000
        with pytest.raises(ValueError, match="not read"):
            file.sha256()
    text = "a\n1\n".encode("utf-16") + b"\x00\xdc"
    with pytest.raises(FileError, match="is not utf-16 text near line 1"):
        read(write(tmp_path, text), encoding="utf-16")


@pytest.mark.parametrize(
    ("content", "name", "options", "message"),
    [
        ("", "x.csv", {}, "is empty"),
        ("\n\r\n", "x.csv", {}, "is empty"),
        ('"a\n', "x.csv", {}, "first line .* cannot be read"),
        (b"\xff\xfea\0", "x.csv", {}, "not UTF-8"),
        (b"\x81,a\n", "x.csv", {}, "first line .* cannot be read as utf-8-sig"),
        ("a\n", "x.csv", {"encoding": "klingon"}, "no encoding 'klingon'"),
        ("a\n", "x.csv", {"delimiter": "||"}, "not one usable character"),
        ("{}", "x.jsonl", {"delimiter": ","}, "has no delimiter"),
        ("", "x.jsonl", {}, "is empty"),
        ("\n \n", "x.jsonl", {}, "is empty"),
        ("{}\n{}\n", "x.jsonl", {}, "names no key"),
        ('[{"a": 1},\n{"a": 2}]\n', "x.json", {}, "one JSON array, not JSON Lines"),
        ('\n [\n{"a": 1}\n]\n', "x.ndjson", {}, "one JSON array, not JSON Lines"),
        ('{\n"a": 1\n}\n', "x.json", {}, r"No line .* is a JSON object. Line 1: It is no valid"),
        ("a,b\n1,2\n", "x.jsonl", {}, "No line of .* is a JSON object. Line 1"),
        ('{"a": 1, " a": 2}', "x.jsonl", {"unique": True}, "'a' stands 2 times"),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, content: str | bytes, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(FileError, match=message):
        open_records(write(tmp_path, content, name), **options)


def test_other_things_that_are_not_there(tmp_path: Path) -> None:
    for name in ("none.csv", "none.jsonl"):
        with pytest.raises(FileError, match="no file"):
            open_records(tmp_path / name)
    with pytest.raises(FileError, match="cannot be read"):
        open_records(tmp_path)


# -- JSON Lines


def test_values_of_json_are_text_as_it_stands(tmp_path: Path) -> None:
    line = (
        '{"s": " x\\n\\u00e9\\ud83d\\ude00 ", "n": 12345678901234567890, "d": 0.10, "e": 1e3, '
        '"z": -0, "t": true, "f": false, "null": null, "empty": "", '
        '"o": {"k": [1.50, "ä\\"\\n", null, true, 1E2, {}], "l": "1"}, "a": []}'
    )
    file, found = read(write(tmp_path, line + "\r\n", "x.jsonl"))
    assert file.header == ["s", "n", "d", "e", "z", "t", "f", "null", "empty", "o", "a"]
    assert found == [
        Record(
            1,
            1,
            [" x\né😀 ", "12345678901234567890", "0.10", "1e3", "-0", "true", "false", None, "",
             '{"k":[1.50,"ä\\"\\n",null,true,1E2,{}],"l":"1"}', "[]"],
        )
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["x.jsonl", "x.ndjson.gz", "x.JSON", "x.txt"])
def test_keys_are_those_of_all_lines(tmp_path: Path, name: str) -> None:
    content = '\ufeff{"a": 1}\n\n' + '{"b": "x", "a": 2}\n' * 3000 + '{"late": 3}\n{}\n'
    stored = gzip.compress(content.encode()) if name.endswith("gz") else content
    file, found = read(write(tmp_path, stored, name), format="jsonl" if "txt" in name else None)
    assert file.header == ["a", "b", "late"]
    assert found[0] == Record(1, 1, ["1", None, None])
    assert found[1] == Record(3, 3, ["2", "x", None])
    assert found[-2:] == [Record(3003, 3003, [None, None, "3"]), Record(3004, 3004, [None] * 3)]
    assert (file.blank_lines, file.header_line, file.delimiter) == (1, None, None)
    assert file.sha256() == file_sha256(file.path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", r"no valid JSON: Expecting property name .* at character 2\."),
        ('{"a": 1} {"a": 2}', "no valid JSON: Extra data at character 10"),
        ('{"a": 01}', "no valid JSON"),
        ('{"a": "\t"}', "no valid JSON: Invalid control character"),
        ("[1]", "It is an array, not a JSON object"),
        ("[]", "It is an array"),
        ("null", "It is a single value, not"),
        ('"a"', "It is a single value, not"),
        ('{"a": 1, "a": 1}', "The key 'a' stands twice"),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "The key 'b' stands twice"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": [Infinity]}', "Infinity is no JSON"),
        ('{"a": -Infinity}', "-Infinity is no JSON"),
        ('{"a": "\\ud800"}', r"value of 'a' has half of a surrogate pair"),
        ('{"a": "\\udc80x"}', "value of 'a' has half of a surrogate pair"),
        ('{"a": {"b\\udfff": 1}}', r"value of 'a' has half of a surrogate pair"),
        ('{"\\ud800": 1}', r"The key '\\ud800' has half of a surrogate pair"),
        ('{"a": "\\u0000"}', r"has a \\u0000"),
        ('{"a": ["x\\u0000"]}', r"has a \\u0000"),
        ('{"a": {"\\u0000": 1}}', r"has a \\u0000"),
        (b'{"a": "\xe4"}', "value of 'a' has bytes that are no text"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": ' + "[" * 900 + "]" * 900 + "}", None),
    ],
)
def test_lines_of_json_that_are_no_record(
    tmp_path: Path, line: str | bytes, reason: str | None
) -> None:
    raw = line.encode() if isinstance(line, str) else line
    path = write(tmp_path, b'{"a": "first"}\n' + raw + b'\r\n{"a": "last"}', "x.jsonl")
    file, found = read(path)
    assert file.header == ["a"]
    assert [found[0], found[-1]] == [Record(1, 1, ["first"]), Record(3, 3, ["last"])]
    (bad,) = found[1:-1]
    if reason is None and isinstance(bad, Record):
        return  # the depth that Python reads is its own
    assert isinstance(bad, BrokenRecord)
    assert (bad.line, bad.last_line) == (2, 2)
    assert bad.hint
    assert bad.raw.encode("utf-8", "surrogateescape") == raw
    assert re.search(reason or "nested too deep", bad.reason)


def test_a_file_that_changes_between_its_readings(tmp_path: Path) -> None:
    line = '{"a": 1}\n'
    content = line * 20_000
    path = tmp_path / "x.jsonl"
    for changed in (content[:-3] + "2}\n", content[:-6] + 'b": 1}\n', content + line):
        path.write_text(content)
        with open_records(path) as file:
            path.write_text(changed)
            with pytest.raises(FileError, match="changed while it was read"):
                list(file.records())


def test_objects_whose_keys_are_data(tmp_path: Path) -> None:
    content = "".join(f'{{"id{number}": 1}}\n' for number in range(2000))
    with pytest.raises(FileError, match="more than 1600 different keys by line 1601"):
        open_records(write(tmp_path, content, "x.jsonl"))


# -- to the database

HOSTILE = st.one_of(
    st.none(),
    st.sampled_from(
        ["", "NULL", "null", "\\N", "\\.", "{}", '"', "\\", "a,b", "\t", "\r\n", " x "]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.text(st.sampled_from("\\\"\t\n\r{},N'é😀 \u2028\x85\x01")),
)


@pytest.fixture
def staged(bare_db: Database) -> Connection:
    owner = bare_db.owner()
    owner.execute("create table staged (line_no bigint, last_line bigint, content text[])")
    return owner


def round_trip(conn: Connection, given_records: list[Record], size: int) -> list[Record]:
    conn.execute("truncate staged")
    with (
        conn.cursor() as cursor,
        cursor.copy("copy staged (line_no, last_line, content) from stdin") as copy,
    ):
        for block in copy_blocks(given_records, size):
            copy.write(block)
    rows = conn.execute("select line_no, last_line, content from staged order by line_no")
    return [Record(*row) for row in rows.fetchall()]


@given(st.lists(st.lists(HOSTILE, max_size=6), max_size=20), st.integers(1, 300))
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_is_copied_is_what_was_read(staged: Connection, rows: list[Values], size: int) -> None:
    expected = [Record(line, line + 1, values) for line, values in enumerate(rows)]
    assert round_trip(staged, expected, size) == expected


def test_array_literals() -> None:
    assert to_array_literal([]) == "{}"
    assert to_array_literal([""]) == '{""}'
    assert to_array_literal([None]) == "{NULL}"
    assert to_array_literal(["a", 'say "b"', None, "c\\"]) == '{"a","say \\"b\\"",NULL,"c\\\\"}'


def test_blocks_of_copy_are_about_64_kilobytes() -> None:
    block = [Record(n, n, ["x" * 50] * 2) for n in range(10_000)]
    sizes = [len(data) for data in copy_blocks(iter(block))]
    assert all(60_000 < size < 70_000 for size in sizes[:-1])
    assert len(sizes) > 10


# -- real files


def real_files() -> list[str]:
    return sorted(
        str(path.relative_to(DATA))
        for folder in ("products", "variants")
        for path in (DATA / folder).glob("*.csv*")
    ) or ["products/pc_parts_flat.csv.gz"]


BROKEN = {
    "products/goodreads_books.csv.gz": [3350, 4704, 5879, 8981],
}


@pytest.mark.parametrize("name", real_files())
def test_real_files(name: str, staged: Connection) -> None:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is absent; PGTANDEM_DATA names the data folder")
    content = path.read_bytes()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode("utf-8-sig")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    file, found = read(path)
    assert file.header == rows[0]
    assert file.delimiter == ","
    assert file.bytes_read == len(content)
    assert file.sha256() == hashlib.sha256(content).hexdigest()
    width = len(rows[0])
    assert len(found) == len(rows) - 1
    ragged = [number for number, row in enumerate(rows[1:]) if len(row) != width]
    assert [n for n, record in enumerate(found) if isinstance(record, BrokenRecord)] == ragged
    if name in BROKEN:
        assert [bad.line for bad in broken(found)] == BROKEN[name]
    stray = set(file.stray_quotes)
    for record, row in zip(found, rows[1:], strict=True):
        if isinstance(record, Record) and record.line not in stray:
            assert record.values == row
    copied = [record for record in found if isinstance(record, Record)][:3000]
    assert round_trip(staged, copied, 64 * 1024) == copied
