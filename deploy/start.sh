#!/bin/sh
# Starts the annotation server, after having made at the first start what it needs: a workspace, and an
# administrator whose token is printed once.
#
#   NAMI_WORKSPACE        the folder that lasts (default: /data)
#   NAMI_PORT             where it listens (default: 7860), on all addresses
#   NAMI_HOST_NAME        the name by which browsers reach it, such as study.example.org
#   NAMI_TRUSTED_PROXY    the proxy's address or network, whose word on who is asking counts
#   NAMI_OWNER            the first administrator's name (default: owner)
#   NAMI_WORKERS          server processes (default: 1); more pay with PostgreSQL
#   NAMI_DATABASE_URL_FILE, NAMI_DATABASE_URL    a database server instead of the workspace's SQLite file
set -eu
workspace=${NAMI_WORKSPACE:-/data}
owner=${NAMI_OWNER:-owner}

nami() { nami-bench --workspace "$workspace" "$@"; }

[ -e "$workspace/nami.toml" ] || nami-bench init "$workspace"
if ! nami annotators list --json | grep -q '"role": "administrator"'; then
  echo "the first administrator, and the token to log in with; it is shown this once:"
  nami annotators add --role administrator -- "$owner"
fi
set -- --host 0.0.0.0 --port "${NAMI_PORT:-7860}" --workers "${NAMI_WORKERS:-1}"
[ -z "${NAMI_HOST_NAME:-}" ] || set -- "$@" --host-name "$NAMI_HOST_NAME"
[ -z "${NAMI_TRUSTED_PROXY:-}" ] || set -- "$@" --trusted-proxy "$NAMI_TRUSTED_PROXY"
exec nami-bench --workspace "$workspace" annotate "$@"
