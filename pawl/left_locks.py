"""Lock files that a git process left behind when it was killed."""

import asyncio
import re
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import structlog

LOOKS = timedelta(seconds=0.1)
_COMPLAINT = re.compile(r"Unable to create '(?P<file>[^\n]+\.lock)': File exists")

logger = structlog.get_logger(__name__)


async def freed(words: str, *, within: Sequence[Path], age: timedelta) -> bool:
    """Whether the lock that git complains of in `words` is gone, so that git can be asked again.

    Git locks a reference or an index for moments. One that dies meanwhile, as in a power cut,
    leaves the file, and every later git gives up in front of it. So this waits for the holder,
    and removes a lock file below `within` that is older than `age`, or that was the same for so
    long: a clock that was put back dates locks into the future. False where the words complain of
    no such lock, or of one that is renewed all the time.
    """
    complaint = _COMPLAINT.search(words)
    if complaint is None:
        return False
    lock = Path(complaint["file"])
    if ".." in lock.parts or not any(lock.is_relative_to(folder) for folder in within):
        return False
    seconds = age.total_seconds()
    begun, first = time.monotonic(), _identity(lock)
    while (waited := time.monotonic() - begun) < 2 * seconds:
        if not lock.exists():
            return True
        if _is_old(lock, age) or (waited > seconds and _identity(lock) == first):
            # Git takes the locks of all references it is about to move, and dies with all.
            others = (left for folder in within for left in (folder / "refs").rglob("*.lock"))
            for left in (lock, *(other for other in others if _is_old(other, age))):
                logger.warning("lock_removed", file=str(left))
                left.unlink(missing_ok=True)
            return True
        await asyncio.sleep(LOOKS.total_seconds())
    return False


def _identity(lock: Path) -> tuple[int, int] | None:
    """What tells a lock from another of the same name, taken later."""
    try:
        seen = lock.lstat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_mtime_ns


def _is_old(lock: Path, age: timedelta) -> bool:
    try:
        return time.time() - lock.lstat().st_mtime > age.total_seconds()
    except FileNotFoundError:
        return False
