"""Takes the files of a workspace as a git tree, without running anything of theirs."""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pawl.wire.errors import FailedPrecondition
from services.runner.workspace import beneath, left, stage, tree
from services.runner.workspace import entries as saved
from services.runner.workspace.cache import Cache, write_bare
from services.runner.workspace.entries import Entries
from services.runner.workspace.git import Git, GitFailed
from services.runner.workspace.left import Left
from services.runner.workspace.record import Opening, Record
from services.runner.workspace.walk import Bounds, Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack on disk, there until the next snapshot of its workspace."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The files of a workspace at one moment; paths have other bytes than UTF-8 escaped."""

    tree: str
    pack: Pack | None
    """Thin against the base commit and the trees the caller has; None when nothing is new."""
    dropped: Sequence[str] = ()
    """What cannot be in a tree, each with the reason; at most 100."""
    nested: Sequence[str] = ()
    """Nested repositories, whose files were taken as plain files; at most 100."""
    left: Sequence[Left] = ()
    """What exists only in the agent's git; at most 100."""
    left_ids: Sequence[str] = ()
    """All of their ids."""
    left_pack: Pack | None = None
    """The commits of `left` with all that the base commit does not reach."""


async def seed(directory: Path, cache: Cache, opening: Opening, tree_id: str) -> None:
    """Makes the shadow repository of a workspace that nobody has touched since its checkout."""
    shadow = directory / "shadow.git"
    write_bare(shadow, alternates=[cache.objects])
    fresh = await saved.of_commits(Git(directory=shadow), tree_id, opening.base_commit)
    seen = await asyncio.to_thread(saved.seen_now, directory / "repo", fresh)
    saved.write(shadow / "entries", seen)


async def take(
    directory: Path,
    record: Record,
    cache: Cache,
    bounds: Bounds,
    memory: MutableMapping[Path, Entries],
) -> Snapshot:
    """Takes the tree between runs; an untouched workspace gives the tree it was made from.

    What the agent left in it is data: nothing is executed, no link followed,
    no configuration read. Raises FailedPrecondition with reason
    WORKSPACE_LIMIT_FILES, WORKSPACE_LIMIT_BYTES, or RESULT_REJECTED when the
    working tree is no folder any more. `memory` keeps, by directory, what
    would else be read from disk again.
    """
    shadow = directory / "shadow.git"
    git = Git(directory=shadow)
    opening = record.opening
    known = memory.get(directory) or await asyncio.to_thread(saved.read, shadow / "entries")
    if known is None:
        last = record.tree or f"{opening.files_commit}^{{tree}}"
        known = await saved.of_commits(git, last, opening.base_commit)
    with _scratch(directory) as scratch:
        walk = Walk(directory / "repo", known, map(os.fsencode, record.excluded), bounds)
        try:
            await _find(walk, git, scratch)
            now = await _build(walk, git, known, scratch)
        except beneath.RootGone as gone:
            raise FailedPrecondition("RESULT_REJECTED", _NO_ROOT) from gone
        finally:
            walk.stop.set()  # for the thread that a cancelled call leaves behind
        has = [opening.base_commit, opening.files_commit, *record.stored]
        async with asyncio.TaskGroup() as group:
            group.create_task(_keep(shadow, known, now))
            packed = group.create_task(_pack(git, now.tree, has, shadow / "tree.pack"))
            told = record.left_stored
            remains = group.create_task(left.find(directory, cache, has[:2], told, scratch))
    memory[directory] = now
    found = walk.found
    left_pack = remains.result().pack
    return Snapshot(
        tree=now.tree,
        pack=packed.result(),
        dropped=[f"{_text(path)}: {why}" for path, why in found.dropped],
        nested=[_text(path) for path in found.nested],
        left=remains.result().commits,
        left_ids=remains.result().ids,
        left_pack=await _measured(left_pack) if left_pack else None,
    )


async def _find(walk: Walk, git: Git, scratch: Path) -> None:
    rules = scratch / "rules"
    written: set[bytes] = set()
    await asyncio.to_thread(walk.start)
    while walk.found.questions:
        fresh = {path: walk.found.rules[path] for path in walk.found.rules.keys() - written}
        written |= fresh.keys()
        await asyncio.to_thread(stage.write_rules, rules, fresh)
        ignored = await _ignored(walk.found.questions, git, rules)
        await asyncio.to_thread(walk.go_on, ignored)


async def _ignored(questions: Sequence[bytes], git: Git, rules: Path) -> frozenset[bytes]:
    """Those of `questions` that git would ignore, asked in a tree of nothing but rules."""
    folders = [path for path in questions if path.endswith(b"/")]
    await asyncio.to_thread(stage.make_folders, rules, folders)
    # The dot keeps a name such as `:(top)` from being read as a pattern.
    by_name = {b"./" + path.rstrip(b"/"): path for path in questions}
    asker = replace(git, work_tree=rules)
    asked = b"\0".join(by_name) + b"\0"
    try:
        answer = await asker.run("check-ignore", "-z", "--no-index", "--stdin", data=asked)
    except GitFailed as none:
        if none.returncode != 1:
            raise
        return frozenset()
    return frozenset(by_name[name] for name in answer.split(b"\0") if name)


async def _build(walk: Walk, git: Git, known: Entries, scratch: Path) -> Entries:
    found = walk.found
    kept = found.visited | _below(known, found.unreadable)
    if not found.changed and known.by_path.keys() == kept:
        return known
    copies = scratch / "copies"
    copies.mkdir()
    await asyncio.to_thread(stage.write_rules, copies, found.rules)
    copied = await asyncio.to_thread(stage.copy, walk.root, found.changed, copies, walk.stop)
    for path in copied.unreadable:
        walk.drop(path, "cannot be read")
    gone = found.changed - copied.seen.keys() - set(copied.unreadable)
    removed = known.by_path.keys() - (kept - gone)
    if not copied.seen and not removed:
        return known
    built = await tree.build(git, known, copied.seen, removed, scratch)
    for path in built.refused:
        walk.drop(path, "git allows no such name")
    for path in built.raw:
        walk.drop(path, "not in the encoding its attributes name; taken as it is")
    return built.entries


def _below(known: Entries, folders: Sequence[bytes]) -> set[bytes]:
    above = tuple(folders)
    return {path for path in known.by_path if path.startswith(above)} if above else set()


async def _keep(shadow: Path, known: Entries, now: Entries) -> None:
    if now is not known:
        await asyncio.to_thread(saved.write, shadow / "entries", now)


async def _pack(git: Git, tree_id: str, has: Sequence[str], target: Path) -> Pack | None:
    if tree_id in has:
        return None
    wanted = "".join(f"{line}\n" for line in (tree_id, *(f"^{one}" for one in has)))
    fresh = target.with_suffix(".new")
    # With --shallow git takes files of the base commit for deltas, although
    # no commit that is sent has it as its parent.
    await git.run(*_PACKING, "--thin", "--shallow", data=wanted.encode(), stdout=fresh)
    fresh.replace(target)
    pack = await _measured(target)
    return pack if pack.size > _EMPTY_PACK else None


async def _measured(path: Path) -> Pack:
    def measure() -> Pack:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Pack(path=path, size=path.stat().st_size, sha256=digest)

    return await asyncio.to_thread(measure)


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=directory / "shadow.git"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what stays goes with the workspace


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


_PACKING = ("pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q")
_EMPTY_PACK = 32  # a header that counts nothing, and its digest

_NO_ROOT = (
    "the working tree is gone or is no folder any more; let the agent work inside the "
    "repository it is given"
)
