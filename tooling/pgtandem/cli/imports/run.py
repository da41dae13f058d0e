"""`pgtandem import run`: a file into the tables of a mapping."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import psycopg
from click.core import ParameterSource

from pgtandem.cli.imports.shown import (
    exit_code_of,
    import_as_object,
    is_open,
    print_import,
    rows_of,
)
from pgtandem.cli.options import (
    Database,
    State,
    connected,
    database,
    json_option,
    mapping_argument,
    say,
    this_command,
)
from pgtandem.cli.output import print_json, scalar, select
from pgtandem.cli.running import call
from pgtandem.errors import UsageError, describe

if TYPE_CHECKING:
    from pgtandem.importing import Job, Options

_INPUT_GONE: Final = "TD062"
_TOO_MANY_FAILED: Final = "TD064"

_AGAIN: Final = """
select extract(epoch from j.run_after - clock_timestamp())::float8
from tandem.import_job as j
where j.import_id = %s and j.state = 'queued' and j.error_sqlstate is not null
"""


@dataclass(frozen=True)
class _Place:
    """Where an import is done, as the options and the environment have it."""

    background: bool | None
    threshold: int | None

    def is_elsewhere(self, rows: int, options: Options) -> bool:
        """Whether an import of so many rows is left to a worker."""
        if self.background is not None:
            return self.background
        if options.dry_run:
            return False
        return self.threshold is None or rows > self.threshold


@click.command("run")
@mapping_argument
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="FIELD=NAME",
    help="A field of the mapping, and its name in the file's header; others match by name. "
    "Repeatable.",
)
@click.option("--encoding", default="utf-8-sig", show_default=True)
@click.option("--delimiter", help="Default: a tab for .tsv and .tab, else what the header has.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "jsonl"]),
    help="Default: by the file's name.",
)
@click.option(
    "--duplicates",
    type=click.Choice(["first", "last", "error"]),
    default="last",
    show_default=True,
    help="Which of several rows with one key is taken.",
)
@click.option(
    "--deleted",
    type=click.Choice(["revive", "create", "error"]),
    default="revive",
    show_default=True,
    help="What becomes of a row whose key only a deleted one has.",
)
@click.option(
    "--empty",
    type=click.Choice(["keep", "clear"]),
    default="keep",
    show_default=True,
    help="What an empty field does to the value that is there.",
)
@click.option(
    "--max-failed",
    type=click.IntRange(min=0),
    metavar="N",
    help="End the import where more rows than this fail.",
)
@click.option(
    "--max-failed-percent",
    type=click.FloatRange(0, 100),
    metavar="P",
    help="The same in percent of all rows.",
)
@click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
@click.option(
    "--batch-rows",
    type=click.IntRange(1, 100_000),
    metavar="N",
    envvar="IMPORT_BATCH_SIZE",
    show_envvar=True,
    help="Rows between two commits. Default: tandem.setting import_batch_size.",
)
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    envvar="IMPORT_TIMEOUT_SECONDS",
    show_envvar=True,
    help="Stop after so long, between two batches. Default: tandem.setting import_timeout_seconds.",
)
@click.option(
    "--max-rows",
    type=click.IntRange(min=0),
    metavar="N",
    envvar="IMPORT_MAX_ROWS",
    show_envvar=True,
    help="Refuse a larger file. It can only lower tandem.setting import_max_rows.",
)
@click.option(
    "--threshold",
    type=click.IntRange(min=0),
    metavar="N",
    envvar="IMPORT_BACKGROUND_THRESHOLD",
    show_envvar=True,
    help="Leave more rows than this to a worker. Default: tandem.setting "
    "import_background_threshold.",
)
@click.option("--again", is_flag=True, help="Import a file once more that was imported already.")
@click.option("--user", metavar="NAME", help="Whom the import is for. Default: the session's role.")
@click.option(
    "--failed",
    "failed_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Write the failed rows here; see `pgtandem import failed`.",
)
@click.option(
    "--background/--foreground",
    default=None,
    help="Leave it to a worker, or do it here. Default: by the number of rows.",
)
@json_option
@click.pass_context
@connected
def command(
    state: State,
    context: click.Context,
    *,
    mapping: str,
    file: Path,
    fields: tuple[str, ...],
    encoding: str,
    delimiter: str | None,
    format_: Any,
    duplicates: Any,
    deleted: Any,
    empty: Any,
    max_failed: int | None,
    max_failed_percent: float | None,
    dry_run: bool,
    batch_rows: int | None,
    timeout: int | None,
    max_rows: int | None,
    threshold: int | None,
    again: bool,
    user: str | None,
    failed_file: Path | None,
    background: bool | None,
    as_json: bool,
) -> None:
    """Import FILE (CSV, TSV or JSON Lines, also gzip) into the tables of MAPPING.

    Each row is inserted, updated, left as it is, or kept back with the reason; the others go on.
    Nobody else waits for longer than a batch takes. The same file with the same options is the same
    import: a command that was stopped is typed again and goes on; one that is done says so.

    A file of many rows is left to a worker, as `pgtandem import status` shows; a dry run never,
    unless told so. A file that `pgtandem import failed` wrote is imported as it is, after it was
    corrected.

    Exit code: 0 all rows are in or left to a worker, 1 some failed, or the import was given up or
    undone.
    """
    from pgtandem.importing import Options, parse_fields, require_writable, server_limits

    if context.get_parameter_source("background") is ParameterSource.DEFAULT:
        background = None
    options = Options(
        fields=parse_fields(fields),
        encoding=encoding,
        delimiter=delimiter,
        format=format_,
        duplicates=duplicates,
        deleted=deleted,
        empty=empty,
        max_failed=max_failed,
        max_failed_percent=None if max_failed_percent is None else Decimal(str(max_failed_percent)),
        dry_run=dry_run,
        batch_rows=batch_rows,
        timeout_seconds=timeout,
        user=user,
    )
    if failed_file is not None:
        if failed_file.resolve() == file.resolve():
            raise UsageError("--failed would write over the file that is imported.")
        require_writable(failed_file)
    with database(state) as db:
        if dry_run:
            _require_sight(db)
        limits = server_limits(db.conn)
        given = [limit for limit in (limits.max_rows, max_rows) if limit is not None]
        place = _Place(background, limits.background_threshold if threshold is None else threshold)
        one = _Import(db, mapping, file, options, min(given, default=None), place)
        import_id = one.run(one.find_or_submit(again=again))
        _finish(db, import_id, failed_file, as_json=as_json)


@dataclass
class _Import:
    """A file that becomes an import, or goes on with the one that it is."""

    db: Database
    mapping: str
    file: Path
    options: Options
    max_rows: int | None
    place: _Place
    key: str = ""
    sha256: str = ""

    def find_or_submit(self, *, again: bool) -> int:
        """The id of the import that is there for this file, else of a new one."""
        from pgtandem.importing import import_key, jobs_of, next_key
        from pgtandem.records import file_sha256

        self.sha256 = file_sha256(self.file)
        self.key = key = import_key(self.sha256, self.mapping, self.options)
        if not self.options.dry_run:
            jobs = jobs_of(self.db.conn, self.mapping, key)
            there = None
            if not again:
                there = next((job for job in jobs or () if job.key == key), None)
            elif jobs is None or jobs:
                there = next((job for job in (jobs or ())[:1] if job.is_open), None)
                self.key = next_key(key, jobs)
            if there is not None:
                self.key = there.key
                self._say_there(there)
                return there.import_id
        return self.submit()

    def submit(self) -> int:
        """Read the file and hand it in."""
        from pgtandem.importing import stage, submit

        staged = stage(self.db.conn, self.file, self.options, self.max_rows)
        for note in staged.notes:
            say(note)
        if staged.sha256 != self.sha256:
            raise UsageError(
                f"The file {self.file} was changed while it was read.",
                detail="Nothing was submitted.",
                hint="Run the same command when the file is whole.",
            )
        return submit(
            self.db.conn,
            self.mapping,
            staged,
            self.options,
            source=self.file.name,
            key=self.key,
            durable=self.place.is_elsewhere(staged.rows, self.options),
        )

    def run(self, import_id: int) -> int:
        """Do the import here, unless it has ended or is a worker's; which one it is then."""
        job = self._job(import_id)
        if job is None or _has_ended(job) or self._is_elsewhere(job):
            return import_id
        try:
            self._call(import_id)
        except psycopg.Error as error:
            if error.sqlstate != _INPUT_GONE:
                raise
            say("The input did not outlive a crash of the server; reading the file again.")
            select(self.db.conn, "select tandem.cancel_import(%s)", import_id)
            import_id = self.submit()
            self._call(import_id)
        return import_id

    def _is_elsewhere(self, job: Job) -> bool:
        return job.is_durable and self.place.background is not False

    def _say_there(self, job: Job) -> None:
        there = f"This file is import {job.import_id} already"
        if _has_ended(job):
            say(f"{there}, which is {job.state}. Once more: --again")
        elif not self._is_elsewhere(job):
            say(f"{there}; going on with it.")
        elif job.is_open:
            say(f"{there}, which is {job.state}.")
        else:
            say(f"{there}, which was given up. Go on with it here: --foreground")

    def _call(self, import_id: int) -> None:
        """Do it to its end; what a passing cause has stopped is called again."""
        while True:
            try:
                call(
                    self.db,
                    "call tandem.run_import(%s)",
                    (import_id,),
                    kind="run_import",
                    mapping=self.mapping,
                    import_id=import_id,
                )
                return
            except psycopg.Error as error:
                if self.db.conn.closed:
                    say(
                        "The session is lost; whole batches that it has done stay. "
                        f"Go on where it stopped:  {this_command()}"
                    )
                    raise
                wait = scalar(self.db.conn, _AGAIN, import_id)
                if wait is None:
                    raise
                say(f"{describe(error)}\nTrying again in {max(wait, 0):.0f} s.")
                time.sleep(max(wait, 0))

    def _job(self, import_id: int) -> Job | None:
        """The import, or None where the role may not see it and so leaves it to a worker."""
        from pgtandem.importing import Job

        query = (
            "select j.import_id, j.job_key, j.state, j.is_durable, j.error_sqlstate"
            " from tandem.import_job as j where j.import_id = %s"
        )
        try:
            return Job(*select(self.db.conn, query, import_id).rows[0])
        except psycopg.errors.InsufficientPrivilege:
            if self.place.background is False:
                raise
            return None


def _has_ended(job: Job) -> bool:
    """Whether the same CALL does not go on with an import."""
    return job.state in ("done", "cancelled") or job.error_sqlstate == _TOO_MANY_FAILED


def _finish(db: Database, import_id: int, failed_file: Path | None, *, as_json: bool) -> None:
    """Show what became of an import, and exit by it."""
    try:
        job = import_as_object(db, import_id)
    except psycopg.errors.InsufficientPrivilege:
        job = None
    if job is None:
        if as_json:
            print_json({"import_id": import_id})
        say(f"Import {import_id} is submitted. A worker does it; operators see how far it is.")
        return
    if failed_file is not None and not is_open(job):
        job["failed_file"] = _write_failed(db, import_id, failed_file, job["repairs"])
    if as_json:
        print_json(job)
    else:
        print_import(job)
    _say_next(job, import_id, failed_file)
    if job["suppressed"]:
        say(f"{rows_of(job['suppressed'])} swallowed by a trigger of the tables.")
    if job["dry_run"]:
        say("Nothing was written.")
    raise click.exceptions.Exit(exit_code_of(job))


def _say_next(job: dict[str, Any], import_id: int, failed_file: Path | None) -> None:
    """What is to be done about an import that is not done, or has failed rows."""
    if is_open(job):
        say(f"A worker does it.  Watch it:  pgtandem import status {import_id}")
        if not job["workers"]:
            say("None is there now; this is one:  pgtandem worker")
        if failed_file is not None:
            say(f"Its failed rows later:  pgtandem import failed {import_id} -o {failed_file}")
    elif job["undone"]:
        say("It was undone: what it wrote was taken back. Once more: --again")
    elif job["repairs"] and failed_file is not None:
        say(f"The failed rows are in {failed_file}. Correct them there, then import that file.")
    elif job["repairs"]:
        say(f"The failed rows to correct:  pgtandem import failed {import_id} -o FILE.csv")


def _write_failed(db: Database, import_id: int, path: Path, repairs: object) -> str | None:
    """Write the failed rows; where none failed, over those of an earlier import alone."""
    from pgtandem.importing import write_failed

    if repairs or path.exists():
        write_failed(db.conn, import_id, path)
    return str(path) if repairs else None


def _require_sight(db: Database) -> None:
    """Refuse a dry run to who could not see what it says."""
    query = "select has_table_privilege('tandem.rejected_row', 'select')"
    if not scalar(db.conn, query):
        raise UsageError(
            "A dry run would tell you nothing: this role may hand imports in, not see them.",
            detail="Nothing was submitted.",
            hint="Have an operator try the file: tandem.grant_to(role, 'operator').",
        )
