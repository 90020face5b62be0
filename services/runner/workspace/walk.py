"""Finds what in a working tree differs from what was last seen there."""

import os
import stat
import threading
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from pathlib import Path

from pawl.wire.errors import FailedPrecondition
from services.runner.workspace import beneath
from services.runner.workspace.entries import SUBMODULE, Entries, Seen, look

RULES = (b".gitignore", b".gitattributes")
_MAX_RULES = 4 << 20
_MAX_PATH = 3_500
_NAMED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What of a workspace may differ from its base commit."""

    files: int = 100_000
    size_bytes: int = 2 << 30


@dataclass(slots=True)
class Findings:
    """What the walk has found so far; paths are relative to the root."""

    changed: set[bytes] = field(default_factory=set)
    """Files and links whose content has to be read."""
    visited: set[bytes] = field(default_factory=set)
    """Everything that belongs to the tree, `changed` included."""
    rules: dict[bytes, bytes] = field(default_factory=dict)
    """The `.gitignore` and `.gitattributes` files that are honoured."""
    dropped: list[tuple[bytes, str]] = field(default_factory=list)
    unreadable: list[bytes] = field(default_factory=list)
    """Folders that cannot be opened; what was known below them stays."""
    nested: list[bytes] = field(default_factory=list)
    questions: list[bytes] = field(default_factory=list)
    """Paths git has to say of whether they are ignored; folders end in a slash."""


@dataclass(frozen=True, slots=True)
class _Context:
    """What holds for all entries of one folder."""

    descriptor: int
    prefix: bytes
    ruled: bool
    """Some `.gitignore` applies here."""
    moved: bool
    """And one of them is not what it was when the entries were taken."""


class Walk:
    """One look at a working tree, in rounds with git's answers about ignored paths between.

    Links are never followed, and nothing is read but the rules. An agent may
    change everything meanwhile: then the walk sees one or the other state.
    """

    def __init__(
        self, root: Path, entries: Entries, excluded: Iterable[bytes], bounds: Bounds
    ) -> None:
        self.root = root
        self._entries = entries
        self._excluded = frozenset(excluded)
        self._bounds = bounds
        self._base_folders = _folders(entries.base)
        self._folders = _folders(entries.by_path)
        self._asked: set[bytes] = set()
        self._extra_files = 0
        self._size = 0
        self._size_of_rules = 0
        self.found = Findings()
        self.stop = threading.Event()
        """Set it to end a round that runs in another thread."""

    def start(self) -> None:
        """Lists everything that can be told without asking. Raises FailedPrecondition."""
        with beneath.root(self.root) as top:
            self._list(_Context(top, b"", ruled=False, moved=False))

    def go_on(self, ignored: Set[bytes]) -> None:
        """Takes the answers to `found.questions` and lists what they open up."""
        questions, self.found.questions = self.found.questions, []
        with beneath.root(self.root) as top:
            for path in questions:
                if path in ignored:
                    continue
                if path.endswith(b"/"):
                    self._enter_at(top, path)
                else:
                    self._look_at(top, path)

    def _enter_at(self, top: int, path: bytes) -> None:
        parent, _, name = path[:-1].rpartition(b"/")
        try:
            with beneath.at(top, parent) as above, beneath.folder(above, name) as descriptor:
                self._list(_Context(descriptor, path, ruled=True, moved=True))
        except PermissionError:
            self.drop(path, "a folder that cannot be read")
        except OSError as error:
            if error.errno not in beneath.GONE:
                raise

    def _look_at(self, top: int, path: bytes) -> None:
        parent, _, name = path.rpartition(b"/")
        try:
            with beneath.at(top, parent) as above:
                self._take(path, os.stat(name, dir_fd=above, follow_symlinks=False))
        except OSError as error:
            if error.errno not in beneath.GONE:
                raise

    def _list(self, here: _Context) -> None:
        if self.stop.is_set():
            raise InterruptedError("the walk was stopped")
        if here.prefix.count(b"/") > beneath.DEPTH:
            raise _too_much("FILES", f"folders deeper than {beneath.DEPTH}", here.prefix)
        here = self._with_rules(here)
        with os.scandir(here.descriptor) as listing:
            for listed in listing:
                self._sort(here, listed)

    def _sort(self, here: _Context, listed: "os.DirEntry[str]") -> None:
        name = os.fsencode(listed.name)
        path = here.prefix + name
        if name.lower() == b".git":
            if here.prefix:
                self._note_nested(here.prefix[:-1])
            elif name != b".git":
                self.drop(path, "git allows no such name")
        elif path in self._excluded:
            return
        elif len(path) > _MAX_PATH:
            self.drop(path[:200], f"its path has more than {_MAX_PATH} bytes")
        elif listed.is_dir(follow_symlinks=False):
            self._sort_folder(here, name, path)
        elif (
            not here.ruled
            or path in self._entries.base
            or (not here.moved and path in self._entries.by_path)
        ):
            try:
                self._take(path, listed.stat(follow_symlinks=False))
            except FileNotFoundError:
                return
        else:
            self._ask(path)

    def _sort_folder(self, here: _Context, name: bytes, path: bytes) -> None:
        known = self._entries.by_path.get(path)
        try:
            with beneath.folder(here.descriptor, name) as descriptor:
                inside = _Context(descriptor, path + b"/", here.ruled, here.moved)
                if known and known.mode == SUBMODULE:
                    self._keep_submodule(inside)
                elif (
                    not here.ruled
                    or path in self._base_folders
                    or (not here.moved and path in self._folders)
                ):
                    self._list(inside)
                else:
                    self._ask(inside.prefix)
        except PermissionError:
            self.found.unreadable.append(path + b"/")
            self.drop(path, "a folder that cannot be read")
        except OSError as error:
            if error.errno not in beneath.GONE:
                raise

    def _keep_submodule(self, inside: _Context) -> None:
        # What lies in it belongs to another repository, whose commits are
        # published nowhere: the entry stays what the base says.
        path = inside.prefix[:-1]
        self.found.visited.add(path)
        with os.scandir(inside.descriptor) as listing:
            if next(listing, None):
                self.drop(path, "files in a submodule")

    def _with_rules(self, here: _Context) -> _Context:
        ruled, moved = here.ruled, here.moved
        for name in RULES:
            # Looked for before it is opened, since most folders have neither.
            path = here.prefix + name
            known = self._entries.by_path.get(path)
            seen = _seen(here.descriptor, name)
            if seen and path not in self.found.rules:
                data = beneath.read(here.descriptor, name, _MAX_RULES)
                if data is not None:
                    self._add_rules(path, data)
            if name == RULES[0] and (seen or known):
                there = path in self.found.rules
                same = there and known is not None and known.seen == seen
                ruled, moved = ruled or there, moved or not same
        return _Context(here.descriptor, here.prefix, ruled, moved)

    def _add_rules(self, path: bytes, data: bytes) -> None:
        self._size_of_rules += len(data)
        if self._size_of_rules > _MAX_RULES * 16:
            raise _too_much("BYTES", f"more than {_MAX_RULES >> 16} MiB of .gitignore files", path)
        self.found.rules[path] = data

    def _take(self, path: bytes, found: os.stat_result) -> None:
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
            if not stat.S_ISDIR(found.st_mode):
                self.drop(path, _KINDS.get(stat.S_IFMT(found.st_mode), "special file"))
            return
        known = self._entries.by_path.get(path)
        self.found.visited.add(path)
        same = known is not None and known.seen is not None and known.seen == look(found)
        if not same:
            self.found.changed.add(path)
        if path not in self._entries.base:
            self._extra_files += 1
            if self._extra_files > self._bounds.files:
                raise _too_much("FILES", f"more than {self._bounds.files} new files", path)
        if not same or path not in self._entries.base:
            self._size += found.st_size
            if self._size > self._bounds.size_bytes:
                limit = f"new and changed files of more than {self._bounds.size_bytes} bytes"
                raise _too_much("BYTES", limit, path)

    def _ask(self, path: bytes) -> None:
        self._asked.add(path)
        self.found.questions.append(path)
        # Ignored files cost time as well, so there is a limit for them too.
        if len(self._asked) > 4 * self._bounds.files:
            limit = f"more than {4 * self._bounds.files} files that are new or ignored"
            raise _too_much("FILES", limit, path)

    def drop(self, path: bytes, why: str) -> None:
        """Notes what is not part of the tree, or not as it lies there."""
        if len(self.found.dropped) < _NAMED:
            self.found.dropped.append((path, why))

    def _note_nested(self, path: bytes) -> None:
        if len(self.found.nested) < _NAMED:
            self.found.nested.append(path)


_KINDS = {
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def _seen(folder: int, name: bytes) -> Seen | None:
    try:
        return look(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None


def _folders(paths: Iterable[bytes]) -> frozenset[bytes]:
    """Every folder above one of `paths`."""
    found: set[bytes] = set()
    for path in paths:
        above = path.rpartition(b"/")[0]
        while above and above not in found:
            found.add(above)
            above = above.rpartition(b"/")[0]
    return frozenset(found)


def _too_much(what: str, limit: str, path: bytes) -> FailedPrecondition:
    name = os.fsdecode(path).encode("utf-8", "backslashreplace").decode()[:200]
    return FailedPrecondition(
        f"WORKSPACE_LIMIT_{what}",
        f"the workspace holds {limit}, at {name!r}; add what is not part of the result to "
        ".gitignore",
        metadata={"path": name},
    )
