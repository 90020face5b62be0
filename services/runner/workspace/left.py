"""Finds what an agent left only in its own git, and saves it."""

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.runner.workspace import beneath, references
from services.runner.workspace.cache import Cache
from services.runner.workspace.git import Git, GitFailed

_MAX_TIPS = 300
_NAMED = 100
_MAX_OBJECTS = 50_000
_MAX_BYTES = 512 << 20
_LOOSE = re.compile(r"[0-9a-f]{2}\Z")
_OBJECT = re.compile(r"[0-9a-f]{38}\Z")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A commit that no file of the workspace shows."""

    ref: str
    """Such as `refs/stash@{0}`, `refs/heads/side` or `HEAD@{2}`."""
    commit: str
    subject: str
    """The first line of its message, at most 200 characters; empty if it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What was found, and the pack that holds it; `ids` are all, `commits` at most 100."""

    ids: Sequence[str] = ()
    commits: Sequence[Left] = ()
    pack: Path | None = None


async def find(
    directory: Path, cache: Cache, base: Sequence[str], told: Sequence[str], scratch: Path
) -> Remains:
    """Stash entries and commits that neither HEAD nor the cache reaches.

    `base` are commits the reader of the pack has; `told` are ids of earlier
    finds. The pack is not thin: in a clone that has the base commit, `git
    unpack-objects` takes it. What cannot be read or is too large is named all
    the same, without a pack.
    """
    target = directory / "shadow.git" / "left.pack"
    names = await asyncio.to_thread(references.read, directory / "repo")
    tips = _fresh(names, {*base, *told})
    tips = _without(tips, await cache.known(list(tips)))
    if not tips:
        return Remains()
    objects = scratch / "objects"
    git = Git(directory=directory / "shadow.git", objects=objects, alternates=[cache.objects])
    whole = await asyncio.to_thread(_copy_objects, directory / "repo", objects)
    for pack in sorted((objects / "pack").glob("*.pack")):
        try:
            await git.run("index-pack", str(pack))
        except GitFailed:
            pack.unlink()  # damaged by the agent: what it held is named without content
    try:
        tips = await _apart(git, names.head, tips, base)
        subjects = await _subjects(git, tips)
        saved = await _save(git, tips, base, target) if whole and tips else None
    except GitFailed:
        subjects, saved = {}, None
    commits = [
        Left(ref=ref, commit=one, subject=subjects.get(one, "")) for one, ref in tips.items()
    ]
    return Remains(ids=list(tips), commits=commits[:_NAMED], pack=saved)


def _fresh(names: references.Names, known: set[str]) -> dict[str, str]:
    """Each id once, under the first of its names."""
    tips: dict[str, str] = {}
    for ref, one in names.tips:
        if one != names.head and one not in known and len(tips) < _MAX_TIPS:
            tips.setdefault(one, ref)
    return tips


def _without(tips: dict[str, str], known: frozenset[str]) -> dict[str, str]:
    return {one: ref for one, ref in tips.items() if one not in known}


async def _apart(
    git: Git, head: str | None, tips: dict[str, str], base: Sequence[str]
) -> dict[str, str]:
    """Those of `tips` that are commits, and that HEAD does not reach."""
    asked = [*tips, *([head] if head else [])]
    answer = await git.run("cat-file", "--batch-check", data="\n".join([*asked, ""]).encode())
    lines = (line.split() for line in answer.decode().splitlines())
    there = {line[0] for line in lines if line[1:2] == ["commit"]}
    wanted = [one for one in tips if one in there]
    if not wanted:
        return {}
    hidden = [f"^{one}" for one in (*base, *([head] if head in there else []))]
    words = "".join(f"{word}\n" for word in (*wanted, *hidden)).encode()
    listed = (await git.run("rev-list", "--stdin", data=words)).decode().split()
    beyond = [one for one in wanted if one in set(listed)]
    # Where HEAD once stood counts only if no other name leads there.
    ends = (
        set((await git.run("merge-base", "--independent", *beyond)).decode().split())
        if beyond
        else set()
    )
    return {one: tips[one] for one in beyond if one in ends or not tips[one].startswith("HEAD@")}


async def _subjects(git: Git, tips: dict[str, str]) -> dict[str, str]:
    if not tips:
        return {}
    form = ("--no-walk=unsorted", "--no-commit-header", "--format=%H %s")
    answer = await git.run("rev-list", *form, *tips)
    lines = (line.partition(" ") for line in answer.decode("utf-8", "replace").split("\n"))
    return {one: _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)[:200] for one, _, text in lines}


async def _save(git: Git, tips: dict[str, str], base: Sequence[str], target: Path) -> Path:
    words = "".join(f"{word}\n" for word in (*tips, *(f"^{one}" for one in base))).encode()
    fresh = target.with_suffix(".new")
    await git.run("pack-objects", "--revs", "--stdout", "-q", data=words, stdout=fresh)
    return fresh.replace(target)


def _copy_objects(root: Path, target: Path) -> bool:
    """Copies the agent's own objects; False when there are more than is taken.

    Reading them in place would follow the agent's `objects/info/alternates`,
    which may lead into another job's objects.
    """
    (target / "pack").mkdir(parents=True)
    room = _Room()
    try:
        with beneath.root(root) as top, beneath.at(top, b".git/objects") as objects:
            for name in _names(objects):
                if _LOOSE.match(name):
                    _copy_folder(objects, name, target / name, _OBJECT, room)
            _copy_folder(objects, "pack", target / "pack", re.compile(r"[\w-]+\.pack\Z"), room)
    except beneath.RootGone:
        return False
    except OSError as error:
        if error.errno not in beneath.GONE and not isinstance(error, PermissionError):
            raise
    return not room.full


@dataclass(slots=True)
class _Room:
    objects: int = _MAX_OBJECTS
    size: int = _MAX_BYTES
    full: bool = False


def _copy_folder(
    parent: int, name: str, target: Path, wanted: "re.Pattern[str]", room: _Room
) -> None:
    target.mkdir(exist_ok=True)
    with beneath.folder(parent, name) as folder:
        for child in _names(folder):
            if not wanted.match(child) or room.full:
                continue
            data = beneath.read(folder, child, room.size)
            room.objects -= 1
            if data is None or room.objects < 0:
                room.full = True
                continue
            room.size -= len(data)
            (target / child).write_bytes(data)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as listing:
        names = [entry.name for entry, _ in zip(listing, range(_MAX_OBJECTS), strict=False)]
    return sorted(names)
