"""Private folders for work in progress, swept after a crash."""

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.orchestrator.source.git import storage_full

NEWBORN_SECONDS = 60
"""How long a folder may exist before its owner has locked it."""


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder of one's own below `parent`, gone at the end of the block.

    It is held by a lock of this process, so that `sweep` in another one leaves it alone.
    A disk that fills up within the block is told as `JobFailed` with STORAGE_FULL.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
    except OSError as problem:
        if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise storage_full() from problem
        raise


def sweep(parent: Path) -> int:
    """Removes the folders below `parent` whose process is gone; returns how many."""
    if not parent.is_dir():
        return 0
    swept = 0
    for folder in parent.iterdir():
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        try:
            age = time.time() - os.fstat(lock).st_ctime
            if age >= NEWBORN_SECONDS and _free(lock):
                shutil.rmtree(folder)
                swept += 1
        finally:
            os.close(lock)
    return swept


def _free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
