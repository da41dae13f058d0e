"""The records of a CSV, TSV or JSON Lines file, with the numbers of their lines.

    with open_records("products.csv.gz") as file:
        for record in file.records():
            ...

What it promises:

* **A record that cannot be read costs itself alone.** It comes as a `BrokenRecord` with its line,
  the reason, what to do, and its text as it stood in the file. A quote that is never closed does
  not swallow the lines after it, and many such quotes do not read the file again and again.
* **Values are the file's text.** Nothing is trimmed; a JSON number keeps its digits (`0.10`, `1e3`,
  twenty digits). None is a value that is not there: null or a missing key. A CSV field is never
  None: an empty one is ''.
* **What is yielded goes into PostgreSQL's text**: no NUL, no byte that does not decode, no half of
  a surrogate pair.
* Constant memory: a block of lines at a time, unless quoted fields are longer.

A file that cannot be read at all is a `FileError`, which names the line where there is one.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import json
import os
import re
import stat
import zlib
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn, Self, cast

from pgtandem.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Format = Literal["csv", "jsonl"]
Values = list[str | None]

FIELD_CHARACTERS: Final = 16 * 1024 * 1024
LINE_CHARACTERS: Final = 4 * FIELD_CHARACTERS
"""No line is read further than this: a small compressed file may hold one of many gigabytes."""
"""A longer field is taken for a quote that was never closed."""
MOST_KEYS: Final = 1600
"""As many as a table can have columns. JSON objects with more have data for keys."""

_BLOCK_CHARACTERS: Final = 64 * 1024
_SMALL_BLOCK_CHARACTERS: Final = 4 * 1024
_COPY_BYTES: Final = 64 * 1024
_COPY_RECORDS: Final = 500
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZIP_MAGIC: Final = b"PK\x03\x04"
_UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNQUOTED_HINT: Final = "Correct the quotes."
_UNFIT_HINT: Final = "Remove it, or give the file's real encoding."
_JSON_HINT: Final = "Write one object a line, as `jq -c '.[]' FILE.json >FILE.jsonl` does."
_JSON_LINE_HINT: Final = "Correct the line: one JSON object that names each key once."


class FileError(UsageError):
    """The file cannot be read as records; `line` is where, if it was reached."""

    def __init__(self, message: str, *, hint: str | None = None, line: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.line = line


class Record(NamedTuple):
    """A record that could be read. Lines count from 1, the header included."""

    line: int
    last_line: int
    """Differs from `line` where a quoted field holds line breaks."""
    values: Values


class BrokenRecord(NamedTuple):
    """A record that could not be read, or whose values no PostgreSQL text can hold."""

    line: int
    last_line: int
    reason: str
    hint: str
    raw: str
    """As it stood in the file, without its line break. May hold NUL, and lone surrogates for bytes
    that did not decode: `raw.encode(encoding, "surrogateescape")` gives those bytes again."""


def open_records(
    path: str | os.PathLike[str],
    *,
    encoding: str = "utf-8-sig",
    delimiter: str | None = None,
    format: Format | None = None,
    unique: bool = False,
) -> RecordFile:
    """Open a file and read its header; the result is a context manager.

    `format` goes by the name where it is not given: JSON Lines for .jsonl, .ndjson and .json, else
    CSV; .gz after it is allowed, while gzip is known by the first bytes. `delimiter`, for CSV
    alone, is a tab for .tsv and .tab; else a comma, unless the header has none and exactly one of
    `;`, tab and `|` parts it, which `notes` then says. `unique` refuses a header in which a name
    stands twice, blanks around it aside; empty names may.

    Raises FileError.
    """
    path = Path(path)
    if format is None:
        named = _bare_name(path).endswith((".jsonl", ".ndjson", ".json"))
        format = "jsonl" if named else "csv"
    file: RecordFile
    if format == "jsonl":
        if delimiter is not None:
            raise FileError(f"{path} is read as JSON Lines, which has no delimiter.")
        file = JsonLinesFile(path, encoding)
    else:
        file = CsvFile(path, encoding, delimiter)
    if unique:
        try:
            file.check_unique()
        except FileError:
            file.close()
            raise
    return file


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's bytes in hexadecimal, before it is read as records.

    Raises FileError, too for a pipe, which could not be read once more.
    """
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            raise FileError(
                f"{path} is a pipe, and the file is read more than once.",
                hint="Write it to a file first.",
            )
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise _unopened(Path(path), exc) from exc


def usual_delimiter(path: Path) -> str:
    """The delimiter that a file's name stands for."""
    return "\t" if _bare_name(path).endswith((".tsv", ".tab")) else ","


class RecordFile(ABC):
    """An open file of records; see `open_records`. `records` can be gone through once."""

    header: list[str]
    """The names as they stand in the file, or a JSON Lines file's keys in the order of their first
    appearance."""

    header_line: int | None
    """The line of the header, None for JSON Lines."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.encoding = encoding
        self.blank_lines = 0
        self.stray_quotes: list[int] = []
        """Lines with quotes in the text, which were kept as text."""
        self.notes: list[str] = []
        """What was decided about the file that the caller may want to know."""
        self.delimiter: str | None = None
        self._text = _Text(path, encoding)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what is known of it stays."""
        self._text.close()

    @property
    def names(self) -> list[str]:
        """The header's names without the blanks around them."""
        return [name.strip("\ufeff").strip() for name in self.header]

    @property
    def bytes_total(self) -> int:
        """The size of the file when it was opened."""
        return self._text.bytes_total

    @property
    def bytes_read(self) -> int:
        """Bytes of the file that were read; compressed ones for gzip."""
        return self._text.bytes_read

    def sha256(self) -> str:
        """The SHA-256 of the file's bytes in hexadecimal, after the last record.

        Raises ValueError before that; `file_sha256` does it first.
        """
        if not self._text.ended or self._text.failure is not None:
            raise ValueError(f"{self.path} is not read to its end")
        return self._text.sha256

    def check_unique(self) -> None:
        """Raise FileError where a name stands twice in the header, blanks around it aside."""
        for name, times in Counter(self.names).items():
            if name and times > 1:
                places = [str(place) for place, other in enumerate(self.names, 1) if other == name]
                raise FileError(
                    f"The name {name!r} stands {times} times in the header of {self.path}: fields "
                    f"{', '.join(places)}.",
                    hint="Rename all but one of them.",
                    line=self.header_line,
                )

    @abstractmethod
    def records(self, *, width_check: bool = True) -> Iterator[Record | BrokenRecord]:
        """Yield each record after the header, blank lines aside, broken ones as such.

        With `width_check`, a record with another number of fields than the header is broken.
        Raises FileError where the file cannot be read any further.
        """


class CsvFile(RecordFile):
    """Records whose fields are parted by a delimiter and may be quoted; see `open_records`."""

    header_line: int

    def __init__(self, path: Path, encoding: str, delimiter: str | None) -> None:
        usual = delimiter or usual_delimiter(path)
        if len(usual) != 1 or usual in '"\r\n\0':
            raise FileError(f"The delimiter {usual!r} is not one usable character.")
        super().__init__(path, encoding)
        self.delimiter: str = usual
        self._line = 0
        self._doomed = 0, ""
        try:
            self.header = self._read_header(detect=delimiter is None and usual == ",")
        except BaseException:
            self.close()
            raise

    def records(self, *, width_check: bool = True) -> Iterator[Record | BrokenRecord]:
        width = len(self.header)
        for group in self._groups():
            widths = set(map(len, group.rows))
            if group.clean and (widths == {width} or (not width_check and 0 not in widths)):
                yield from map(_new_record, zip(group.firsts, group.lasts, group.rows, strict=True))
                continue
            places = zip(group.firsts, group.lasts, group.rows, strict=True)
            for first, last, values in places:
                if not values:
                    self.blank_lines += 1
                    continue
                wrong = group.broken.get(first)
                if wrong is not None:
                    yield self._broken(group, first, last, wrong, _UNQUOTED_HINT)
                elif width_check and len(values) != width:
                    yield self._broken(
                        group,
                        first,
                        last,
                        f"It has {len(values)} fields, the header has {width}.",
                        "Quote a field that holds the delimiter; add what is missing."
                        if len(values) > width
                        else "Add the missing fields; an empty one is NULL.",
                    )
                elif not group.clean and (unfit := _unfit(values)) is not None:
                    yield self._broken(group, first, last, unfit, _UNFIT_HINT)
                else:
                    yield Record(first, last, values)

    @staticmethod
    def _broken(group: _Group, first: int, last: int, reason: str, hint: str) -> BrokenRecord:
        before = group.before
        raw = "".join(group.lines[first - before - 1 : last - before])
        return BrokenRecord(first, last, reason, hint, _without_break(raw))

    def _read_header(self, *, detect: bool) -> list[str]:
        """The first record that is not blank."""
        wanted = _BLOCK_CHARACTERS
        lines: list[str] = []
        while True:
            lines += self._text.take(wanted)
            start = next((place for place, line in enumerate(lines) if line.strip("\r\n")), None)
            if start is None:
                if not self._text.more:
                    self._text.raise_failure(self._line + len(lines) + 1)
                    raise FileError(
                        f"The file {self.path} is empty.",
                        hint="Its first line must name the columns.",
                    )
                self._line += len(lines)
                self.blank_lines += len(lines)
                lines.clear()
                continue
            if detect:
                self._detect_delimiter(lines[start])
                detect = False
            reader = csv.reader(lines[start:], delimiter=self.delimiter, strict=True)
            with _long_fields():
                try:
                    values = next(reader)
                except csv.Error as exc:
                    if "unexpected end" in str(exc):
                        if self._text.more:
                            wanted *= 2
                            continue
                        self._text.raise_failure(self._line + start + 1)
                    break
            if _unfit(values) is not None:
                break
            self.blank_lines += start
            self.header_line = self._line + start + 1
            self._line += start + reader.line_num
            self._text.give_back(lines[start + reader.line_num :])
            return values
        raise FileError(
            f"The first line of {self.path} cannot be read as {self.encoding} text.",
            hint="Check the file's encoding and that it is a CSV or TSV file.",
        )

    def _detect_delimiter(self, line: str) -> None:
        if "," in line:
            return
        found = [
            mark
            for mark in ";\t|"
            if mark in line and any(len(v) > 1 for v in csv.reader([line], delimiter=mark))
        ]
        if len(found) == 1:
            self.delimiter = found[0]
            self.notes.append(f"The fields are separated by {self.delimiter!r}, as in the header.")

    def _groups(self) -> Iterator[_Group]:
        """Yield the records of the file, each group from one block of lines."""
        wanted = _BLOCK_CHARACTERS
        pending: list[str] = []
        while True:
            if self._line + 1 < self._doomed[0]:  # the next such quote is likely to be near
                wanted = min(wanted, _SMALL_BLOCK_CHARACTERS)
            lines = pending + self._text.take(wanted)
            if not lines:
                self._text.raise_failure(self._line + 1)
                return
            more = self._text.more
            group, error = self._parse(lines, more)
            pending, wanted = [], _BLOCK_CHARACTERS
            if error is None:
                self._line += len(lines)
                yield group
                continue
            done = group.lasts[-1] - self._line if group.rows else 0
            first = self._line + done + 1
            if error.unfinished and (more or self._text.failure is not None):
                doomed, message = self._doomed
                if first >= doomed:  # its end may be yet to come
                    yield group
                    if not more:
                        self._text.raise_failure(first)
                    self._line += done
                    pending = lines[done:]
                    wanted = max(wanted, 2 * sum(map(len, pending)))
                    continue
                error = error._replace(message=message)
            else:
                # All lines up to here end inside of quotes: what opens a quote on one of them, and
                # does not close it there, comes to the same end and need not be read up to it.
                self._doomed = max(self._doomed, (first + error.lines - 1, error.message))
            # A quote that is never closed swallows good lines: give back all but its own.
            group.rows.append([""])
            group.firsts = [*group.firsts, first]
            group.lasts = [*group.lasts, first]
            group.broken[first] = error.message
            group.clean = False
            self._line += done + 1
            self._text.give_back(lines[done + 1 :])
            yield group

    def _parse(self, lines: list[str], more: bool) -> tuple[_Group, _Error | None]:
        """The records of these lines, up to one that goes over lines and is broken."""
        before = self._line
        text = "".join(lines)
        clean = "\0" not in text and _encodes(text)
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        if '"' not in text and len(text) <= FIELD_CHARACTERS:
            with _long_fields():
                plain = list(reader)
            numbers = range(before + 1, before + len(lines) + 1)
            return _Group(lines, before, cast("list[Values]", plain), numbers, numbers, clean), None
        rows: list[list[str]] = []
        ends: list[int] = []
        broken: dict[int, str] = {}
        error: _Error | None = None
        with _long_fields():
            while True:
                try:
                    for values in reader:
                        end = reader.line_num
                        start = ends[-1] if ends else 0
                        if end - start > 1 and (
                            before + end == self._doomed[0] or self._swallows(lines[start:end])
                        ):
                            error = _Error(_NEVER_CLOSED, end - start, False)
                            break
                        rows.append(values)
                        ends.append(end)
                    break
                except csv.Error as exc:
                    start, end = ends[-1] if ends else 0, reader.line_num
                    unfinished = "unexpected end" in str(exc)
                    if end - start > 1 or (unfinished and (more or self._text.failure)):
                        error = _Error(_quoting(str(exc)), end - start, unfinished)
                        break
                    ends.append(end)
                    literal = self._with_stray_quotes(lines[start])
                    if literal is None:
                        rows.append([""])
                        broken[before + end] = _quoting(str(exc), lines[start])
                    else:
                        rows.append(literal)
                        self.stray_quotes.append(before + end)
        lasts = [before + end for end in ends]
        firsts = [before + 1, *(last + 1 for last in lasts[:-1])] if lasts else []
        group = _Group(
            lines,
            before,
            cast("list[Values]", rows),
            firsts,
            lasts,
            clean and not broken,
            broken,
        )
        return group, error

    def _swallows(self, lines: list[str]) -> bool:
        """Whether a record over several lines is a quote that was closed by a later line's.

        Its first and last line are records themselves, and of three lines or more between them over
        three quarters are. With less to go by it stays one record: a piece of a text must not
        become one. Two columns are too few to tell: many a line of a text has one comma.
        """
        width = len(self.header)
        inside = lines[1:-1]
        if width < 3 or len(inside) < 3:
            return False
        if lines[0].count(self.delimiter) != width - 1 or not self._is_record(lines[-1]):
            return False
        return 4 * sum(map(self._is_record, inside)) > 3 * len(inside)

    def _is_record(self, line: str) -> bool:
        """Whether a line by itself is a record of the header's width."""
        try:
            values = next(csv.reader([line], delimiter=self.delimiter, strict=True))
        except csv.Error:
            return False
        return len(values) == len(self.header)

    def _with_stray_quotes(self, line: str) -> list[str] | None:
        """The fields of a line, with quotes as text, or None if it does not fit so.

        `1,"Stop!" she said,9.90` was written by a program that does not quote; the csv module's
        lenient reading would drop the first quotes.
        """
        try:
            values = next(csv.reader([line], delimiter=self.delimiter, quoting=csv.QUOTE_NONE))
        except csv.Error:  # a field is too long
            return None
        if len(values) != len(self.header):
            return None
        quoted = [v[:1] == v[-1:] == '"' and '"' not in v[1:-1] and len(v) > 1 for v in values]
        return [v[1:-1] if q else v for v, q in zip(values, quoted, strict=True)]


class JsonLinesFile(RecordFile):
    """One JSON object a line; see `open_records`.

    The file is read twice: first for its keys, because a key may appear in the last line for the
    first time, then for its records. Strings are the values as they are, numbers as they are
    written, true and false those words, arrays and objects compact JSON text; null and a key that
    an object has not are None.
    """

    header_line: None = None

    def __init__(self, path: Path, encoding: str) -> None:
        super().__init__(path, encoding)
        try:
            self.header = self._read_keys()
        except BaseException:
            self.close()
            raise
        self._keys = frozenset(self.header)
        self._sha256 = self._text.sha256
        self._text.close()
        self._text = _Text(path, encoding)

    def records(self, *, width_check: bool = True) -> Iterator[Record | BrokenRecord]:
        header, keys = self.header, self._keys
        plain = _PLAIN_TYPES
        for number, line in self._lines():
            try:
                found = _json_object(line)
                get = found.get
                values = [get(key) for key in header]
                if not plain.issuperset(map(type, values)):
                    values = _as_text(line, values, header)
                if not line.isascii() or "\\u" in line:
                    _refuse_unfit(line, header, values)
                if not keys.issuperset(found):
                    _refuse_unfit(line, list(found), list(found), "key")
                    self._changed(number)
            except _Refused as exc:
                yield BrokenRecord(number, number, str(exc), exc.hint, _without_break(line))
                continue
            yield _new_record((number, number, values))
        if self._text.sha256 != self._sha256:
            self._changed(None)

    def _changed(self, number: int | None) -> NoReturn:
        raise FileError(
            f"The file {self.path} changed while it was read.",
            hint="Start again when it is complete.",
            line=number,
        )

    def _lines(self) -> Iterator[tuple[int, str]]:
        """The lines that are not blank, with their numbers."""
        before = 0
        while lines := self._text.take(_BLOCK_CHARACTERS):
            for number, line in enumerate(lines, before + 1):
                if line.isspace():
                    self.blank_lines += 1
                else:
                    yield number, line
            before += len(lines)
        self._text.raise_failure(before + 1)

    def _read_keys(self) -> list[str]:
        seen: dict[str, None] = {}
        objects = 0
        refused: tuple[int, _Refused] | None = None
        for number, line in self._lines():
            if objects == 0 and refused is None and _ARRAY_OPENS.match(line):
                raise FileError(
                    f"The file {self.path} is one JSON array, not JSON Lines.",
                    hint=_JSON_HINT,
                    line=number,
                )
            try:
                found = _json_object(line)
                if not line.isascii() or "\\u" in line:
                    _refuse_unfit(line, list(found), list(found), "key")
            except _Refused as exc:
                refused = refused or (number, exc)
                continue
            objects += 1
            if not seen.keys() >= found.keys():
                seen.update(dict.fromkeys(found))
            if len(seen) > MOST_KEYS:
                raise FileError(
                    f"The objects of {self.path} have more than {MOST_KEYS} different keys by line "
                    f"{number}.",
                    hint="Keys name the columns; put what is data into values.",
                    line=number,
                )
        self.blank_lines = 0
        if seen:
            return list(seen)
        if refused is not None:
            number, why = refused
            raise FileError(
                f"No line of {self.path} is a JSON object. Line {number}: {why}",
                hint=_JSON_HINT,
                line=number,
            )
        raise FileError(
            f"The file {self.path} " + ("names no key." if objects else "is empty."),
            hint="It must have one JSON object a line.",
        )


# --------------------------------------------------------------------------------------------------
# The file's text


class _HashedBytes(io.RawIOBase):
    """The bytes of a file, counted and hashed as they are read."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        number = self._file.readinto(buffer) or 0
        self.sha256.update(memoryview(buffer)[:number])
        self.count += number
        return number

    def close(self) -> None:
        self._file.close()
        super().close()


class _LineTooLong(Exception):
    """The end of a line was not in sight."""


class _Text:
    """The lines of a file, in blocks; lines can be given back."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._path = path
        self._encoding = encoding
        try:
            name = codecs.lookup(encoding).name
        except LookupError:
            raise FileError(
                f"There is no encoding {encoding!r}.",
                hint="Usual ones are utf-8, cp1252, latin-1, utf-16, shift_jis, gb18030.",
            ) from None
        try:
            file = path.open("rb", buffering=0)
        except OSError as exc:
            raise _unopened(path, exc) from exc
        self.bytes_total = os.fstat(file.fileno()).st_size
        self._bytes = _HashedBytes(file)
        self._buffered = io.BufferedReader(self._bytes, 64 * 1024)
        try:
            first = self._buffered.peek(4)[:4]
        except OSError as exc:
            self._buffered.close()
            raise _unopened(path, exc) from exc
        start = first[:2]
        if first == _ZIP_MAGIC:
            self._buffered.close()
            raise FileError(
                f"The file {path} is a ZIP archive, as .xlsx and .ods files are, not text.",
                hint="Save the sheet as CSV in the spreadsheet program, or unpack the archive.",
            )
        if start in _UTF16_MARKS and name in ("utf-8", "utf-8-sig"):
            self._buffered.close()
            raise FileError(f"The file {path} is not UTF-8.", hint="Its encoding is utf-16.")
        opened = gzip.GzipFile(fileobj=self._buffered) if start == _GZIP_MAGIC else self._buffered
        # A byte that does not decode becomes a lone surrogate, so that it costs its line only.
        # newline="": the csv module wants the line breaks inside quoted fields as they are.
        self._wrapper = io.TextIOWrapper(
            cast("io.BufferedReader", opened), encoding, errors="surrogateescape", newline=""
        )
        self._given_back: deque[str] = deque()
        self.ended = False
        self.failure: Exception | None = None
        """Why the lines end before the file does."""

    def close(self) -> None:
        self._wrapper.close()
        self._buffered.close()

    @property
    def bytes_read(self) -> int:
        return min(self._bytes.count, self.bytes_total)

    @property
    def sha256(self) -> str:
        return self._bytes.sha256.hexdigest()

    @property
    def more(self) -> bool:
        """Whether there may be lines left."""
        return bool(self._given_back) or not self.ended

    def take(self, characters: int) -> list[str]:
        """The next lines, about so many characters; none at the end, or where reading failed."""
        taken: list[str] = []
        size = 0
        while self._given_back and size < characters:
            line = self._given_back.popleft()
            taken.append(line)
            size += len(line)
        if size < characters and not self.ended:
            try:
                while size < characters:
                    line = self._wrapper.readline(LINE_CHARACTERS)
                    if len(line) == LINE_CHARACTERS and line[-1] not in "\r\n":
                        raise _LineTooLong
                    if not line:
                        self.ended = True
                        break
                    taken.append(line)
                    size += len(line)
            except (EOFError, zlib.error, UnicodeError, OSError, _LineTooLong) as exc:
                self.ended = True
                self.failure = exc
        return taken

    def give_back(self, lines: Sequence[str]) -> None:
        """`take` gives these again first."""
        self._given_back.extendleft(reversed(lines))

    def raise_failure(self, line: int) -> None:
        """Raise FileError if the lines ended, near this one, because reading failed."""
        exc = self.failure
        if exc is None:
            return
        path = self._path
        if isinstance(exc, EOFError | zlib.error | gzip.BadGzipFile):
            message = f"The compressed file {path} is damaged near line {line}: {exc}."
            hint = "Get the file again."
        elif isinstance(exc, _LineTooLong):
            message = f"A line of the file {path} is longer than {LINE_CHARACTERS:,} characters."
            hint = f"It is about line {line}. Look whether the file is text, and whole."
        elif isinstance(exc, UnicodeError):
            message = f"The file {path} is not {self._encoding} text near line {line}: {exc}."
            hint = "Give the file's real encoding."
        else:
            reason = exc.strerror if isinstance(exc, OSError) else exc
            message, hint = f"The file {path} cannot be read near line {line}: {reason}.", ""
        raise FileError(message, hint=hint or None, line=line) from exc


def _unopened(path: Path, exc: OSError) -> FileError:
    if isinstance(exc, FileNotFoundError):
        return FileError(f"There is no file {path}.", hint="Check the path.")
    return FileError(f"The file {path} cannot be read: {exc.strerror}.")


def _bare_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")


# --------------------------------------------------------------------------------------------------
# CSV


_NEVER_CLOSED: Final = 'A quote (") is opened and never closed.'


class _Error(NamedTuple):
    """What is wrong with a record that goes over `lines` lines."""

    message: str
    lines: int
    unfinished: bool
    """The lines that there were ended inside of quotes."""


@dataclass
class _Group:
    """Records that were read at once; `lines` begin after the line `before`."""

    lines: list[str]
    before: int
    rows: list[Values]
    firsts: Sequence[int]
    lasts: Sequence[int]
    clean: bool
    """All values go into PostgreSQL's text, and no record is broken."""
    broken: dict[int, str] = field(default_factory=dict)
    """Reasons by first line."""


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let the csv module read fields up to FIELD_CHARACTERS; its limit is the process's."""
    before = csv.field_size_limit(FIELD_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)


_new_record = cast("Callable[[tuple[int, int, Values]], Record]", partial(tuple.__new__, Record))
"""Record._make, in C all the way."""


def _quoting(message: str, line: str = '"') -> str:
    if "field larger" in message and '"' not in line:
        return f"A field is longer than {FIELD_CHARACTERS:,} characters."
    if "field larger" in message or "unexpected end" in message:
        return _NEVER_CLOSED
    if "expected after" in message:
        return 'A quoted field goes on after its closing quote (").'
    return f"It is no valid CSV: {message}."


def _encodes(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unfit(values: Sequence[str | None]) -> str | None:
    """Why no PostgreSQL text can hold these values, or None."""
    for place, value in enumerate(values, 1):
        if value is None:
            continue
        if "\0" in value:
            return f"Field {place} has a NUL byte, which PostgreSQL's text cannot hold."
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as exc:
                return (
                    f"Field {place} has a {_undecoded(value[exc.start])}, "
                    "which is no text in the file's encoding."
                )
    return None


def _undecoded(character: str) -> str:
    code = ord(character)
    return f"byte 0x{code - 0xDC00:02x}" if 0xDC80 <= code < 0xDD00 else f"U+{code:04X}"


def _without_break(raw: str) -> str:
    return raw.removesuffix("\n").removesuffix("\r")


# --------------------------------------------------------------------------------------------------
# JSON


_ARRAY_OPENS: Final = re.compile(r"\s*\[\s*(\{|$)")
_PLAIN_TYPES: Final = frozenset((str, NoneType))


class _Refused(Exception):
    """Why a line is no record."""

    def __init__(self, reason: str, hint: str = _JSON_LINE_HINT) -> None:
        super().__init__(reason)
        self.hint = hint


class _Number(str):
    """A number inside an array or object, as it is written."""

    __slots__ = ()


def _refuse_constant(token: str) -> NoReturn:
    raise _Refused(f"{token} is no JSON.", "Leave the key out, or write null.")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        name = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _Refused(f"The key {_shown(name)} stands twice in an object.")
    return found


_decoder: Final = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=_once_each
)
_marking_decoder: Final = json.JSONDecoder(
    parse_int=_Number, parse_float=_Number, object_pairs_hook=dict
)


def _json_object(line: str) -> dict[str, Any]:
    """The object on a line; numbers as strings. Raises _Refused."""
    try:
        found = _decoder.decode(line)
    except json.JSONDecodeError as exc:
        place = min(exc.pos, len(_without_break(line))) + 1
        raise _Refused(f"It is no valid JSON: {exc.msg} at character {place}.") from None
    except RecursionError:
        raise _Refused("It is nested too deep.") from None
    if not isinstance(found, dict):
        kind = "an array" if isinstance(found, list) else "a single value"
        raise _Refused(f"It is {kind}, not a JSON object.")
    return found


def _as_text(line: str, values: list[Any], header: Sequence[str]) -> Values:
    """Values of JSON as text; the line is read again where a number is inside of one."""
    if any(type(value) in (dict, list) for value in values):
        found = _marking_decoder.decode(line)
        values = [found.get(key) for key in header]
    try:
        return [
            value if value is None or isinstance(value, str) else _compact(value)
            for value in values
        ]
    except RecursionError:
        raise _Refused("It is nested too deep.") from None


def _compact(value: Any) -> str:
    """JSON text of a value without blanks, numbers as they were written."""
    if isinstance(value, _Number):
        return value
    if isinstance(value, str):
        if "\0" in value:
            raise _Refused(_JSON_NUL, _JSON_NUL_HINT)
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(k)}:{_compact(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return "null" if value is None else "true" if value else "false"


_JSON_NUL: Final = "It has a \\u0000, which PostgreSQL's text cannot hold."
_JSON_NUL_HINT: Final = "Remove the character."


def _refuse_unfit(
    line: str, names: Sequence[str], values: Sequence[str | None], what: str = "value"
) -> None:
    for name, value in zip(names, values, strict=True):
        if value is None:
            continue
        if "\0" in value:
            raise _Refused(_JSON_NUL, _JSON_NUL_HINT)
        if _encodes(value):
            continue
        place = f"The key {_shown(name)}" if what == "key" else f"The value of {_shown(name)}"
        if _encodes(line):
            raise _Refused(f"{place} has half of a surrogate pair.", _JSON_NUL_HINT)
        raise _Refused(f"{place} has bytes that are no text in the file's encoding.", _UNFIT_HINT)


def _shown(name: str) -> str:
    """A key in a message: short, and without what cannot be printed."""
    return ascii(name) if not _encodes(name) else repr(name if len(name) <= 60 else name[:60] + "…")


# --------------------------------------------------------------------------------------------------
# To the database


def to_array_literal(values: Sequence[str | None]) -> str:
    """PostgreSQL's text of a text[] with these elements, as in `{"a","say \\"b\\"",NULL}`.

    They must go into PostgreSQL's text, as the values of a Record do.
    """
    try:
        joined = '","'.join(cast("Sequence[str]", values))
    except TypeError:  # a None
        return "{" + ",".join("NULL" if v is None else f'"{_escaped(v)}"' for v in values) + "}"
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join(map(_escaped, cast("Sequence[str]", values)))
    return f'{{"{joined}"}}' if values else "{}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def copy_blocks(records: Iterable[Record], size: int = _COPY_BYTES) -> Iterator[bytes]:
    """The records as the text format of COPY in UTF-8, in blocks of about `size` bytes.

    For `COPY t (line_no, last_line, content) FROM STDIN` into two integers and a text[], over a
    connection whose client_encoding is UTF8.
    """
    parts: list[str] = []
    held = 0
    for line, last_line, values in records:
        literal = to_array_literal(values)
        if "\\" in literal:
            literal = literal.replace("\\", "\\\\")
        if "\n" in literal:
            literal = literal.replace("\n", "\\n")
        if "\r" in literal:
            literal = literal.replace("\r", "\\r")
        if "\t" in literal:
            literal = literal.replace("\t", "\\t")
        parts.append(f"{line}\t{last_line}\t{literal}\n")
        held += len(literal) + 12
        if held >= size:
            yield "".join(parts).encode()
            parts.clear()
            held = 0
    if parts:
        yield "".join(parts).encode()
