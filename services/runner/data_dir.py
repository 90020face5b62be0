"""The runner's own directory: its alone, and what names it."""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataDirTaken(Exception):
    """Another process uses the directory, or it cannot be used at all."""


@contextmanager
def claimed(directory: Path) -> Iterator[Path]:
    """Makes the directory and keeps other runners out of it; yields its absolute path.

    Raises DataDirTaken.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = directory.resolve()
        lock = os.open(directory / "runner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise DataDirTaken(
            f"cannot use {directory}: {problem.strerror}; set PAWL_DATA_DIR to another"
        ) from problem
    try:
        _lock(lock, directory)
        yield directory
    finally:
        os.close(lock)


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataDirTaken(
            f"another runner uses {directory}; end it, or set PAWL_DATA_DIR to another"
        ) from None


def runner_id(directory: Path) -> str:
    """Returns what names this runner for the life of its directory."""
    path = directory / "runner_id"
    if not path.exists():
        draft = path.with_name("runner_id.draft")
        draft.write_text(uuid.uuid4().hex, encoding="ascii")
        draft.replace(path)
    return path.read_text(encoding="ascii").strip()
