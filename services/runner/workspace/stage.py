"""Copies what has to be read of a working tree to where the agent cannot change it."""

import os
import stat
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.runner.workspace import beneath
from services.runner.workspace.entries import Seen, trusted

_PIECE = 1 << 20


def write_rules(folder: Path, rules: Mapping[bytes, bytes]) -> None:
    """Writes rule files, by path, below `folder`."""
    for path, data in rules.items():
        target = _below(folder, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def make_folders(folder: Path, paths: Iterable[bytes]) -> None:
    """Makes empty folders, so that git knows what kind of thing it is asked about."""
    for path in paths:
        _below(folder, path).mkdir(parents=True, exist_ok=True)


@dataclass(slots=True)
class Copied:
    """What became of the paths that were to be copied."""

    seen: dict[bytes, Seen | None] = field(default_factory=dict)
    """Copied: what each looked like, None where it changed meanwhile or is too young to tell."""
    unreadable: list[bytes] = field(default_factory=list)


def copy(root: Path, paths: Iterable[bytes], folder: Path, stop: threading.Event) -> Copied:
    """Copies files and links of `root` below `folder`.

    What is gone, or is no file or link any more, is in neither list.
    """
    copied = Copied()
    with beneath.root(root) as top:
        for path in sorted(paths):
            if stop.is_set():
                raise InterruptedError("the copying was stopped")
            target = _below(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            above, _, name = path.rpartition(b"/")
            try:
                with beneath.at(top, above) as parent:
                    copied.seen[path] = _copy(parent, name, target)
            except PermissionError:
                copied.unreadable.append(path)
            except OSError as error:
                if error.errno not in beneath.GONE:
                    raise
    return copied


def _copy(parent: int, name: bytes, target: Path) -> Seen | None:
    now_ns = time.time_ns()
    found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        target.unlink(missing_ok=True)
        target.symlink_to(os.fsdecode(os.readlink(name, dir_fd=parent)))
        return trusted(found, now_ns)
    with beneath.file(parent, name) as source:
        before = os.fstat(source)
        _copy_bytes(source, target, before.st_size)
        after = os.fstat(source)
    target.chmod(0o755 if found.st_mode & stat.S_IXUSR else 0o644)
    now = trusted(found, now_ns)
    return now if now == trusted(after, now_ns) else None


def _copy_bytes(source: int, target: Path, size: int) -> None:
    # No more than it had when it was opened: it may be growing.
    with target.open("wb") as copy_of_it:
        while size > 0 and (piece := os.read(source, min(size, _PIECE))):
            copy_of_it.write(piece)
            size -= len(piece)


def _below(folder: Path, path: bytes) -> Path:
    return folder / os.fsdecode(path)
