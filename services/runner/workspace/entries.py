"""What the runner last saw of a working tree: one entry per path of its tree."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from services.runner.workspace import beneath
from services.runner.workspace.git import Git

FILE, PROGRAM, LINK, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o160000

Seen = tuple[int, int, int, int, int, int]
"""Mode, size, mtime and ctime in ns, inode, device."""


class Entry(NamedTuple):
    """A path of the tree; `seen` is None when its content has to be looked at again.

    A tuple, for there is one a file and every snapshot makes them all.
    """

    mode: int
    object_id: str
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class Entries:
    """The tree as it was last taken, and which paths the base commit tracks."""

    tree: str
    by_path: Mapping[bytes, Entry]
    base: frozenset[bytes] = field(default=frozenset())


def look(found: os.stat_result) -> Seen:
    """What of a stat tells one state of a file from another."""
    return (
        found.st_mode,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_ino,
        found.st_dev,
    )


def trusted(found: os.stat_result, now_ns: int) -> Seen | None:
    """`look`, or None for a file so young that a later write may carry the same stamp.

    The kernel stamps with a clock that ticks every 1 to 10 ms; a file system
    that keeps whole seconds is told by a stamp without a fraction.
    """
    tick_ns = 2_000_000_000 if found.st_ctime_ns % 1_000_000 == 0 else 30_000_000
    return look(found) if found.st_ctime_ns + tick_ns < now_ns else None


async def of_commits(git: Git, tree: str, base_commit: str) -> Entries:
    """Entries nothing is known of but their names, modes and ids."""
    listed = dict(_parse(await git.run("ls-tree", "-r", "-z", "--full-tree", tree)))
    base = await git.run("ls-tree", "-r", "-z", "--full-tree", "--name-only", base_commit)
    paths = frozenset(path for path in base.split(b"\0") if path)
    return Entries(tree=tree, by_path=listed, base=paths)


def _parse(listing: bytes) -> Iterator[tuple[bytes, Entry]]:
    for line in listing.split(b"\0"):
        if line:
            facts, path = line.split(b"\t", 1)
            mode, _, object_id = facts.split(b" ")
            yield path, Entry(int(mode, 8), object_id.decode())


def seen_now(root: Path, entries: Entries) -> Entries:
    """The entries with what a checkout that nobody else has touched looks like."""
    fresh: dict[bytes, Entry] = {}
    with beneath.root(root) as top:
        for path, entry in entries.by_path.items():
            found = os.stat(path, dir_fd=top, follow_symlinks=False)
            seen = None if entry.mode == SUBMODULE else trusted(found, time.time_ns())
            fresh[path] = Entry(entry.mode, entry.object_id, seen)
    return Entries(tree=entries.tree, by_path=fresh, base=entries.base)


def write(file: Path, entries: Entries) -> None:
    """Replaces `file`. Not synced: a file that is lost or torn only costs time."""
    paths = entries.by_path.keys()
    kept = {
        "tree": entries.tree,
        "entries": {path.decode("latin-1"): entry for path, entry in entries.by_path.items()},
        # The base is nearly the same set of paths, so only differences are kept.
        "more": [path.decode("latin-1") for path in paths - entries.base],
        "less": [path.decode("latin-1") for path in entries.base - paths],
    }
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(kept, separators=(",", ":")))
    fresh.replace(file)


def read(file: Path) -> Entries | None:
    """What `write` left; None when it is not there or not whole."""
    try:
        kept = json.loads(file.read_bytes())
        by_path = {
            path.encode("latin-1"): Entry(mode, object_id, tuple(seen) if seen else None)
            for path, (mode, object_id, seen) in kept["entries"].items()
        }
        more = {path.encode("latin-1") for path in kept["more"]}
        less = {path.encode("latin-1") for path in kept["less"]}
        return Entries(kept["tree"], by_path, frozenset(by_path.keys() - more | less))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
