#!/bin/sh
# Makes the two secrets that compose.yaml names, once: a random password, and the database's URL with it.
#
#   deploy/make-secrets.sh FOLDER        e.g. secrets
set -eu
folder=${1:?"usage: $0 FOLDER"}
if [ -e "$folder/database_password" ]; then
  echo "$folder has its secrets already: the database goes by them, they stay" >&2
  exit 0
fi
mkdir -p "$folder"
password=$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
printf %s "$password" > "$folder/database_password"
printf 'postgresql://nami:%s@db/nami' "$password" > "$folder/database_url"
# The containers' users read them, others cannot enter the folder.
chmod 644 "$folder/database_password" "$folder/database_url"
chmod 700 "$folder"
