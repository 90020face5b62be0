#!/bin/sh
# Installs the pinned command line tools named as arguments.
set -eu
exec "$(dirname -- "$0")/../../../deploy/clis/install.sh" "$@"
