"""What the runner last saw of a working tree: one entry per path of its tree."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.runner.workspace import beneath
from services.runner.workspace.git import Git

FILE, PROGRAM, LINK, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o160000

Seen = tuple[int, int, int, int, int, int]
"""Mode, size, mtime and ctime in ns, inode, device."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A path of the tree; `seen` is None when its content has to be looked at again."""

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
    lines = [b"%s %d" % (entries.tree.encode(), len(entries.by_path))]
    for path, entry in entries.by_path.items():
        seen = b" ".join(b"%d" % number for number in entry.seen) if entry.seen else b""
        lines.append(b"%d %s %s\t%s" % (entry.mode, entry.object_id.encode(), seen, path))
    lines.extend(entries.base)
    fresh = file.with_suffix(".new")
    fresh.write_bytes(b"\0".join([*lines, b"end"]))
    fresh.replace(file)


def read(file: Path) -> Entries | None:
    """What `write` left; None when it is not there or not whole."""
    try:
        header, *lines, end = file.read_bytes().split(b"\0")
        tree, count = header.split(b" ")
        if end != b"end" or len(lines) < int(count):
            return None
        by_path = dict(_entry(line) for line in lines[: int(count)])
        return Entries(tree.decode(), by_path, frozenset(lines[int(count) :]))
    except (OSError, ValueError):
        return None


def _entry(line: bytes) -> tuple[bytes, Entry]:
    facts, path = line.split(b"\t", 1)
    mode, object_id, *seen = facts.split()
    if not seen:
        return path, Entry(int(mode), object_id.decode())
    size_to_device = map(int, seen)
    first, size, mtime, ctime, inode, device = size_to_device
    return path, Entry(int(mode), object_id.decode(), (first, size, mtime, ctime, inode, device))
