"""A mapping of any area, from its file."""

from pathlib import Path

from pgtandem.import_mapping import ImportMapping, parse_import_mapping
from pgtandem.mapping import Mapping, parse_mapping
from pgtandem.mapping_section import read_root, read_source

AnyMapping = Mapping | ImportMapping


def load_any_mapping(path: Path) -> AnyMapping:
    """Read and check a mapping file; its key ``area`` says what it is. Raises MappingError."""
    source = read_source(path)
    if read_root(source, str(path)).data.get("area") == "imports":
        return parse_import_mapping(source, str(path))
    return parse_mapping(source, str(path))
