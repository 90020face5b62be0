#!/bin/sh
# Installs GitHub's own description of its API and recordings of its answers below this folder.
# Does nothing when the lock file is unchanged since they were installed.
set -eu

cd "$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)"
mark=node_modules/.installed
if [ -f "$mark" ] && cmp -s package-lock.json "$mark"; then
    exit 0
fi
rm -f "$mark"
echo "installing GitHub's description of its API" >&2
npm ci --ignore-scripts --no-progress >&2
# The same again for every release of the enterprise server is 350 MB that nobody reads.
find node_modules/@octokit/openapi/generated -type f ! -name api.github.com.json -delete
cp package-lock.json "$mark"
