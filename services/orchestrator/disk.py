"""The folder of an object store on this host's disk: what the store itself does not do for it."""

import os
import re
import shutil
import uuid
from pathlib import Path

NAMED_DIRECTORIES = 4096

UNFINISHED = re.compile(r"#\d+\Z")
"""How a name ends while its file is being written."""


class Disk:
    """Files by their keys; every method blocks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._named: set[Path] = set()
        """Directories whose own names are durable; forgotten when they get many."""

    def copy(self, source: Path, key: str) -> None:
        """Puts a copy of `source` there, durably, whole or not at all.

        The kernel copies: the store would hold 40 MB of a large file in memory meanwhile.
        """
        file = self.root / key
        file.parent.mkdir(parents=True, exist_ok=True)
        # The form of name that the store gives its own drafts, and leaves out of its listings.
        draft = file.with_name(f"{file.name}#{uuid.uuid4().int}")
        try:
            shutil.copyfile(source, draft)
            draft.replace(file)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        self.sync(key)

    def sync(self, key: str) -> None:
        """Makes a file that was renamed into place, and its name, survive a loss of power."""
        file = self.root / key
        _fsync(file)
        directory = file.parent
        _fsync(directory)
        if len(self._named) > NAMED_DIRECTORIES:
            self._named.clear()
        while directory != self.root and directory not in self._named:
            _fsync(directory.parent)
            self._named.add(directory)
            directory = directory.parent

    def remove_folders(self, *prefixes: str) -> None:
        """Removes those of the folders that are empty."""
        for prefix in prefixes:
            try:
                (self.root / prefix).rmdir()
            except OSError:
                continue  # it holds something, or is gone already

    def drop_unfinished(self, prefix: str, before: float) -> int:
        """Removes files whose writer was killed, last written to before; returns how many."""
        dropped = 0
        for folder, _, names in os.walk(self.root / prefix):
            for name in names:
                if not UNFINISHED.search(name):
                    continue
                file = Path(folder, name)
                try:
                    if file.stat().st_mtime < before:
                        file.unlink()
                        dropped += 1
                except FileNotFoundError:
                    continue
        return dropped


def _fsync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
