#!/bin/sh
# Runs tests on the Python of another Debian, in a chroot that is removed again.
#
#   tests/image/python.sh SUITE PYTEST_ARGUMENT...    as root; needs debootstrap
set -eu
suite=$1
shift
root=$(mktemp -d)
finish() {
  for mounted in dev/pts dev/shm dev proc; do
    if mountpoint --quiet "$root/$mounted"; then umount "$root/$mounted"; fi
  done
  rm -rf --one-file-system "$root"
}
trap finish EXIT
chmod 755 "$root" # the server's user goes through it
debootstrap --variant=minbase --include=ca-certificates,git,make,python3-venv,tzdata \
  "$suite" "$root" >/dev/null
# how this machine reaches the network
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
if [ -e /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/pip.conf"; fi
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" # PostgreSQL's shared memory
mkdir "$root/pgtandem"
git ls-files -z | tar --null --files-from=- --create --file=- | tar -C "$root/pgtandem" -xf -
run() { chroot "$root" env -C /pgtandem HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"; }
run git init --quiet # what some tests ask of
run make env
run .venv/bin/python --version
run .venv/bin/python -m pytest "$@"
