#!/bin/sh
# Builds the image that the tests run on from Debian's packages; no registry of images is asked.
#
#   tests/image/build.sh [NAME]      as root; needs debootstrap and docker
set -eu
name=${1:-pgtandem-test}
here=$(dirname "$0")
. /etc/os-release
version=$(apt-cache search --names-only '^postgresql-[0-9]+-plpgsql-check$' | sort -V | tail -n 1 |
  sed -E 's/^postgresql-([0-9]+)-.*/\1/')
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase \
  --include="postgresql-$version,postgresql-$version-postgis-3,postgresql-$version-plpgsql-check" \
  "$VERSION_CODENAME" "$root" >/dev/null
install -m 755 "$here/entrypoint.sh" "$root/usr/local/bin/entrypoint.sh"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/postgresql/*
tar -C "$root" -c . | docker import --change 'ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]' \
  --change 'EXPOSE 5432' \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$name"
