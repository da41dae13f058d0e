"""A file into an import: read, copied into a temporary table, handed in; and its failed rows back.

What it promises:

* **Nothing of the file is lost.** A record that cannot be read is a row of the import like any
  other: a failed one, with the reason and its text as it stood in the file.
* **The same file is the same import**: its key is a hash of the file's bytes, the mapping and the
  options that change the outcome. A command that was interrupted is typed again and goes on.
* **Failed rows come back in the input's own columns**, with the line, the reason and what to do in
  columns of their own, which are ignored when the corrected file is imported.
* A cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage
  return) is written with an apostrophe before it, and one that begins with apostrophes and then
  such a character with one more. Where the file is imported that one is taken away again, so that
  every value is the same as before: `-1` is written as `'-1` and `'-1` as `''-1`. A file is known
  for such a one by its columns `import_line` and `import_code`; leave these two in.
* Constant memory: a block of records at a time.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import psycopg

from pgtandem.connection import own_path
from pgtandem.errors import UsageError
from pgtandem.records import (
    BrokenRecord,
    Format,
    Record,
    RecordFile,
    Values,
    open_records,
    to_array_literal,
)

Connection = psycopg.Connection[Any]

FAILED_COLUMNS: Final = ("line", "column", "code", "message", "hint", "record")
"""What a file of failed rows has after the input's own columns, each with a prefix."""
PREFIX: Final = "import_"

_UTF8: Final = ("utf-8", "utf-8-sig")
_COPY_CHARACTERS: Final = 64 * 1024
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED: Final = re.compile(r"'+[=+\-@\t\r]")


@dataclass(frozen=True)
class Options:
    """What an import is asked to do. The defaults are those of tandem.submit_import."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """Field of the mapping: name in the file's header."""
    encoding: str = "utf-8-sig"
    delimiter: str | None = None
    format: Format | None = None
    duplicates: Literal["first", "last", "error"] = "last"
    deleted: Literal["revive", "create", "error"] = "revive"
    empty: Literal["keep", "clear"] = "keep"
    max_failed: int | None = None
    max_failed_percent: Decimal | None = None
    dry_run: bool = False
    batch_rows: int | None = None
    timeout_seconds: int | None = None
    user: str | None = None

    def outcome(self) -> dict[str, object]:
        """Those that change what becomes of a file, in a form that JSON can hold."""
        percent = self.max_failed_percent
        return {
            "fields": dict(sorted(self.fields.items())),
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "format": self.format,
            "duplicates": self.duplicates,
            "deleted": self.deleted,
            "empty": self.empty,
            "max_failed": self.max_failed,
            "max_failed_percent": None if percent is None else str(percent.normalize()),
        }


@dataclass(frozen=True)
class Limits:
    """Of the server's settings, what a client must know; None where the role may not read it."""

    max_rows: int | None
    background_threshold: int | None


@dataclass(frozen=True)
class Job:
    """An import that is there."""

    import_id: int
    key: str
    state: str
    is_durable: bool
    error_sqlstate: str | None

    @property
    def is_open(self) -> bool:
        """Whether it has neither ended nor been given up."""
        return self.state in ("queued", "running")


@dataclass(frozen=True)
class Staged:
    """A file that was copied into a temporary table of the session."""

    table: str
    header: list[str]
    rows: int
    broken: int
    sha256: str
    """Of the file's bytes, as they were read."""
    notes: tuple[str, ...]


def parse_fields(pairs: Iterable[str]) -> dict[str, str]:
    """`["name=Title"]` as {field of the mapping: name in the header}. Raises UsageError."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, header = (part.strip() for part in pair.partition("="))
        if not (name and equals and header):
            raise UsageError(
                f"{pair!r} does not say which field is read from what.",
                hint="Write FIELD=NAME, the mapping's field first, as in name=Title; quote a name "
                "that has blanks.",
            )
        if name in found:
            raise UsageError(f"The field {name!r} is given twice: {found[name]!r}, {header!r}.")
        found[name] = header
    return found


def import_key(sha256: str, mapping: str, options: Options) -> str:
    """The key of the import of a file with this SHA-256: another one, in hexadecimal."""
    whole = {"file": sha256, "mapping": mapping, **options.outcome()}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


# --------------------------------------------------------------------------------------------------
# What is there


_JOBS: Final = """
select j.import_id, j.job_key, j.state, j.is_durable, j.error_sqlstate
from tandem.import_job as j
where j.mapping = %s and left(j.job_key, 64) = %s and not j.is_dry_run and j.state <> 'cancelled'
order by j.import_id desc
"""


def server_limits(conn: Connection) -> Limits:
    """The settings of imports, as far as the role may read them."""
    query = "select s.name, s.value from tandem.setting as s where s.name like 'import%%'"
    try:
        with own_path(conn):
            found = dict(conn.execute(query.encode(), ()).fetchall())
    except psycopg.errors.InsufficientPrivilege:
        return Limits(None, None)
    return Limits(int(found["import_max_rows"]), int(found["import_background_threshold"]))


def jobs_of(conn: Connection, mapping: str, key: str) -> list[Job] | None:
    """The imports of a key and those that --again made of it, the newest first.

    None where the role may not see imports: tandem.submit_import finds the one of a key, too.
    """
    try:
        with own_path(conn):
            rows = conn.execute(_JOBS.encode(), (mapping, key)).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return [Job(*row) for row in rows]


def next_key(key: str, jobs: Sequence[Job] | None) -> str:
    """A key for one more import of the same; by chance where the others are not known."""
    if jobs is None:
        return f"{key} again {10**6 + secrets.randbelow(10**12)}"
    numbers = [int(job.key[64:].rpartition(" ")[2] or 0) for job in jobs]
    return f"{key} again {max(numbers, default=0) + 1}"


# --------------------------------------------------------------------------------------------------
# A file in


def stage(conn: Connection, path: Path, options: Options, max_rows: int | None = None) -> Staged:
    """Copy a file into a temporary table, which the session's end removes.

    Raises FileError for a file that cannot be read, UsageError for more records than `max_rows`
    before the COPY has ended.
    """
    encoding = _encoding(path, options.encoding)
    with (
        open_records(
            path, encoding=encoding, delimiter=options.delimiter, format=options.format
        ) as file,
        conn.transaction(),
        conn.cursor() as cursor,
    ):
        cursor.execute("set local client_encoding = 'UTF8'")
        if cursor.execute("select to_regclass('pg_temp.pgtandem_input')").fetchone() != (None,):
            cursor.execute("drop table pg_temp.pgtandem_input")
        cursor.execute(
            "create temporary table pgtandem_input"
            " (line_no integer, last_line integer, fault text, content text[])"
        )
        reader = _Reader(file, max_rows)
        statement = "copy pg_temp.pgtandem_input (line_no, last_line, fault, content) from stdin"
        with cursor.copy(statement) as copy:
            for block in _blocks(reader.records()):
                copy.write(block)
        notes = list(file.notes)
        if encoding != options.encoding:
            notes.append(f"The file says that it is UTF-8; it is not read as {options.encoding}.")
        if stray := file.stray_quotes:
            shown = ", ".join(map(str, stray[:20])) + (", .." if len(stray) > 20 else "")
            notes.append(f"{len(stray)} lines have quotes in the text, kept as text: {shown}.")
        if reader.is_repaired:
            notes.append(
                "This is a file of failed rows: the columns about the failure are left out."
            )
        return Staged(
            table="pg_temp.pgtandem_input",
            header=reader.header,
            rows=reader.rows,
            broken=reader.broken,
            sha256=file.sha256(),
            notes=tuple(notes),
        )


def _encoding(path: Path, given: str) -> str:
    """The encoding to read a file in: what a file of failed rows is in, whatever its input was."""
    try:
        with path.open("rb") as file:
            if file.read(3) == codecs.BOM_UTF8 and codecs.lookup(given).name not in _UTF8:
                return "utf-8-sig"
    except (OSError, LookupError):
        pass  # open_records says what is wrong
    return given


def submit(
    conn: Connection,
    mapping: str,
    staged: Staged,
    options: Options,
    *,
    source: str,
    key: str,
    durable: bool,
) -> int:
    """Hand a staged file in: the id of its import, or of the one that is there for the key."""
    arguments: dict[str, object] = {
        "mapping": mapping,
        "staging": staged.table,
        "header": staged.header,
        "fields": json.dumps(dict(options.fields)),
        "source": source,
        "key": key,
        "user": options.user,
        "duplicates": options.duplicates,
        "deleted": options.deleted,
        "empty": options.empty,
        "max_failed": options.max_failed,
        "max_failed_percent": options.max_failed_percent,
        "dry_run": options.dry_run,
        "durable": durable,
        "batch_rows": options.batch_rows,
        "timeout_seconds": options.timeout_seconds,
    }
    types = {
        "staging": "regclass",
        "header": "text[]",
        "fields": "jsonb",
        "max_failed": "integer",
        "max_failed_percent": "numeric",
        "dry_run": "boolean",
        "durable": "boolean",
        "batch_rows": "integer",
        "timeout_seconds": "integer",
    }
    named = ", ".join(f"p_{n} => %({n})s::{types.get(n, 'text')}" for n in arguments)
    with own_path(conn):
        row = conn.execute(f"select tandem.submit_import({named})".encode(), arguments).fetchone()
    assert row is not None
    return int(row[0])


class _Reader:
    """The records of a file as an import is to get them."""

    def __init__(self, file: RecordFile, max_rows: int | None) -> None:
        self._file = file
        self._max_rows = max_rows
        extra = _failed_columns(file.names)
        self.is_repaired = bool(extra)
        self._kept = [place for place in range(len(file.header)) if place not in extra]
        self.header = [file.header[place] for place in self._kept]
        if self.is_repaired:
            self.header = [unescaped(name) for name in self.header]
        self.rows = 0
        self.broken = 0

    def records(self) -> Iterator[Record | BrokenRecord]:
        most = self._max_rows
        for record in self._file.records():
            self.rows += 1
            if most is not None and self.rows > most:
                raise UsageError(
                    f"{self._file.path} has more than {most:,} rows; an import may have {most:,}.",
                    detail="Nothing was submitted.",
                    hint="Import it in parts, or have an admin raise import_max_rows in "
                    "tandem.setting (IMPORT_MAX_ROWS in the environment can only lower it).",
                )
            if isinstance(record, BrokenRecord):
                self.broken += 1
                yield record
            elif self.is_repaired:
                values = (record.values[place] for place in self._kept)
                yield record._replace(values=[None if v is None else unescaped(v) for v in values])
            else:
                yield record


def _blocks(records: Iterable[Record | BrokenRecord]) -> Iterator[bytes]:
    """The records as the text format of COPY, for (line_no, last_line, fault, content)."""
    parts: list[str] = []
    held = 0
    for record in records:
        values: Values
        if isinstance(record, BrokenRecord):
            fault = _copied(_storable(f"{record.reason} {record.hint}".rstrip()))
            values = [_storable(record.raw)]
        else:
            fault = "\\N"
            values = record.values
        text = _copied(to_array_literal(values))
        parts.append(f"{record.line}\t{record.last_line}\t{fault}\t{text}\n")
        held += len(text)
        if held >= _COPY_CHARACTERS:
            yield "".join(parts).encode()
            parts.clear()
            held = 0
    if parts:
        yield "".join(parts).encode()


def _copied(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _storable(raw: str) -> str:
    r"""A text that PostgreSQL can hold, from which the file's own can be had again.

    NUL is written as \x00, a byte that did not decode as \xNN, half of a surrogate pair as \uNNNN;
    a backslash is doubled in such a text, and in no other.
    """
    if "\0" not in raw and not any("\ud800" <= character <= "\udfff" for character in raw):
        return raw
    return "".join(map(_shown, raw))


def _shown(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"
    if code == 0:
        return "\\x00"
    if 0xDC80 <= code < 0xDD00:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if 0xD800 <= code < 0xE000 else character


# --------------------------------------------------------------------------------------------------
# Failed rows out


def failed_header(header: Sequence[str]) -> list[str]:
    """The names of what a file of failed rows has beside the input's own columns."""
    taken = {name.strip().lower() for name in header}
    prefix = PREFIX
    while any(prefix + name in taken for name in FAILED_COLUMNS):
        prefix += PREFIX
    return [prefix + name for name in FAILED_COLUMNS]


def _failed_columns(names: Sequence[str]) -> frozenset[int]:
    """The places of such columns in a header; none where it is not that of a file of failed rows.

    A file of failed rows whose input had such names of its own has longer ones for them.
    """
    lower = [name.lower() for name in names]
    depth = max((name.count(PREFIX) for name in lower), default=0)
    for number in range(depth, 0, -1):
        prefix = PREFIX * number
        if prefix + "line" in lower and prefix + "code" in lower:
            ours = {prefix + name for name in FAILED_COLUMNS}
            return frozenset(place for place, name in enumerate(lower) if name in ours)
    return frozenset()


def escaped(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if _FORMULA.match(value) else value


def unescaped(cell: str) -> str:
    """What `escaped` was given."""
    return cell[1:] if _ESCAPED.match(cell) else cell


_FAILED: Final = """
select f.line_no, f.column_name, f.sqlstate, f.message, f.hint, f.content, f.record is null
from tandem.import_failed_rows as f
where f.import_id = %s
order by f.row_no
"""


def write_failed(conn: Connection, import_id: int, path: Path) -> int:
    """Write the failed rows of an import as a CSV file; how many there are.

    The file is there when it is whole. Raises UsageError for an import that is not there.
    """
    query = "select j.header from tandem.import_job as j where j.import_id = %s"
    with own_path(conn):
        job = conn.execute(query.encode(), (import_id,)).fetchone()
        if job is None:
            raise no_import(import_id)
        header: list[str] = job[0]
        number = 0
        with (
            _whole(path) as file,
            conn.cursor(name="pgtandem_failed") as cursor,
        ):
            cursor.itersize = 500
            writer = csv.writer(file)
            writer.writerow([*map(escaped, header), *failed_header(header)])
            for row in cursor.execute(_FAILED.encode(), (import_id,)):
                line, column, code, message, hint, content, is_broken = row
                # what could not be read has no columns: whose they are, is for a person to say
                values = [] if is_broken else content[: len(header)]
                values += [None] * (len(header) - len(values))
                raw = content[0] if is_broken and content else ""
                texts = [*values, line, column, code, message, hint, raw]
                writer.writerow(["" if t is None else escaped(str(t)) for t in texts])
                number += 1
    return number


def no_import(import_id: int) -> UsageError:
    """That there is no such import."""
    return UsageError(
        f"There is no import {import_id}.", hint="`pgtandem import status` lists them."
    )


def require_writable(path: Path) -> None:
    """Raise UsageError where `write_failed` could not write there, before there is anything."""
    try:
        part = path.with_name(path.name + ".part")
        part.touch()
        part.unlink()
    except OSError as error:
        raise UsageError(f"The file {path} cannot be written: {error.strerror}.") from error


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """A file that takes its place when it is written; with a mark for spreadsheets."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8-sig", newline="") as file:
            yield file
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"The file {path} cannot be written: {error.strerror}.") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
