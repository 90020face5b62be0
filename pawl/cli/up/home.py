"""The data directory of one `pawl up`: its folders, its locks."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

LEAVING = timedelta(seconds=45)
"""How long the services of a killed `pawl up` may take to notice and leave."""


class InUse(Exception):
    """Somebody else uses this data directory; the message says who."""


class Home:
    """Folders below one absolute path, readable by the user alone."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str) -> Path:
        """The absolute path of a sub-folder, made if need be."""
        self._make_root()
        path = self.root / name
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)
        return path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps every other `pawl up` away from this directory. Raises InUse."""
        self._make_root()
        with _opened(self.root / "up.lock") as lock:
            if not _locked(lock):
                owner = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
                raise InUse(
                    f"another `pawl up` (pid {owner}) uses {self.root}: stop it first, "
                    "or choose another --data-dir"
                )
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            yield

    @asynccontextmanager
    async def inherited(self, say: Callable[[str], None]) -> AsyncIterator[int]:
        """Yields the descriptor of a lock for services to inherit. Raises InUse.

        A service holds the lock by merely having it open, so it stays taken
        until the last one has left, also when `pawl up` was killed before them:
        the next start then waits instead of finding its ports taken.
        """
        with _opened(self.root / "services.lock") as lock:
            end = time.monotonic() + LEAVING.total_seconds()
            told = False
            while not _locked(lock):
                if time.monotonic() > end:
                    raise InUse(
                        f"services of an earlier `pawl up` still hold {self.root}/services.lock: "
                        "end them (`fuser -v` on that file lists them), then start again"
                    )
                if not told:
                    say("waiting for the services of an earlier `pawl up` to leave")
                    told = True
                await asyncio.sleep(0.1)
            yield lock

    def _make_root(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
