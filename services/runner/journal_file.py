"""A journal's file, open for as long as anybody is at it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pawl.wire.errors import NotFound

MAGIC = b"pawl journal 1\n"


class NotAJournal(Exception):
    """The file holds something else, or was written by a version that spells it otherwise."""


class JournalFile:
    """Bytes that are durable once they are written.

    Closing it while a thread still reads would hand the descriptor's number to a stranger: the
    last one that uses it closes it then.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it. Raises NotAJournal, and OSError."""
        self._lock = threading.Lock()
        self._users = 1
        """Threads that are at it, and one for as long as it is open."""
        self._open = True
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        magic = os.pread(self._descriptor, len(MAGIC), 0)
        if magic != MAGIC:
            if not MAGIC.startswith(magic):
                self.close()
                raise NotAJournal(f"{path} is no journal of this version; move it away")
            self.write(MAGIC, 0)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            self.close()

    def close(self) -> None:
        """Lets nobody begin to use it any more."""
        with self._lock:
            if not self._open:
                return
            self._open = False
        self._leave()

    @contextmanager
    def _used(self) -> Iterator[int]:
        with self._lock:
            if not self._open:
                raise NotFound("RUN_NOT_FOUND", "the run has been acknowledged and is forgotten")
            self._users += 1
        try:
            yield self._descriptor
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            last = not self._users
        if last:
            os.close(self._descriptor)

    def size(self) -> int:
        """Returns its length in bytes."""
        with self._used() as descriptor:
            return os.fstat(descriptor).st_size

    def read(self, length: int, offset: int) -> bytes:
        """Returns so many bytes from `offset` on, fewer at the end."""
        with self._used() as descriptor:
            return os.pread(descriptor, length, offset)

    def write(self, data: bytes, offset: int) -> None:
        """Writes all of `data` at `offset`, durably."""
        rest = memoryview(data)
        with self._used() as descriptor:
            while rest:
                written = os.pwrite(descriptor, rest, offset)
                rest, offset = rest[written:], offset + written
            os.fdatasync(descriptor)

    def cut(self, size: int) -> None:
        """Removes what lies behind `size`, durably."""
        with self._used() as descriptor:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
