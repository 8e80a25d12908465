#!/bin/sh
# Makes what docker-compose.yml needs and the repository must not hold: deploy/secrets/* (random) and
# deploy/baton.env. Keeps what is there already. For real vendors, overwrite the vendors' files.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
make() { # make NAME: a file that containers of any user may read, in a folder that only you may enter
  if [ ! -s "secrets/$1" ]; then
    random > "secrets/$1"
    chmod 644 "secrets/$1"
    echo "made deploy/secrets/$1"
  fi
}

for name in temporal_db_password baton_db_admin_password baton_db_password gateway_token grafana_admin_password \
  coupa_client_secret coupa_webhook_secret zendesk_api_token zendesk_webhook_secret alertmanager_secret pos_secret salesforce_client_secret slack_bot_token; do
  make "$name"
done
if [ ! -s secrets/s3_identities.json ]; then
  printf '{"identities":[{"name":"baton","credentials":[{"accessKey":"baton","secretKey":"%s"}],"actions":["Admin","Read","Write","List"]}]}\n' \
    "$(random)" > secrets/s3_identities.json
  chmod 644 secrets/s3_identities.json
  echo "made deploy/secrets/s3_identities.json"
fi
if [ ! -e baton.env ]; then
  cp baton.env.example baton.env
  echo "made deploy/baton.env: it points at the sandboxes; put your vendors' addresses there"
fi
