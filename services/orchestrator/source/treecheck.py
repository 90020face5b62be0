"""The judgement of a tree that came from a runner."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.source.names import (
    GITMODULES,
    READ_BY_GIT,
    folded,
    gitmodules_fault,
    link_fault,
    may_fold,
    name_fault,
    shown,
    twin_key,
)

FILE, EXECUTABLE, LINK, DIRECTORY, SUBMODULE = b"100644", b"100755", b"120000", b"40000", b"160000"
KINDS = {FILE: "blob", EXECUTABLE: "blob", LINK: "blob", DIRECTORY: "tree"}
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
MAX_TREE_BYTES = 64 * 1024**2
MAX_LINK_BYTES = 4096
MAX_GITMODULES_BYTES = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLimits:
    """How much a result may add to its base."""

    max_changed_entries: int = 200_000
    max_changed_bytes: int = 2 * 1024**3
    max_name_bytes: int = 255
    max_path_bytes: int = 4096
    max_depth: int = 128


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What an object is, without its content."""

    kind: str
    size_bytes: int


class Objects(Protocol):
    """Where trees are read from."""

    async def infos(self, ids: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """Kind and size of each, None for what is missing; in the order asked."""

    async def content(self, object_id: str, *, limit_bytes: int) -> bytes:
        """The bytes of one object that is known to exist and to be no larger."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a tree object, as raw as it is stored."""

    mode: bytes
    name: bytes
    id: str


@dataclass(frozen=True, slots=True)
class _Pair:
    """One directory, before and after."""

    path: bytes
    depth: int
    before: str | None
    after: str


async def check(objects: Objects, *, base: str, tree: str, limits: TreeLimits) -> None:
    """Judges every entry of `tree` that is not in `base` with the same path, mode, id.

    Both are ids of trees. The walk is our own, over the bytes of the tree objects, and enters
    only directories that differ. Raises `JobFailed` with RESULT_REJECTED, naming the entry, or
    RESULT_CORRUPT where an object is missing.
    """
    if tree == base:
        return
    (root,) = await objects.infos([tree])
    if root is None:
        raise corrupt("The result's tree is missing from what the runner sent.")
    if root.kind != "tree":
        raise rejected("TREE", f"The result is a {root.kind}, not a tree.")
    if root.size_bytes > MAX_TREE_BYTES:
        raise rejected("TOO_LARGE", "The result's root folder is too large to be read.")
    if tree == EMPTY_TREE:
        raise rejected("EMPTY_TREE", "The result holds no file at all.")
    walk = _Walk(objects, limits)
    pending = [_Pair(b"", 1, base, tree)]
    while pending:
        pending += await walk.enter(pending.pop())


class _Walk:
    def __init__(self, objects: Objects, limits: TreeLimits) -> None:
        self._objects = objects
        self._limits = limits
        self._entries = 0
        self._bytes = 0

    async def enter(self, pair: _Pair) -> list[_Pair]:
        """Judges one directory; returns the directories in it that differ."""
        before = await self._entries_of(pair.before) if pair.before else []
        after = await self._entries_of(pair.after)
        known = {entry.name: entry for entry in before}
        changed = [entry for entry in after if known.get(entry.name) != entry]
        if not changed:
            return []
        self._count(len(changed))
        for entry in changed:
            self._judge_name(pair, entry)
            self._judge_mode(pair, entry)
        _judge_twins(pair.path, known.keys(), after)
        await self._judge_contents(pair, changed)
        below: list[_Pair] = []
        for entry in changed:
            if entry.mode == DIRECTORY:
                old = known.get(entry.name)
                before_id = old.id if old and old.mode == DIRECTORY else None
                below.append(
                    _Pair(_join(pair.path, entry.name), pair.depth + 1, before_id, entry.id)
                )
        return below

    async def _entries_of(self, tree: str) -> list[Entry]:
        return list(parse(await self._objects.content(tree, limit_bytes=MAX_TREE_BYTES)))

    def _count(self, entries: int) -> None:
        self._entries += entries
        if self._entries > self._limits.max_changed_entries:
            raise rejected(
                "TOO_LARGE",
                f"The result changes more than {self._limits.max_changed_entries} entries.",
            )

    def _judge_name(self, pair: _Pair, entry: Entry) -> None:
        path = _join(pair.path, entry.name)
        if fault := name_fault(entry.name, self._limits.max_name_bytes):
            raise rejected("PATH", f"The result holds {shown(path)}: {fault}.")
        if len(path) > self._limits.max_path_bytes:
            raise rejected(
                "PATH",
                f"The result holds {shown(path)}: longer than {self._limits.max_path_bytes} bytes.",
            )
        if pair.depth > self._limits.max_depth:
            raise rejected(
                "PATH",
                f"The result holds {shown(path)}: deeper than {self._limits.max_depth} folders.",
            )

    def _judge_mode(self, pair: _Pair, entry: Entry) -> None:
        path = _join(pair.path, entry.name)
        if entry.mode == SUBMODULE:
            raise rejected("MODE", f"The result adds or changes the submodule {shown(path)}.")
        if entry.mode not in KINDS:
            mode = entry.mode.decode("ascii", "replace")[:12]
            raise rejected("MODE", f"The result holds {shown(path)} with the mode {mode!a}.")
        if entry.mode == LINK and READ_BY_GIT.fullmatch(folded(entry.name.decode())):
            raise rejected("SYMLINK", f"The result makes {shown(path)}, which git reads, a link.")

    async def _judge_contents(self, pair: _Pair, changed: Sequence[Entry]) -> None:
        infos = await self._objects.infos([entry.id for entry in changed])
        for entry, info in zip(changed, infos, strict=True):
            path = _join(pair.path, entry.name)
            if info is None:
                raise corrupt(f"The content of {shown(path)} is missing from what the runner sent.")
            if info.kind != KINDS[entry.mode]:
                raise rejected("TREE", f"The result holds a {info.kind} as {shown(path)}.")
            if info.kind == "blob":
                self._bytes += info.size_bytes
            elif info.size_bytes > MAX_TREE_BYTES:
                raise rejected("TOO_LARGE", f"The folder {shown(path)} is too large to be read.")
            if self._bytes > self._limits.max_changed_bytes:
                raise rejected(
                    "TOO_LARGE",
                    f"The result changes files of more than "
                    f"{self._limits.max_changed_bytes} bytes together.",
                )
            if entry.mode == LINK:
                await self._judge_link(path, entry, info)
            elif entry.mode != DIRECTORY and may_fold(entry.name):
                await self._judge_gitmodules(path, entry, info)

    async def _judge_link(self, path: bytes, entry: Entry, info: ObjectInfo) -> None:
        if info.size_bytes > MAX_LINK_BYTES:
            raise rejected("SYMLINK_ESCAPE", f"The link {shown(path)} has an endless target.")
        target = await self._objects.content(entry.id, limit_bytes=MAX_LINK_BYTES)
        if fault := link_fault(path, target):
            raise rejected(
                "SYMLINK_ESCAPE", f"The link {shown(path)} leads to {shown(target)}: {fault}."
            )

    async def _judge_gitmodules(self, path: bytes, entry: Entry, info: ObjectInfo) -> None:
        """Clones obey this file; what git's own fsck refuses in it, this refuses too."""
        if not GITMODULES.fullmatch(folded(entry.name.decode())):
            return
        if info.size_bytes > MAX_GITMODULES_BYTES:
            raise rejected("GITMODULES", f"The result's {shown(path)} is too large.")
        content = await self._objects.content(entry.id, limit_bytes=MAX_GITMODULES_BYTES)
        if fault := gitmodules_fault(content):
            raise rejected("GITMODULES", f"The result's {shown(path)} holds {fault}.")


def parse(content: bytes) -> Iterator[Entry]:
    """The entries of a tree object, in the order stored; raises `JobFailed` on a cut one."""
    at = 0
    while at < len(content):
        blank = content.find(b" ", at)
        nul = content.find(b"\0", blank)
        if blank < 0 or nul < 0 or nul + 21 > len(content):
            raise rejected("TREE", "The result holds a directory that is cut short.")
        yield Entry(content[at:blank], content[blank + 1 : nul], content[nul + 1 : nul + 21].hex())
        at = nul + 21


def rejected(code: str, message: str) -> JobFailed:
    """The result is whole, and not acceptable."""
    return failed(
        Reason.RESULT_REJECTED,
        f"{message} ({code})",
        "Tell the task not to leave that behind, then submit it again; the patches of the "
        "steps before are kept.",
    )


def corrupt(message: str) -> JobFailed:
    """The result did not arrive whole."""
    return failed(
        Reason.RESULT_CORRUPT,
        message,
        "Submit the task again; if it happens again, look at the runner's disk and log.",
    )


def _judge_twins(path: bytes, before: Set[bytes], after: Sequence[Entry]) -> None:
    """Refuses names that become one on some file systems, unless both were there before."""
    seen: dict[str, bytes] = {}
    for entry in after:
        key = twin_key(entry.name)
        other = seen.setdefault(key, entry.name)
        if other is entry.name:
            continue
        if other == entry.name or other not in before or entry.name not in before:
            raise rejected(
                "PATH",
                f"The result holds {shown(_join(path, other))} beside "
                f"{shown(_join(path, entry.name))}, which are one on some systems.",
            )


def _join(path: bytes, name: bytes) -> bytes:
    return path + b"/" + name if path else name
