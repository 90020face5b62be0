"""Keeps those who use a mirror and those who remove something from it apart."""

import asyncio
import fcntl
import os
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

PAUSE_SECONDS = 0.05
PATIENCE = timedelta(minutes=15)
"""Longer than any prune takes; beyond it whoever prunes has been stopped."""


class MirrorTaken(Exception):
    """Somebody is alone with the mirror and does not give way."""


class Use:
    """A hold on a mirror, of this process; ends with it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def end(self) -> None:
        """Lets go; a second time nothing happens."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class UseLock:
    """Any number of users of a mirror, or one that is alone with it, on this host.

    Its file lies beside the mirror and is never removed: a lock on a file that somebody else
    has removed meanwhile would keep nobody out. Its time is that of the last use.
    """

    def __init__(self, git_dir: Path) -> None:
        self._file = git_dir.with_suffix(".lock")
        self._wanted = git_dir.with_suffix(".wanted")

    async def use(self) -> Use:
        """Waits until nobody is alone with the mirror.

        Whoever is alone with it looks whether it is wanted, and gives way at once. Raises
        MirrorTaken where that does not happen.
        """
        with ExitStack() as unless_used:
            descriptor = self._open()
            unless_used.callback(os.close, descriptor)
            try:
                async with asyncio.timeout(PATIENCE.total_seconds()):
                    while not _lock(descriptor, fcntl.LOCK_SH):
                        self._wanted.touch()
                        await asyncio.sleep(PAUSE_SECONDS)
            except TimeoutError:
                raise MirrorTaken from None
            os.utime(descriptor)
            unless_used.pop_all()
        return Use(descriptor)

    def alone(self) -> Use | None:
        """The mirror for oneself; None while anybody uses it."""
        descriptor = self._open()
        if not _lock(descriptor, fcntl.LOCK_EX):
            os.close(descriptor)
            return None
        # Of somebody who has got it since. Who waits now says so again.
        self._wanted.unlink(missing_ok=True)
        return Use(descriptor)

    @property
    def wanted(self) -> bool:
        """Somebody waits to use the mirror."""
        return self._wanted.exists()

    def last_use(self) -> datetime | None:
        """When somebody began to use it last; None where no use is known."""
        try:
            return datetime.fromtimestamp(self._file.stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    def _open(self) -> int:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
