"""A user's project: which mappings the working folder has.

`pgtandem.toml` may say where they are, as `mappings = ["mappings/*.toml"]`, which is the default.
A folder without mappings of its own uses the package's, the product catalogue.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from pgtandem.any_mapping import AnyMapping, load_any_mapping
from pgtandem.errors import UsageError
from pgtandem.import_mapping import ImportMapping
from pgtandem.mapping import Mapping
from pgtandem.paths import db_dir

PROJECT_FILE: Final = "pgtandem.toml"
DEFAULT_PATTERNS: Final = ("mappings/*.toml",)


def mapping_files(folder: Path | None = None) -> list[Path]:
    """The project's mapping files, else the package's.

    Raises UsageError for a pgtandem.toml that cannot be read or names files that are not there.
    """
    folder = folder or Path()
    patterns = _patterns(folder / PROJECT_FILE)
    found: list[Path] = []
    for pattern in patterns or DEFAULT_PATTERNS:
        files = sorted(folder.glob(pattern))
        if patterns and not files:
            raise UsageError(
                f"{folder / PROJECT_FILE}: mappings has {pattern!r}, and no file is of that name.",
                hint="`pgtandem init TABLE ...` writes a mapping.",
            )
        found += [file for file in files if file not in found]
    return found or [db_dir() / "mappings" / "products.toml"]


def _patterns(path: Path) -> list[str]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from None
    unknown = sorted(set(data) - {"mappings"})
    if unknown:
        raise UsageError(f"{path}: unknown key {unknown[0]!r}; known is mappings.")
    patterns = data.get("mappings", [])
    if not isinstance(patterns, list) or not all(isinstance(item, str) for item in patterns):
        raise UsageError(f"{path}: mappings must be a list of file names, such as mappings/*.toml.")
    for pattern in patterns:
        if not pattern or Path(pattern).is_absolute():
            raise UsageError(f"{path}: {pattern!r} must be a path below the project's folder.")
    return patterns


def find_mappings(wanted: tuple[str, ...] = (), folder: Path | None = None) -> list[AnyMapping]:
    """The mappings that a user names, by name or as files; all of the project's if none is named.

    Raises UsageError for a name that is not there, MappingError for a file that is no mapping.
    """
    return [load_any_mapping(path) for path in find_files(wanted, folder)]


def find_sync_mappings(wanted: tuple[str, ...] = (), folder: Path | None = None) -> list[Mapping]:
    """The same, where it has to be a flat table and its hierarchy. Raises UsageError."""
    found = find_mappings(wanted, folder)
    for mapping in found:
        if isinstance(mapping, ImportMapping):
            raise UsageError(
                f"{mapping.name} is a mapping of an import; this verb is for flat tables.",
                hint="`pgtandem import --help` lists what there is for imports.",
            )
    return [mapping for mapping in found if not isinstance(mapping, ImportMapping)]


def find_files(wanted: tuple[str, ...] = (), folder: Path | None = None) -> list[Path]:
    """The same as files."""
    if not wanted:
        return mapping_files(folder)
    return [_find(name, folder) for name in wanted]


def _find(wanted: str, folder: Path | None) -> Path:
    if wanted.endswith(".toml"):
        return Path(wanted)
    files = mapping_files(folder)
    packaged = db_dir() / "mappings" / f"{wanted}.toml"
    if packaged.is_file() and packaged not in files:
        files.append(packaged)
    names = {load_any_mapping(path).name: path for path in reversed(files)}
    if wanted in names:
        return names[wanted]
    raise UsageError(
        f"There is no mapping {wanted!r} in this folder.",
        detail=f"There is: {', '.join(sorted(names))}.",
        hint="Name one of these, or a file that ends in .toml; `pgtandem init` writes one.",
    )
