"""The whole run: which files, which rules, and how findings are shown."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, TextIO

from pgtandem.any_mapping import load_any_mapping
from pgtandem.lint.finding import Finding
from pgtandem.lint.project import read_project
from pgtandem.lint.rules import RULES
from pgtandem.lint.rules.templates import template_filters
from pgtandem.lint.source import Source, read_source
from pgtandem.lint.sqlfluff_run import find_config, lint_with_sqlfluff
from pgtandem.package import is_template
from pgtandem.paths import db_dir as package_db
from pgtandem.render import SAFE_FILTERS, RenderedFile, environment, render

KNOWN_MARKERS = {"inlinable", "others"}
EXIT_CLEAN, EXIT_FINDINGS = 0, 1


class RenderedSql(Protocol):
    """What the renderer gives: a path and its SQL."""

    @property
    def path(self) -> str: ...
    @property
    def sql(self) -> str: ...


def check_house_rules(sources: Sequence[Source]) -> list[Finding]:
    """Run all rules on the parse tree over `sources`, which know of each other."""
    project = read_project(sources)
    found: list[Finding] = []
    for source in sources:
        found += source.faults
        for rule in RULES.values():
            found += rule(source, project)
        found += _idle_markers(source)
    return found


def _idle_markers(source: Source) -> Iterator[Finding]:
    """TH19: a marker that excuses nothing, or that no rule knows."""
    for marker in source.markers:
        if marker in source.used_markers:
            continue
        known = marker.name in KNOWN_MARKERS
        message = f"`lint: {marker.name}` {'excuses nothing here' if known else 'is not known'}"
        cure = "remove it" if known else f"known are {', '.join(sorted(KNOWN_MARKERS))}"
        yield Finding(source.path, marker.line, "TH19", message, cure)


def lint_project(
    db_dir: Path,
    rendered: Iterable[RenderedSql] = (),
    *,
    config_path: Path | None = None,
    sqlfluff: bool = True,
) -> list[Finding]:
    """Lint the static SQL and the templates below `db_dir`, and `rendered` SQL.

    Findings in static files and templates name ``db/...``, those in rendered SQL
    ``rendered/<path>`` with the line in the rendered text. `config_path` is sqlfluff's file, by
    default the nearest above `db_dir`; `sqlfluff` False runs the house rules alone (a second).

    Returns:
        The findings by file and line, each once.
    """
    found: list[Finding] = []
    sources: list[Source] = []
    jinja = environment()
    for path in sorted((*db_dir.rglob("*.sql"), *db_dir.rglob("*.jinja"))):
        place = path.relative_to(db_dir).as_posix()
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jinja" or is_template(path):
            found += template_filters(f"db/{place}", text, jinja, SAFE_FILTERS)
        else:
            sources.append(read_source(f"db/{place}", place, text))
    for file in rendered:
        if file.sql.strip():
            sources.append(read_source(f"rendered/{file.path}", file.path, file.sql, rendered=True))
    found += check_house_rules(sources)
    if sqlfluff:
        found += lint_with_sqlfluff(sources, config_path or find_config(db_dir))
    return sorted(set(found))


def run_lint(
    mappings: Sequence[Path] = (),
    *,
    db_dir: Path | None = None,
    as_json: bool = False,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Lint our own SQL and what `mappings` (by default those of the package) render to.

    Findings go to `stdout`, one a line or as a JSON array of objects with path, line, code,
    message, cure; the count goes to `stderr`.

    Returns:
        0 without findings, else 1.

    Raises:
        MappingError: a mapping cannot be read.
    """
    out, talk = stdout or sys.stdout, stderr or sys.stderr
    folder = db_dir or package_db()
    paths = list(mappings) or sorted((folder / "mappings").glob("*.toml"))
    rendered: list[RenderedFile] = []
    for path in paths:
        mapping = load_any_mapping(path)
        rendered += [
            RenderedFile(f"{mapping.name}/{file.path}", file.sql) for file in render(mapping)
        ]
    found = lint_project(folder, rendered)
    if as_json:
        print(json.dumps([asdict(finding) for finding in found], indent=2), file=out)
    else:
        for finding in found:
            print(finding.as_text(), file=out)
    files = len({finding.path for finding in found})
    print(f"lint: {len(found)} findings in {files} files" if found else "lint: clean", file=talk)
    return EXIT_FINDINGS if found else EXIT_CLEAN
