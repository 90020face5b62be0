"""Turns copies of changed files into a git tree."""

import asyncio
import filecmp
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from services.runner.workspace.entries import FILE, PROGRAM, Entries, Entry, Seen
from services.runner.workspace.git import Git, GitFailed

_NO_OBJECT = "0" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The new tree, and what could not be taken as git would take it."""

    entries: Entries
    refused: Sequence[bytes] = ()
    """Names that no tree may have."""
    raw: Sequence[bytes] = ()
    """Files whose bytes are not in the encoding their attributes name."""


async def build(
    git: Git,
    known: Entries,
    copied: Mapping[bytes, Seen | None],
    removed: Set[bytes],
    scratch: Path,
) -> Built:
    """The tree `known.tree` with `copied` (below `scratch`/copies) and without `removed`.

    Line ends, encodings and `$Id$` are converted by git itself, from the
    `.gitattributes` among the copies; no filter can run, for no configuration
    defines one. A file whose bytes are what a checkout of the known entry
    gives keeps that entry, whatever a conversion would make of it.
    """
    copies = scratch / "copies"
    staging = replace(git, index=scratch / "index", work_tree=copies)
    await staging.run("read-tree", known.tree)
    await _put(staging, [(0, _NO_OBJECT, path) for path in sorted(removed)])
    raw = await _add(staging, sorted(copied)) if copied else []
    tree = await _tree_of(staging)
    changes = await _changes(git, known.tree, tree)
    alike = await _alike(git, known, changes, scratch)
    if alike:
        await _put(
            staging, [(changes[path].mode, known.by_path[path].object_id, path) for path in alike]
        )
        tree = await _tree_of(staging)
        changes = await _changes(git, known.tree, tree)
    by_path = {path: entry for path, entry in known.by_path.items() if path not in removed}
    refused: list[bytes] = []
    for path, seen in copied.items():
        entry = changes.get(path) or known.by_path.get(path)
        if entry is None:
            refused.append(path)
        else:
            by_path[path] = entry._replace(seen=seen)
    entries = Entries(tree=tree, by_path=by_path, base=known.base)
    return Built(entries=entries, refused=refused, raw=raw)


async def _add(git: Git, paths: Sequence[bytes]) -> Sequence[bytes]:
    """Adds the copies to the index; returns those that had to be added unconverted."""
    try:
        await _update(git, paths)
        return ()
    except GitFailed:
        encoded = await _encoded(git, paths)
        if not encoded:
            raise
    await _update(git, [path for path in paths if path not in encoded])
    odd: list[bytes] = []
    for path in sorted(encoded):
        try:
            await _update(git, [path])
        except GitFailed:
            written = await git.run("hash-object", "-w", "--no-filters", "--", path)
            mode = PROGRAM if os.access(_at(git, path), os.X_OK) else FILE
            await _put(git, [(mode, written.decode().strip(), path)])
            odd.append(path)
    return odd


async def _update(git: Git, paths: Iterable[bytes]) -> None:
    data = b"".join(path + b"\0" for path in paths)
    await git.run("update-index", "--add", "--replace", "-z", "--stdin", data=data)


async def _encoded(git: Git, paths: Iterable[bytes]) -> frozenset[bytes]:
    """Files with an encoding of their own: the one conversion that can fail."""
    data = b"".join(path + b"\0" for path in paths)
    answer = await git.run("check-attr", "-z", "--stdin", "working-tree-encoding", data=data)
    words = answer.split(b"\0")
    pairs = zip(words[0::3], words[2::3], strict=False)
    return frozenset(path for path, value in pairs if value not in {b"unspecified", b"unset"})


async def _alike(
    git: Git, known: Entries, changes: Mapping[bytes, Entry], scratch: Path
) -> Sequence[bytes]:
    """Changed files that still hold exactly the bytes a checkout would write."""
    copies = scratch / "copies"
    asked = [path for path, entry in changes.items() if _is_edit(known.by_path.get(path), entry)]
    if not asked or not _has_attributes(known, copies):
        return ()
    nothing = scratch / "nothing"
    nothing.mkdir(exist_ok=True)
    # With an empty working tree the attributes come from the index: those the
    # files were checked out with, not what the agent has made of them.
    earlier = replace(git, index=scratch / "earlier.index", work_tree=nothing)
    await earlier.run("read-tree", known.tree)
    smudged = scratch / "smudged"
    data = b"".join(path + b"\0" for path in asked)
    await earlier.run("checkout-index", f"--prefix={smudged}/", "-z", "--stdin", data=data)

    def compare() -> Sequence[bytes]:
        names = ((path, os.fsdecode(path)) for path in asked)
        return [
            path
            for path, name in names
            if filecmp.cmp(smudged / name, copies / name, shallow=False)
        ]

    return await asyncio.to_thread(compare)


def _has_attributes(known: Entries, copies: Path) -> bool:
    """Whether anything may be converted at all."""
    was = any(path.rpartition(b"/")[2] == b".gitattributes" for path in known.by_path)
    return was or next(copies.rglob(".gitattributes"), None) is not None


def _is_edit(before: Entry | None, after: Entry) -> bool:
    return (
        before is not None
        and {before.mode, after.mode} <= {FILE, PROGRAM}
        and before.object_id != after.object_id
    )


async def _put(git: Git, lines: Sequence[tuple[int, str, bytes]]) -> None:
    if lines:
        data = b"".join(b"%o %s\t%s\0" % (mode, name.encode(), path) for mode, name, path in lines)
        await git.run("update-index", "-z", "--index-info", data=data)


async def _tree_of(git: Git) -> str:
    return (await git.run("write-tree")).decode().strip()


async def _changes(git: Git, before: str, after: str) -> Mapping[bytes, Entry]:
    """Every path of `after` that is new or other than in `before`."""
    if before == after:
        return {}
    listed = await git.run(
        "diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", before, after
    )
    words = listed.split(b"\0")
    found: dict[bytes, Entry] = {}
    for facts, path in zip(words[0::2], words[1::2], strict=False):
        _, mode, _, name, kind = facts.split(b" ")
        if kind != b"D":
            found[path] = Entry(int(mode, 8), name.decode())
    return found


def _at(git: Git, path: bytes) -> Path:
    return (git.work_tree or Path("/")) / os.fsdecode(path)
