"""Reads the names in an agent's git folder, as files."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.runner.workspace import beneath

_ID = re.compile(rb"[0-9a-f]{40}\Z")
_MAX_NAMES = 1_000
_MAX_DEPTH = 16
_MAX_LOG = 1 << 20
_MAX_LOGGED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What an agent's git names; the ids are whatever its files say."""

    head: str | None = None
    tips: Sequence[tuple[str, str]] = ()
    """Name and id: stash entries first, then refs, then where HEAD was, the latest first."""


def read(root: Path) -> Names:
    """The names in `root`/.git; none where that is no folder.

    Git itself is not asked: it would read the agent's configuration.
    """
    try:
        with beneath.root(root) as top, beneath.folder(top, b".git") as folder:
            packed = dict(_packed(beneath.read(folder, b"packed-refs", _MAX_LOG * 4) or b""))
            refs = packed | dict(_loose(folder))
            stashes = _log(folder, b"logs/refs", b"stash")
            heads = _log(folder, b"logs", b"HEAD")
            head = _head(folder, refs)
    except beneath.RootGone:
        return Names()
    except OSError as error:
        if error.errno not in beneath.GONE and not isinstance(error, PermissionError):
            raise
        return Names()
    tips = [(f"refs/stash@{{{back}}}", one) for back, one in enumerate(stashes)]
    tips += [(_text(name), one) for name, one in sorted(refs.items()) if name != b"refs/stash"]
    if not stashes and b"refs/stash" in refs:
        tips.append(("refs/stash", refs[b"refs/stash"]))
    tips += [(f"HEAD@{{{back}}}", one) for back, one in enumerate(heads)]
    return Names(head=head, tips=tips)


def _head(folder: int, refs: dict[bytes, str]) -> str | None:
    text = (beneath.read(folder, b"HEAD", 4096) or b"").strip()
    if text.startswith(b"ref:"):
        return refs.get(text[4:].strip())
    return text.decode() if _ID.match(text) else None


def _packed(text: bytes) -> Iterator[tuple[bytes, str]]:
    for line in text.splitlines()[: _MAX_NAMES * 10]:
        name, _, ref = line.partition(b" ")
        if _ID.match(name) and ref.startswith(b"refs/"):
            yield ref, name.decode()


def _loose(folder: int) -> Iterator[tuple[bytes, str]]:
    waiting = [b"refs"]
    count = 0
    while waiting:
        path = waiting.pop()
        try:
            with beneath.at(folder, path) as descriptor:
                for name, is_folder in _children(descriptor):
                    below = path + b"/" + name
                    count += 1
                    if count > _MAX_NAMES:
                        return
                    if is_folder and below.count(b"/") < _MAX_DEPTH:
                        waiting.append(below)
                    text = b"" if is_folder else beneath.read(descriptor, name, 256) or b""
                    if _ID.match(text.strip()):
                        yield below, text.strip().decode()
        except OSError as error:
            if error.errno not in beneath.GONE and not isinstance(error, PermissionError):
                raise


def _children(descriptor: int) -> Iterator[tuple[bytes, bool]]:
    with os.scandir(descriptor) as listing:
        for entry in listing:
            yield os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)


def _log(folder: int, path: bytes, name: bytes) -> list[str]:
    """The ids a reflog went through, the latest first."""
    try:
        with beneath.at(folder, path) as descriptor:
            lines = (beneath.read(descriptor, name, _MAX_LOG) or b"").splitlines()
    except OSError as error:
        if error.errno not in beneath.GONE and not isinstance(error, PermissionError):
            raise
        return []
    ids = (line[41:81] for line in reversed(lines[-_MAX_LOGGED:]))
    return [one.decode() for one in ids if _ID.match(one)]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")[:200]
