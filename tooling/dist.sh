#!/usr/bin/env bash
# What a release has, in dist/: the wheel, the source archive, the bundle of the default mapping, checksums.
# The bundle is made by the wheel, installed in an environment of its own and called from outside the source
# tree: it is the proof that the wheel carries db/. It must be the one that the source tree makes.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python

rm -rf dist
trial=$(mktemp -d)
trap 'rm -rf "$trial"' EXIT
"$python" -m build --outdir dist . >"$trial/log" 2>&1 || { tail -n 30 "$trial/log" >&2; exit 1; }
"$python" -m venv "$trial/venv"
"$trial/venv/bin/pip" install --quiet --disable-pip-version-check dist/*.whl
version=$("$python" -c 'import pgtandem; print(pgtandem.__version__)')
bundle=pgtandem-products-$version.sql
(cd "$trial" && venv/bin/pgtandem bundle products -o "$bundle") >/dev/null
.venv/bin/pgtandem bundle products -o "$trial/from-source.sql" >/dev/null
cmp "$trial/$bundle" "$trial/from-source.sql"
mv "$trial/pgtandem-products-$version"*.sql dist/
(cd dist && "../$python" - >"$trial/sums" <<'SUMS'
import hashlib
import pathlib

for path in sorted(pathlib.Path().iterdir()):
    print(hashlib.sha256(path.read_bytes()).hexdigest(), "", path.name)
SUMS
)
mv "$trial/sums" dist/SHA256SUMS
cat dist/SHA256SUMS
