#!/bin/sh
# Installs what judges the dashboard's pages below this folder.
# Does nothing when the lock file is unchanged since it was installed.
set -eu

cd "$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)"
mark=node_modules/.installed
if [ -f "$mark" ] && cmp -s package-lock.json "$mark"; then
    exit 0
fi
rm -f "$mark"
npm ci --ignore-scripts --no-progress >&2
cp package-lock.json "$mark"
