#!/bin/sh
# Creates Temporal's two databases and brings their schemas up to date. Safe to repeat; also the upgrade.
set -eu
SQL_PASSWORD=$(cat /run/secrets/temporal_db_password)
export SQL_PASSWORD

for database in temporal visibility; do
  name=temporal
  [ "$database" = visibility ] && name=temporal_visibility
  sql() { temporal-sql-tool --plugin postgres12 --ep temporal-db -p 5432 -u temporal --db "$name" "$@"; }
  sql create
  sql setup-schema -v 0.0
  sql update-schema -d "/etc/temporal/schema/postgresql/v12/$database/versioned"
done
