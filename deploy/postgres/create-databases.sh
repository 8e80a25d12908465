#!/bin/sh
# Runs once, when the volume is new: Baton's own role, which can create no roles and no databases, and the two
# databases that it owns.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  -v password="$(cat /run/secrets/baton_db_password)" <<'SQL'
CREATE ROLE baton LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD :'password';
CREATE DATABASE control OWNER baton;
CREATE DATABASE warehouse OWNER baton;
REVOKE CONNECT ON DATABASE control FROM PUBLIC;
REVOKE CONNECT ON DATABASE warehouse FROM PUBLIC;
SQL
