#!/bin/sh
# A PostgreSQL server for tests, told what testcontainers tells: POSTGRES_USER, _PASSWORD, _DB.
set -eu
bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/postgres | tail -n 1)")
data=/var/lib/postgresql/test
as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }

if [ ! -e "$data/PG_VERSION" ]; then
  install -d -o postgres -g postgres -m 700 "$data" /run/postgresql
  password=$(mktemp)
  printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
  chown postgres "$password"
  as_postgres "$bin/initdb" --pgdata="$data" --username="$POSTGRES_USER" --pwfile="$password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  rm "$password"
  echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
  echo "create database \"$POSTGRES_DB\"" | as_postgres "$bin/postgres" --single -D "$data" postgres >/dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/postgres" -D "$data" \
  -c listen_addresses='*' -c fsync=off -c max_connections=200 \
  -c shared_preload_libraries=pg_stat_statements
