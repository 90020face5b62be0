#!/bin/sh
# Installs the pinned command line tools named as arguments (codex, gemini, claude) below this folder.
# Does nothing for one whose lock file is unchanged since it was installed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

if [ $# -eq 0 ]; then
    echo "usage: $0 codex|gemini|claude..." >&2
    exit 2
fi

for name in "$@"; do
    case $name in
    codex | gemini | claude) ;;
    *)
        echo "$0: no such CLI: $name (there are codex, gemini and claude)" >&2
        exit 2
        ;;
    esac
    cd "$here/$name"
    mark=node_modules/.installed
    if [ -f "$mark" ] && cmp -s package-lock.json "$mark"; then
        continue
    fi
    rm -f "$mark"
    echo "installing the pinned $name CLI" >&2
    # No package runs code of its own here: Gemini's optional native add-ons would be compiled
    # otherwise, and it does without them.
    npm ci --ignore-scripts --no-progress >&2
    if [ "$name" = claude ]; then
        # Claude's launcher is a stub until this puts the platform's binary in its place.
        node node_modules/@anthropic-ai/claude-code/install.cjs >&2
    fi
    node_modules/.bin/"$name" --version >&2
    cp package-lock.json "$mark"
done
