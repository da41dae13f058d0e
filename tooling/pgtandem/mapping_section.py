"""Reading a mapping file: a TOML table that knows its place and which keys were asked for."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pgtandem.errors import UsageError
from pgtandem.sqltext import check_identifier, split_type

_WORD = re.compile(r"[a-z][a-z0-9_]{0,29}\Z")
_TAKEN = frozenset("flat leaf new old kept due excluded tandem one all d s".split())

AREAS = ("sync", "imports")


class MappingError(UsageError):
    """A mapping file that cannot be used; the message says where and what to do."""


def is_part_name(value: str) -> bool:
    """Whether a level, the leaf or a satellite may be called so."""
    starts_like_a_variable = value[:2] in {"p_", "r_", "v_"}
    return bool(_WORD.match(value)) and value not in _TAKEN and not starts_like_a_variable


class Section:
    """A TOML table that knows its place in the file and which keys were asked for."""

    def __init__(self, where: str, data: Any) -> None:
        if not isinstance(data, dict):
            raise MappingError(f"{where}: expected a table, found {type(data).__name__}")
        self.where = where
        self.data: dict[str, Any] = data
        self.known: set[str] = set()

    def take(self, key: str, kind: type, required: bool) -> Any:
        """The value of a key, of a kind, or None."""
        self.known.add(key)
        value = self.data.get(key)
        if value is None:
            if required:
                raise MappingError(f"{self.where}: {key} is missing")
            return None
        if not isinstance(value, kind):
            raise MappingError(
                f"{self.where}: {key} must be a {kind.__name__}, not {type(value).__name__}"
            )
        return value

    def name(self, key: str, default: str | None = None) -> str:
        """A required identifier."""
        value = self.take(key, str, default is None)
        found: str = default if value is None and default is not None else value
        self._check(key, found)
        return found

    def optional_name(self, key: str) -> str | None:
        """An identifier or None."""
        value: str | None = self.take(key, str, False)
        if value is not None:
            self._check(key, value)
        return value

    def word(self, key: str) -> str:
        """A required plain word: lower-case letters, digits, _; it names things of ours."""
        value: str = self.take(key, str, True)
        if not is_part_name(value):
            raise MappingError(
                f"{self.where}: {key} {value!r} must be a plain lower-case word of at most 30 "
                f"characters, not begin with p_, r_ or v_, and be none of "
                f"{', '.join(sorted(_TAKEN))}"
            )
        return value

    def _check(self, key: str, value: str) -> None:
        fault = check_identifier(value)
        if fault:
            raise MappingError(f"{self.where}: {key}: {fault}")

    def text(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        """One of some words."""
        value = self.take(key, str, False)
        found: str = default if value is None else value
        if found not in choices:
            raise MappingError(f"{self.where}: {key} is {found!r}; it may be {', '.join(choices)}")
        return found

    def flag(self, key: str, default: bool) -> bool:
        """A boolean."""
        value = self.take(key, bool, False)
        return default if value is None else bool(value)

    def names(self, key: str, required: bool) -> tuple[str, ...]:
        """A list of identifiers."""
        value = self.take(key, list, required) or []
        for item in value:
            if not isinstance(item, str):
                raise MappingError(f"{self.where}: {key} must be a list of names")
            self._check(key, item)
        return tuple(value)

    def words(self, key: str, required: bool) -> dict[str, str]:
        """A table of strings by identifier."""
        value = self.take(key, dict, required) or {}
        for left, right in value.items():
            self._check(key, left)
            if not isinstance(right, str):
                raise MappingError(f"{self.where}: {key}.{left} must be a string")
        return dict(value)

    def table(self, key: str, required: bool) -> "Section":
        """A nested table."""
        return Section(f"{self.where}.{key}", self.take(key, dict, required) or {})

    def finish(self) -> None:
        """Refuse keys that nobody asked for: a typing error must not be silent."""
        unknown = sorted(set(self.data) - self.known)
        if unknown:
            known = ", ".join(sorted(self.known))
            raise MappingError(f"{self.where}: unknown key {unknown[0]!r}; known are {known}")


def read_source(path: Path) -> str:
    """A mapping file's text. Raises MappingError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MappingError(f"{path}: there is no such mapping file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{path}: cannot be read: {error}") from None


def read_root(source: str, where: str) -> Section:
    """The whole of a mapping's text. Raises MappingError."""
    try:
        return Section(where, tomllib.loads(source))
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{where}: not valid TOML: {error}") from None


def mapping_name(root: Section) -> str:
    """The mapping's name, which names its schema. Raises MappingError."""
    name = root.name("name")
    if not (
        name.isascii()
        and name.replace("_", "a").isalnum()
        and name[0].isalpha()
        and name == name.lower()
    ):
        raise MappingError(
            f"{root.where}: name {name!r} may have lower-case letters, digits and _ only"
        )
    if len(name) > 40:
        raise MappingError(f"{root.where}: name {name!r} is longer than 40 characters")
    return name


def tables(root: Section, key: str, required: bool) -> list[Any]:
    """The items of an array of tables, ``[[key]]``."""
    value = root.take(key, list, required)
    if required and not value:
        raise MappingError(f"{root.where}: at least one [[{key}]] is needed")
    return list(value or [])


def types_of(section: Section) -> dict[str, str]:
    """The types of a table's columns, checked."""
    types = section.words("types", True)
    for column, type_name in types.items():
        try:
            split_type(type_name)
        except ValueError as error:
            raise MappingError(f"{section.where}: types.{column}: {error}") from None
    return types
