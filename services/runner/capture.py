"""Reads the files that take a CLI's output, as they grow."""

import os
from pathlib import Path

NAMES = ("stdout", "stderr")


class Shrunk(Exception):
    """The file is shorter than what was already read of it: somebody wrote over it."""


class Capture:
    """One file, read from some offset on; what its name means later does not matter."""

    def __init__(self, path: Path, offset: int) -> None:
        self._descriptor = -1
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._offset = offset

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def read(self, limit: int) -> bytes:
        """Returns what follows what was read before, at most `limit` bytes. Raises Shrunk."""
        if os.fstat(self._descriptor).st_size < self._offset:
            raise Shrunk
        data = os.pread(self._descriptor, limit, self._offset)
        self._offset += len(data)
        return data
