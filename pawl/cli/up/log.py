"""The log file of one service, bounded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIMIT = 20 * 1024 * 1024
"""Bytes a log may have before it becomes the one old log that is kept beside it."""


class Log:
    """Appended to by a service through a descriptor it inherits.

    The service writes to the file itself, not through a pipe of `pawl up`: it
    outlives `pawl up` by the time it takes to leave, and tells about it.
    """

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self._path = path
        self._limit = limit
        self._read = self._size()

    @contextmanager
    def appending(self) -> Iterator[int]:
        """A descriptor that appends, for a child to inherit."""
        self.trim()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def trim(self) -> None:
        """Moves a log that is too long aside.

        By copy and truncation, since the service keeps its descriptor; what it
        writes between the two is lost.
        """
        if self._size() <= self._limit:
            return
        shutil.copyfile(self._path, self._path.with_suffix(".log.1"))
        os.truncate(self._path, 0)
        self._read = 0

    def fresh(self, most: int = 256 * 1024) -> bytes:
        """At most `most` bytes of what was appended since the last call."""
        if self._size() <= self._read:
            return b""
        with self._path.open("rb") as file:
            file.seek(self._read)
            data = file.read(most)
        self._read += len(data)
        return data

    def tail(self, lines: int = 15) -> str:
        """The last lines, at most 8 KiB of them."""
        if not self._path.exists():
            return ""
        with self._path.open("rb") as file:
            file.seek(max(0, self._size() - 8192))
            text = file.read(8192).decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0
