"""Files for imports, and the command that imports them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.cli import Done, pgtandem
from support.databases import Connection, Database
from support.shop import one

DATA = Path(os.environ.get("PGTANDEM_DATA") or Path(__file__).parents[3] / "shared" / "data")
COUNTS = ("inserted", "updated", "unchanged", "superseded", "failed", "suppressed")


def real(*parts: str) -> Path:
    """A file of real data, which is not part of the project."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is absent; PGTANDEM_DATA names the data folder")
    return path


def write(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], encoding: str = "utf-8"
) -> Path:
    """A CSV file."""
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerow(header)
        csv.writer(file).writerows(rows)
    return path


def read(path: Path) -> list[dict[str, str]]:
    """The records of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def import_file(db: Database, path: Path, *options: str | Path) -> Done:
    """`pgtandem import run items FILE --foreground --json ...`."""
    return pgtandem(
        "import", "run", "items", path, "--foreground", "--json", *options, dsn=db.owner_dsn
    )


def imported(db: Database, path: Path, *options: str | Path, code: int = 0) -> dict[str, Any]:
    """The same, as its JSON; it must exit with `code` and account for every row."""
    done = import_file(db, path, *options)
    assert done.code == code, done.err[-2000:]
    job: dict[str, Any] = done.json()
    if job["state"] == "done":
        assert sum(job[name] for name in COUNTS) == job["rows_in"]
    return job


def figures(job: dict[str, Any]) -> dict[str, int]:
    """What became of the rows of an import, without what is 0."""
    return {name: job[name] for name in COUNTS if job[name]}


def written(conn: Connection, *, sequences: bool = True) -> tuple[Any, ...]:
    """What an import that writes nothing leaves as it is: versions of rows, and sequences."""
    tables = ("color_master", "size_master", "item_master", "item_variant")
    query = "select coalesce(sum(hashtext(t.xmin::text || t.ctid::text || t::text)), 0) from {} t"
    rows = [one(conn, query.format(table)) for table in tables]
    last = (
        "select sequencename, last_value from pg_sequences where schemaname = 'public' order by 1"
    )
    return (*rows, *(conn.execute(last.encode()).fetchall() if sequences else ()))
