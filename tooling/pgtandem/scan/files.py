"""The files of a tree that may hold SQL: which, in which order, and what they say."""

from __future__ import annotations

import codecs
import io
import json
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from pgtandem.scan.model import Report
from pgtandem.scan.pysource import scan_python
from pgtandem.scan.sqltext import Found, scan_sql

DEFAULT_GLOBS: Final = ("*.py", "*.sql", "*.psql", "*.ddl", "*.pgsql", "*.ipynb")
SKIPPED_FOLDERS: Final = frozenset(
    ".git .hg .svn .venv venv node_modules __pycache__ .tox .mypy_cache .ruff_cache".split()
)
LARGEST: Final = 5_000_000
"""Bytes; a larger file is data."""


@dataclass
class Walk:
    """Finds files once each, links followed, and counts what it leaves out."""

    include: Sequence[str] = DEFAULT_GLOBS
    exclude: Sequence[str] = ()
    left_out: Counter[str] = field(default_factory=Counter)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def files(self, roots: Sequence[Path]) -> Iterator[Path]:
        """The files at or below `roots`; one that is named itself needs no fitting name."""
        links: list[Path] = []
        for root in roots:
            if root.is_dir():
                yield from self._below(root, root, links)
            elif self._is_new(root):
                yield root
        while links:  # behind real paths, so that a file has its own name where it has one
            link = links.pop(0)
            if link.is_dir():
                yield from self._below(link, link, links)
            elif link.exists() and self._is_new(link):
                yield link

    def _below(self, folder: Path, root: Path, links: list[Path]) -> Iterator[Path]:
        if not self._is_new(folder):
            return
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            self.left_out["folders that cannot be read"] += 1
            return
        for entry in entries:
            name = entry.relative_to(root).as_posix()
            if _fits(entry.name, name, self.exclude):
                continue
            if entry.is_dir():
                if entry.name in SKIPPED_FOLDERS:
                    continue
                if entry.is_symlink():
                    links.append(entry)
                else:
                    yield from self._below(entry, root, links)
            elif _fits(entry.name, name, self.include):
                if entry.is_symlink():
                    links.append(entry)
                elif entry.is_file() and self._is_new(entry):
                    yield entry

    def _is_new(self, path: Path) -> bool:
        try:
            info = path.stat()
        except OSError:
            return True  # reading it says what is wrong
        key = (info.st_dev, info.st_ino)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


def _fits(name: str, path: str, globs: Sequence[str]) -> bool:
    return any(fnmatch(name, glob) or fnmatch(path, glob.rstrip("/")) for glob in globs)


def scan_file(path: Path, shown: str, report: Report, left_out: Counter[str]) -> list[Found]:
    """What a file holds; a notebook gives one for each cell. `shown` is its name in findings."""
    try:
        if path.stat().st_size > LARGEST:
            left_out[f"files over {LARGEST // 1_000_000} MB"] += 1
            return []
        raw = path.read_bytes()
    except OSError as error:
        left_out["files that cannot be read"] += 1
        report.remarks.append(f"{shown} cannot be read: {error.strerror}.")
        return []
    text, doubt = _decoded(raw, is_python=path.suffix in (".py", ".pyw"))
    if text is None:
        left_out["binary files"] += 1
        return []
    report.files += 1
    if doubt:
        report.remarks.append(f"{shown} is {doubt}.")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if path.suffix == ".ipynb":
        return _notebook(shown, text, report)
    if path.suffix in (".py", ".pyw"):
        return [_python(shown, text, report)]
    return [scan_sql(shown, text)]


def _python(shown: str, text: str, report: Report) -> Found:
    found, fault = scan_python(shown, text)
    if fault:
        report.remarks.append(
            f"{shown} is no Python that {_interpreter()} reads ({fault}); its strings were "
            "searched one by one."
        )
    return found


def _interpreter() -> str:
    return f"Python {sys.version_info.major}.{sys.version_info.minor}"


def _decoded(raw: bytes, *, is_python: bool) -> tuple[str | None, str | None]:
    """The text of a file, None for a binary one; and what was doubtful about it."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return raw.decode("utf-16"), None
        except UnicodeDecodeError:
            return None, None
    if b"\0" in raw[:8192]:
        return None, None
    encoding = "utf-8-sig"
    if is_python:
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        except SyntaxError:
            encoding = "utf-8-sig"
    try:
        return raw.decode(encoding), None
    except (UnicodeDecodeError, LookupError):
        return raw.decode("latin-1"), "not UTF-8; it was read as Latin-1"


def _notebook(shown: str, text: str, report: Report) -> list[Found]:
    """The cells of a notebook: Python, and SQL behind %sql and %%sql."""
    try:
        cells = json.loads(text)["cells"]
        sources = [
            (cell["cell_type"], "".join(cell["source"]))
            for cell in cells
            if isinstance(cell["source"], (list, str))
        ]
    except (ValueError, KeyError, TypeError) as error:
        report.remarks.append(f"{shown} is no notebook ({type(error).__name__}); left out.")
        return []
    every = []
    for number, (kind, whole) in enumerate(sources, start=1):
        name = f"{shown}#{number}"
        if kind != "code":
            continue
        lines = whole.split("\n")
        if whole.startswith("%%"):
            head, _, body = whole.partition("\n")
            if head.startswith("%%sql"):
                every.append(scan_sql(name, body, first_line=2))
                continue
            lines[0] = ""
        for index, line in enumerate(lines):
            if line.lstrip().startswith("%sql"):
                every.append(scan_sql(name, line.lstrip()[4:], first_line=index + 1))
            if line.lstrip()[:1] in ("%", "!", "?"):
                lines[index] = line[: len(line) - len(line.lstrip())] + "pass"
        every.append(_python(name, "\n".join(lines), report))
    return every
