"""The package's SQL files: which there are, in which order they run, which are templates."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pgtandem.paths import db_dir

TEMPLATES = ("schema/mapping", "procedures", "triggers")


@dataclass(frozen=True)
class SchemaChange:
    """A run-once change of our own schema; frozen once released."""

    name: str
    sql: str
    hash: str


def is_template(path: Path) -> bool:
    """Tell whether a file below ``db/`` is a Jinja template."""
    text = path.read_text(encoding="utf-8")
    return "{{" in text or "{%" in text


def sha256(text: str) -> str:
    """Hex SHA-256 of a text, as the registry stores it."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def schema_changes() -> tuple[SchemaChange, ...]:
    """The run-once changes, in the order of their timestamps."""
    root = db_dir() / "schema"
    found = []
    for path in root.glob("*/*/up.sql"):
        sql = path.read_text(encoding="utf-8")
        name = f"{path.parent.parent.name}/{path.parent.name}"
        found.append(SchemaChange(name, sql, sha256(sql)))
    return tuple(sorted(found, key=lambda change: change.name.split("/")[1]))


def _files(template: bool) -> tuple[Path, ...]:
    root = db_dir()
    found: list[Path] = []
    for folder in TEMPLATES:
        files = sorted((root / folder).rglob("*.sql"))
        found += [path for path in files if is_template(path) == template]
    return tuple(found)


@cache
def static_files() -> tuple[str, ...]:
    """Re-runnable static files, relative to ``db/``: routines first, then views."""
    root = db_dir()
    paths = _files(template=False)
    return tuple(
        str(path.relative_to(root)) for path in sorted(paths, key=lambda p: (_is_view(p), str(p)))
    )


@cache
def template_files(area: str) -> tuple[str, ...]:
    """Templates of an area, relative to ``db/``, in the order in which they are deployed."""
    root = db_dir()
    paths = (path.relative_to(root) for path in _files(template=True))
    return tuple(str(path) for path in paths if area in path.parts)


def _is_view(path: Path) -> bool:
    return "\ncreate view " in "\n" + path.read_text(encoding="utf-8")
