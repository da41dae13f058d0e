"""Where the SQL of the package lies."""

from pathlib import Path


def db_dir() -> Path:
    """Return the folder ``db/``: inside the wheel, or beside ``tooling/`` in a source tree.

    Raises:
        FileNotFoundError: neither place has it; the installation is damaged.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "db", package.parent.parent / "db"):
        if (candidate / "schema").is_dir():
            return candidate
    raise FileNotFoundError(f"pgtandem's db/ folder is neither in {package} nor beside it")
