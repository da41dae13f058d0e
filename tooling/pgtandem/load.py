"""A CSV or TSV file into a table: the verb `load`.

What it promises:

* **One transaction a file.** A load that is killed, cancelled or breaks off leaves nothing behind
  and is simply run again. (Inside a transaction of the caller's it is part of that.)
* **A line that cannot be loaded is reported** with its line number, the reason and what to do; all
  others are loaded. Nothing is dropped silently:
  `records = loaded + bad + swallowed`, where swallowed rows are those for which a trigger of the
  table said no (a BEFORE trigger that returns NULL).
* **An empty field is NULL**, quoted or not. To get a column's default, leave the column out.
* Constant memory: a batch of lines at a time, whatever the size of the file.
* No right but INSERT on the loaded columns and TEMPORARY on the database. The table's triggers fire
  as for any other INSERT, so a synced table stays in step.

How a bad line is found without a subtransaction per row: each batch is copied as text into a
temporary table and moved on by one INSERT .. SELECT, inside one savepoint. Only when that fails is
the batch halved, until the failing lines stand alone. This works on PostgreSQL 15, which has no
pg_input_is_valid, and finds broken constraints and refusing triggers too.

Values are cast to the column's type without its length or scale and then assigned, because an
explicit cast to varchar(20) would cut a long value off silently. Dates are read by the session's
DateStyle.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from pgtandem.errors import UsageError
from pgtandem.records import (
    BrokenRecord,
    FileError,
    Record,
    RecordFile,
    open_records,
    usual_delimiter,
)

BATCH_RECORDS: Final = 5000
FIRST_BATCH_RECORDS: Final = 1000
"""A file of which not one of these fits is refused at once: its columns are mixed up."""
BATCH_CHARACTERS: Final = 8 * 1024 * 1024
KEPT_BAD_LINES: Final = 1000
"""So many bad lines are kept in the result; all are counted and given to `on_bad_line`."""
DEADLOCK_ATTEMPTS: Final = 5

# Errors that blame a line: data exceptions, broken constraints, RAISE in a trigger, a view's check
# option, an index entry too large, and pgtandem's own. Any other error ends the load.
_LINE_ERRORS: Final = ("22", "23", "44", "P0", "TD", "54000")


class LoadError(UsageError):
    """The file cannot be loaded at all; nothing of it is in the table."""


@dataclass(frozen=True)
class BadLine:
    """A record that was not loaded. Lines count from 1, the header included."""

    line: int
    last_line: int
    """Differs from `line` where a quoted field holds line breaks."""
    reason: str
    hint: str
    column: str | None = None
    sqlstate: str | None = None

    def __str__(self) -> str:
        lines = f"line {self.line}"
        if self.last_line != self.line:
            lines = f"lines {self.line} to {self.last_line}"
        column = f"column {self.column}: " if self.column else ""
        return f"{lines}: {column}{self.reason} {self.hint}"


@dataclass(frozen=True)
class LoadProgress:
    """Where a load stands, given to `progress` after each batch. Bytes are those of the file."""

    bytes_read: int
    bytes_total: int
    records: int
    loaded: int
    bad: int


@dataclass(frozen=True)
class LoadResult:
    """What a finished load did."""

    path: Path
    table: str
    columns: tuple[tuple[str, str], ...]
    """Pairs of (column of the table, name in the header), in the file's order."""
    unused: tuple[str, ...]
    """Names in the header that no column was loaded from."""
    records: int
    loaded: int
    bad: int
    swallowed: int
    """Rows that a trigger of the table refused without an error."""
    bad_lines: tuple[BadLine, ...]
    """The first KEPT_BAD_LINES of them, in the file's order within each batch."""
    blank_lines: int
    seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Column:
    """A column of the table: its name, the type to cast to, the type with length and scale."""

    name: str
    cast: str
    exact: str
    writable: bool


class _Target(NamedTuple):
    schema: str
    name: str
    columns: tuple[_Column, ...]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


@dataclass
class _Counts:
    records: int = 0
    loaded: int = 0
    bad: int = 0
    swallowed: int = 0
    kept: list[BadLine] = field(default_factory=list)


def parse_columns(text: str | Iterable[str]) -> dict[str, str]:
    """`ProductName=name Amount="list price"` as {column of the table: name in the header}.

    Takes one string, split as a shell does it, or the single pairs. Raises LoadError.
    """
    try:
        pairs = shlex.split(text) if isinstance(text, str) else list(text)
    except ValueError as exc:
        raise LoadError(f"The columns {text!r} cannot be read: {exc}.") from None
    found: dict[str, str] = {}
    for pair in pairs:
        column, equals, header = (part.strip() for part in pair.partition("="))
        if not (column and equals and header):
            raise LoadError(
                f"{pair!r} does not say which column is loaded from what.",
                hint="Write COLUMN=NAME, the table's column first, as in ProductName=name; "
                "quote a name that has blanks.",
            )
        if column in found:
            raise LoadError(f"The column {column!r} is given twice: {found[column]!r}, {header!r}.")
        found[column] = header
    return found


def load_file(
    conn: psycopg.Connection[Any],
    table: str,
    path: str | os.PathLike[str],
    columns: Mapping[str, str] | None = None,
    *,
    encoding: str = "utf-8-sig",
    delimiter: str | None = None,
    progress: Callable[[LoadProgress], None] | None = None,
    on_bad_line: Callable[[BadLine], None] | None = None,
    batch_records: int = BATCH_RECORDS,
) -> LoadResult:
    """Load a file's records into a table or view; see the module for what it promises.

    `table` is `name` or `schema.name`, without quotes, found exactly or else in lower case;
    `columns` maps columns of the table to names in the header, the other columns are matched by
    name; both without regard to case and blanks around, unless that is ambiguous. gzip is known by
    its first bytes. `delimiter` is a tab for .tsv and .tab, else a comma.

    Raises LoadError for a file, header or table that does not fit, and psycopg.Error for what no
    line is to blame for, such as a missing right.
    """
    started = time.monotonic()
    path = Path(path)
    target = _find_table(conn, table)
    with _load_errors(), _open(path, encoding, delimiter) as source:
        header = source.header
        matched = _match(target, columns or {}, source)
        load = _Load(conn, target, matched, on_bad_line)
        with conn.transaction():
            load.begin()
            for batch in _batches(source, load, batch_records):
                load.batch(batch)
                if progress is not None:
                    done = load.counts
                    progress(
                        LoadProgress(
                            source.bytes_read,
                            source.bytes_total,
                            done.records,
                            done.loaded,
                            done.bad,
                        )
                    )
            notes = load.finish()
        blank = source.blank_lines
        if stray := source.stray_quotes:
            shown = ", ".join(map(str, stray[:20])) + (", .." if len(stray) > 20 else "")
            notes.append(f"{len(stray)} lines have quotes in the text, kept as text: {shown}.")
    used = {header[place] for place, _ in matched}
    counts = load.counts
    return LoadResult(
        path=path,
        table=f"{target.schema}.{target.name}",
        columns=tuple((column.name, header[place]) for place, column in matched),
        unused=tuple(name for name in header if name not in used),
        records=counts.records,
        loaded=counts.loaded,
        bad=counts.bad,
        swallowed=counts.swallowed,
        bad_lines=tuple(counts.kept),
        blank_lines=blank,
        seconds=time.monotonic() - started,
        notes=tuple(notes),
    )


def check_file(
    path: str | os.PathLike[str],
    table: str,
    names: Sequence[str],
    columns: Mapping[str, str] | None = None,
    *,
    encoding: str = "utf-8-sig",
    delimiter: str | None = None,
) -> tuple[str, ...]:
    """What `load_file` finds wrong with a file or its header, before there is a table.

    `names` are the columns that the table is going to have. Returns those that would be loaded;
    raises LoadError.
    """
    path = Path(path)
    target = _Target("", table, tuple(_Column(name, "", "", True) for name in names))
    with _load_errors(), _open(path, encoding, delimiter) as source:
        matched = _match(target, columns or {}, source)
    return tuple(column.name for _, column in matched)


# --------------------------------------------------------------------------------------------------
# The table


_FIND_TABLE: Final = """
select c.oid, n.nspname, c.relname, c.relkind::text
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relname in (%(name)s, %(lower)s)
    and (n.nspname = %(schema)s
        or %(schema)s::text is null and pg_catalog.pg_table_is_visible(c.oid))
    and c.relkind in ('r', 'p', 'v', 'f')
order by c.relname = %(name)s desc
limit 1
"""

# A domain is resolved to its base type for the cast; the assignment then checks its constraints.
_FIND_COLUMNS: Final = """
with recursive base as (
    select a.attnum, a.atttypid as typ from pg_catalog.pg_attribute as a
    where a.attrelid = %(table)s and a.attnum > 0 and not a.attisdropped
    union all
    select b.attnum, t.typbasetype from base as b
    join pg_catalog.pg_type as t on t.oid = b.typ and t.typtype = 'd'
)
select a.attname, pg_catalog.format_type(t.oid, -1),
    pg_catalog.format_type(a.atttypid, a.atttypmod),
    a.attgenerated = '' and a.attidentity <> 'a'
from pg_catalog.pg_attribute as a
join base as b on b.attnum = a.attnum
join pg_catalog.pg_type as t on t.oid = b.typ and t.typtype <> 'd'
where a.attrelid = %(table)s
order by a.attnum
"""


def _find_table(conn: psycopg.Connection[Any], table: str) -> _Target:
    schema, dot, name = table.rpartition(".")
    arguments = {"name": name, "lower": name.lower(), "schema": schema if dot else None}
    with conn.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        found = cursor.execute(_FIND_TABLE, arguments).fetchone()
        if found is None and dot:
            arguments["schema"] = schema.lower()
            found = cursor.execute(_FIND_TABLE, arguments).fetchone()
        if found is None:
            raise LoadError(
                f"There is no table {table!r} in the database {conn.info.dbname!r} "
                f"that {conn.info.user!r} can see.",
                hint="Check the name and, if the table is outside the search_path, "
                "write schema.table.",
            )
        rows = cursor.execute(_FIND_COLUMNS, {"table": found[0]}).fetchall()
    return _Target(found[1], found[2], tuple(_Column(*row) for row in rows))


def _folded(name: str) -> str:
    return name.strip().casefold()


def _pick_one(wanted: str, names: Sequence[str]) -> list[int]:
    """The places of a name: where it stands exactly, else without case and blanks around it."""
    exact = [place for place, name in enumerate(names) if name == wanted]
    if len(exact) == 1:
        return exact
    return [place for place, name in enumerate(names) if _folded(name) == _folded(wanted)]


def _match(
    target: _Target,
    columns: Mapping[str, str],
    file: RecordFile,
) -> list[tuple[int, _Column]]:
    """Pairs of (place in the file's records, column of the table), by mapping, then by name."""
    header, path = file.header, file.path
    names = [column.name for column in target.columns]
    chosen: dict[int, _Column] = {}
    for wanted, source in columns.items():
        places = _pick_one(wanted, names)
        if len(places) != 1:
            kind = "is ambiguous in" if places else "is not in"
            raise LoadError(
                f"The column {wanted!r} {kind} the table {target.name}.",
                hint=f"Its columns are: {_listed(names)}.",
            )
        column = target.columns[places[0]]
        if not column.writable:
            raise LoadError(
                f"The column {column.name!r} of {target.name} is generated by the database.",
                hint="Leave it out: its values cannot be given.",
            )
        fields = _pick_one(source, header)
        if len(fields) != 1:
            kind = "stands several times" if fields else "is not"
            raise LoadError(
                f"The name {source!r}, given for the column {wanted!r}, {kind} in the header of "
                f"{path}.",
                hint=f"The header says: {_listed(header)}.",
            )
        if fields[0] in chosen or column in chosen.values():
            raise LoadError(f"{wanted!r} or {source!r} is given twice among the columns.")
        chosen[fields[0]] = column
    for column in target.columns:
        if column in chosen.values() or not column.writable:
            continue
        fields = _pick_one(column.name, header)
        if len(fields) > 1 and not chosen.keys() & set(fields):
            raise LoadError(
                f"The column {column.name!r} stands {len(fields)} times in the header of {path}.",
                hint="Rename all but one of them.",
            )
        if len(fields) == 1 and fields[0] not in chosen:
            chosen[fields[0]] = column
    if not chosen:
        hint = (
            f"The header says: {_listed(header)}. The table has: {_listed(names)}. "
            "Say which is which, as in ProductName=name."
        )
        other = next(
            (mark for mark in ";\t|," if mark != file.delimiter and mark in header[0]), None
        )
        if len(header) == 1 and other is not None:
            hint = f"The fields seem to be separated by {other!r}: give that as the delimiter."
        raise LoadError(f"No name in the header of {path} is a column of {target.name}.", hint=hint)
    return sorted(chosen.items())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:40])
    return f"{shown} and {len(names) - 40} more" if len(names) > 40 else shown


# --------------------------------------------------------------------------------------------------
# The file


def _open(path: Path, encoding: str, delimiter: str | None) -> RecordFile:
    # As CSV whatever its name, and by the usual delimiter: the header tells when that is wrong.
    return open_records(
        path, encoding=encoding, delimiter=delimiter or usual_delimiter(path), format="csv"
    )


@contextmanager
def _load_errors() -> Iterator[None]:
    """What is wrong with a file ends the load with a LoadError."""
    try:
        yield
    except FileError as exc:
        hint = exc.hint
        if exc.line is not None:
            hint = f"Nothing was loaded. {hint or ''}".strip()
        raise LoadError(exc.message, hint=hint) from exc


def _batches(file: RecordFile, load: _Load, batch_records: int) -> Iterator[list[Record]]:
    """Yield lists of well-formed records; report the others to `load`."""
    batch: list[Record] = []
    characters = 0
    limit = min(FIRST_BATCH_RECORDS, batch_records)
    for record in file.records():
        load.counts.records += 1
        if isinstance(record, BrokenRecord):
            load.report(BadLine(record.line, record.last_line, record.reason, record.hint))
            continue
        batch.append(record)
        characters += sum(map(len, filter(None, record.values)))
        if len(batch) >= limit or characters >= BATCH_CHARACTERS:
            yield batch
            limit = batch_records
            batch, characters = [], 0
    yield batch


# --------------------------------------------------------------------------------------------------
# The load


class _Load:
    """One file's way into one table, inside the caller's transaction."""

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        target: _Target,
        matched: Sequence[tuple[int, _Column]],
        on_bad_line: Callable[[BadLine], None] | None,
    ) -> None:
        self._conn = conn
        self._target = target
        self._places = [place for place, _ in matched]
        self._columns = [column for _, column in matched]
        self._on_bad_line = on_bad_line
        self.counts = _Counts()
        self._probing = False
        self._indexed = False
        self._tried = 0
        self._last_guilty = 0
        self._inserted_rows = 0
        self._stage = sql.Identifier("pg_temp", "pgtandem_load")
        self._probe = sql.Identifier("pg_temp", "pgtandem_load_probe")
        texts = [sql.Identifier(f"c{number}") for number in range(len(matched))]
        casts = [
            sql.SQL("s.{}::{}").format(text, sql.SQL(column.cast))
            for text, column in zip(texts, self._columns, strict=True)
        ]
        comma = sql.SQL(", ")
        self._create = sql.SQL("create temporary table {} (line bigint, {}) on commit drop").format(
            sql.Identifier("pgtandem_load"),
            comma.join(sql.SQL("{} text").format(text) for text in texts),
        )
        self._copy = sql.SQL("copy {} from stdin").format(self._stage)
        self._insert = sql.SQL(
            "insert into {} ({}) select {} from {} as s where s.line between %s and %s "
            "order by s.line"
        ).format(
            target.identifier,
            comma.join(sql.Identifier(column.name) for column in self._columns),
            comma.join(casts),
            self._stage,
        )
        self._create_probe = sql.SQL("create temporary table {} ({}) on commit drop").format(
            sql.Identifier("pgtandem_load_probe"),
            comma.join(
                sql.SQL("{} {}").format(text, sql.SQL(column.exact))
                for text, column in zip(texts, self._columns, strict=True)
            ),
        )
        self._probes = [
            sql.SQL("insert into {} ({}) select {} from {} as s where s.line = %s").format(
                self._probe, text, cast, self._stage
            )
            for text, cast in zip(texts, casts, strict=True)
        ]

    def begin(self) -> None:
        """Make the staging table; a deferred constraint must blame its batch, not the COMMIT."""
        self._conn.execute(self._create)
        self._conn.execute("set constraints all immediate")

    def batch(self, records: Sequence[Record]) -> None:
        """Load one batch; report its bad lines."""
        if not records:
            return
        # In the transaction that made it, this is a truncation in place: no new file.
        self._conn.execute(sql.SQL("truncate table {}").format(self._stage))
        self._tried += len(records)
        found: list[BadLine] = []
        staged = self._isolate(records, self._stage_records, found)
        inserted = self._isolate(staged, self._insert_records, found)
        self.counts.swallowed += len(inserted) - self._inserted_rows
        self.counts.loaded += self._inserted_rows
        self._inserted_rows = 0
        for bad in sorted(found, key=lambda line: line.line):
            self.report(bad)
        if len(records) >= FIRST_BATCH_RECORDS and len(found) == len(records) == self._tried:
            raise LoadError(
                f"Not one of the file's first {len(records)} records could be loaded.",
                detail=f"The first one: {found[0]}",
                hint="Nothing was loaded. Check which column is loaded from which.",
            )

    def _stage_records(self, records: Sequence[Record]) -> int:
        with self._conn.cursor() as cursor, cursor.copy(self._copy) as copy:
            for record in records:
                values = record.values
                copy.write_row([record.line, *(values[place] or None for place in self._places)])
        return 0

    def _insert_records(self, records: Sequence[Record]) -> int:
        with self._conn.cursor() as cursor:
            cursor.execute(self._insert, (records[0].line, records[-1].line))
            return cursor.rowcount

    def _isolate(
        self,
        records: Sequence[Record],
        work: Callable[[Sequence[Record]], int],
        found: list[BadLine],
    ) -> list[Record]:
        """Do the work for all records but the bad ones; return those it was done for."""
        if not records:
            return []
        try:
            rows = self._attempt(records, work)
        except psycopg.Error as exc:
            if exc.sqlstate is None or not exc.sqlstate.startswith(_LINE_ERRORS):
                raise
            if len(records) == 1:
                found.append(self._blame(records[0], exc, work == self._insert_records))
                return []
            if not self._indexed:  # a good file needs no index; a search for bad lines does
                self._conn.execute(sql.SQL("create index on {} (line)").format(self._stage))
                self._indexed = True
            middle = len(records) // 2
            return [
                *self._isolate(records[:middle], work, found),
                *self._isolate(records[middle:], work, found),
            ]
        self._inserted_rows += rows
        return list(records)

    def _attempt(self, records: Sequence[Record], work: Callable[[Sequence[Record]], int]) -> int:
        """In a savepoint. A deadlock undoes that alone, with its locks, so it is tried again."""
        for left in reversed(range(DEADLOCK_ATTEMPTS)):
            try:
                with self._conn.transaction():
                    return work(records)
            except psycopg.errors.DeadlockDetected:
                if left == 0:
                    raise
                time.sleep(0.1)  # the other session goes first, else both meet again
        raise AssertionError("unreachable")

    def _blame(self, record: Record, exc: psycopg.Error, inserting: bool) -> BadLine:
        diag = exc.diag
        state = exc.sqlstate or ""
        column = diag.column_name
        if column is None and inserting and (state.startswith("22") or diag.datatype_name):
            column = self._guilty_column(record)
        reason = diag.message_primary or str(exc)
        if diag.message_detail and state not in ("23502", "23514"):  # those two print the row
            reason += f" ({diag.message_detail})"
        return BadLine(
            record.line,
            record.last_line,
            reason if reason.endswith((".", ")")) else reason + ".",
            diag.message_hint or _hint(state),
            column,
            state,
        )

    def _guilty_column(self, record: Record) -> str | None:
        """The first column whose value does not go into its type, tried one by one."""
        if not self._probing:
            self._conn.execute(self._create_probe)
            self._probing = True
        # The column that was guilty last time is likely to be it again.
        for place in sorted(range(len(self._columns)), key=lambda p: p != self._last_guilty):
            column, probe = self._columns[place], self._probes[place]
            try:
                with self._conn.transaction():
                    self._conn.execute(probe, (record.line,))
            except psycopg.Error as exc:
                if exc.sqlstate is None or not exc.sqlstate.startswith(_LINE_ERRORS):
                    raise
                self._last_guilty = place
                return column.name
        return None

    def report(self, bad: BadLine) -> None:
        """Count a bad line, keep it if it is among the first, tell the caller."""
        self.counts.bad += 1
        if len(self.counts.kept) < KEPT_BAD_LINES:
            self.counts.kept.append(bad)
        if self._on_bad_line is not None:
            self._on_bad_line(bad)

    def finish(self) -> list[str]:
        """Drop the temporary tables; move sequences past the keys that were given."""
        self._conn.execute(sql.SQL("drop table {}").format(self._stage))
        if self._probing:
            self._conn.execute(sql.SQL("drop table {}").format(self._probe))
        notes = []
        for column in self._columns if self.counts.loaded else []:
            note = self._advance_sequence(column)
            if note is not None:
                notes.append(note)
        return notes

    def _advance_sequence(self, column: _Column) -> str | None:
        """Without this, the next INSERT without a key would meet a loaded one."""
        quoted = self._target.identifier.as_string(self._conn)
        name = column.name
        with self._conn.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
            cursor.execute("select pg_catalog.pg_get_serial_sequence(%s, %s)", (quoted, name))
            row = cursor.fetchone()
            if row is None or row[0] is None:
                return None
            sequence = row[0]
            try:
                with self._conn.transaction():
                    cursor.execute(
                        sql.SQL(
                            "select pg_catalog.setval(%s::regclass, m.top) "
                            "from (select max({}) as top from {}) as m "
                            "where m.top >= (select last_value from {})"
                        ).format(
                            sql.Identifier(name),
                            self._target.identifier,
                            sql.SQL(sequence),
                        ),
                        (sequence,),
                    )
                    moved = cursor.fetchone()
            except psycopg.errors.InsufficientPrivilege:
                return (
                    f"{name} was loaded, but its sequence {sequence} could not be moved past the "
                    "loaded values for want of rights; the table's owner does it with setval()."
                )
        return f"The sequence {sequence} of {name} now stands at {moved[0]}." if moved else None


_HINTS: Final = {
    "22001": "Shorten the value.",
    "22003": "Correct the number, or enlarge the column.",
    "22007": "Correct the date, or set the session's DateStyle (PGDATESTYLE) to the file's order.",
    "22008": "Correct the date, or set the session's DateStyle (PGDATESTYLE) to the file's order.",
    "22P02": "Correct the value, or leave the field empty for NULL.",
    "22P05": "Remove the character: the database's encoding has none for it.",
    "23502": "Give a value (an empty field is NULL), or leave the column out for its default.",
    "23503": "Load what it refers to first.",
    "23505": "A row with this key is there: remove the line, or that row.",
    "23514": "Correct the value: a rule of the table forbids it.",
    "54000": "Shorten the value: an index cannot hold it.",
}


def _hint(sqlstate: str) -> str:
    return _HINTS.get(sqlstate, "Correct the line, then load it alone.")
