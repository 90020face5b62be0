"""Opens what lies below a folder without ever following a link."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe that took a file's place must not hold us.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""What opening says of something that vanished or is of another kind now."""

DEPTH = 128
"""Folders deeper than this are not entered."""


class RootGone(Exception):
    """The folder at the top is missing, or is a link or a file now."""


@contextmanager
def root(path: Path) -> Iterator[int]:
    """A descriptor of the folder `path`; raises RootGone, also for a link to a folder."""
    try:
        descriptor = os.open(path, _FOLDER)
    except OSError as error:
        if error.errno not in GONE:
            raise
        raise RootGone(f"{path.name} is no folder any more") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def folder(parent: int, name: str | bytes) -> Iterator[int]:
    """A descriptor of a direct child, even one whose owner may not enter it."""
    # Lent for as long as the descriptor is used: opening a child needs the
    # right to search, whatever the descriptor was opened with.
    with _lent(parent, name, stat.S_IRWXU):
        descriptor = os.open(name, _FOLDER, dir_fd=parent)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@contextmanager
def at(top: int, path: bytes) -> Iterator[int]:
    """A descriptor of the folder `path` (b"" for `top` itself), component by component."""
    with ExitStack() as opened:
        descriptor = top
        for name in path.split(b"/") if path else ():
            descriptor = opened.enter_context(folder(descriptor, name))
        yield descriptor


@contextmanager
def file(parent: int, name: str | bytes) -> Iterator[int]:
    """A descriptor of a regular file; raises OSError for everything else."""
    with _lent(parent, name, stat.S_IRUSR):
        descriptor = os.open(name, _FILE, dir_fd=parent)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", name)
        yield descriptor
    finally:
        os.close(descriptor)


def read(parent: int, name: str | bytes, limit: int) -> bytes | None:
    """A regular file's bytes; None when there is none, or it holds more than `limit`."""
    try:
        with file(parent, name) as descriptor, os.fdopen(os.dup(descriptor), "rb") as stream:
            data = stream.read(limit + 1)
    except OSError:
        return None
    return data if len(data) <= limit else None


@contextmanager
def _lent(parent: int, name: str | bytes, bits: int) -> Iterator[None]:
    """Lends the owner `bits` while a child is opened, then puts its mode back."""
    if os.geteuid() == 0:
        yield
        return
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        found = os.fstat(handle)
        mode = stat.S_IMODE(found.st_mode)
        lend = (
            mode & bits != bits
            and found.st_uid == os.geteuid()
            and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode))
        )
        # A descriptor opened with O_PATH is no link any more: /proc leads to
        # exactly what was opened, whatever now has its name.
        if lend:
            os.chmod(f"/proc/self/fd/{handle}", mode | bits)  # noqa: PTH101
        try:
            yield
        finally:
            if lend:
                os.chmod(f"/proc/self/fd/{handle}", mode)  # noqa: PTH101
    finally:
        os.close(handle)
