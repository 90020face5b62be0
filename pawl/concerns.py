"""Judges what a service says of its storage, for those who run it."""

import re
from collections.abc import Iterator
from datetime import timedelta

from pawl.storage import Concern, Storage

GIB = 1024**3
FULL_BYTES = GIB
LOW_BYTES = 20 * GIB
LOW_SHARE = 0.05
LATE_ROUNDS = 3
OLDEST_GIT = (2, 39)
MENDED = {43: 7, 44: 4, 45: 4, 46: 4, 47: 3, 48: 2, 49: 1, 50: 1}
"""The first release of each series 2.x without CVE-2025-48384 and its siblings; later ones have
none of them, earlier ones have had no release without."""


def of(storage: Storage, *, database: str = "") -> tuple[Concern, ...]:
    """What a person should look at, the worst first.

    `database` is why the service's database does not answer; empty where it does, or has none.
    """
    found = [*_database(database), *_disks(storage), *_collections(storage), *_git(storage)]
    return tuple(sorted(found, key=lambda concern: not concern.grave))


def _database(trouble: str) -> Iterator[Concern]:
    if trouble:
        yield Concern(
            reason="DATABASE_AWAY",
            message=f"the database does not answer: {trouble}",
            remedy="Look at the disk it is on, and at who else holds it.",
            grave=True,
        )


def _disks(storage: Storage) -> Iterator[Concern]:
    for disk in storage.disks:
        what = f"{spoken_size(disk.free_bytes)} of {spoken_size(disk.size_bytes)} are free where "
        what += f"{', '.join(disk.kinds)} are"
        remedy = "Free space there, or keep less: docs/operating.md lists the limits."
        if disk.free_bytes < FULL_BYTES:
            yield Concern(reason="DISK_FULL", message=what, remedy=remedy, grave=True)
        elif disk.free_bytes < min(LOW_BYTES, LOW_SHARE * disk.size_bytes):
            yield Concern(reason="DISK_LOW", message=what, remedy=remedy, grave=False)
    for use in storage.uses:
        if use.limit_bytes and use.size_bytes > use.limit_bytes:
            yield Concern(
                reason="OVER_LIMIT",
                message=f"{use.kind} take {spoken_size(use.size_bytes)}, more than the limit of "
                f"{spoken_size(use.limit_bytes)}: what is left of them is in use",
                remedy="Raise the limit, or hold fewer jobs at once.",
                grave=False,
            )


def _collections(storage: Storage) -> Iterator[Concern]:
    last = storage.last
    if last is None:
        return
    if last.problem:
        yield Concern(
            reason="COLLECTION_FAILED",
            message=f"the last collection was broken off: {last.problem}",
            remedy="Mend what it names; the next one goes on by itself.",
            grave=True,
        )
    late = LATE_ROUNDS * (storage.round or timedelta.max / LATE_ROUNDS)
    if storage.time - last.end > late:
        yield Concern(
            reason="COLLECTION_LATE",
            message=f"the last collection ended at {last.end:%Y-%m-%d %H:%M} UTC",
            remedy="Look in the service's log for what holds the present one up.",
            grave=False,
        )


def _git(storage: Storage) -> Iterator[Concern]:
    version = storage.git_version
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    if numbers is None:
        yield Concern(
            reason="GIT_MISSING",
            message="git cannot be found or does not tell its version",
            remedy="Install git 2.39 or newer in /usr/local/bin, /usr/bin or /bin.",
            grave=True,
        )
        return
    major, minor, patch = (int(number or 0) for number in numbers.groups())
    if (major, minor) < OLDEST_GIT:
        yield Concern(
            reason="GIT_TOO_OLD",
            message=f"git {version} is older than 2.39",
            remedy="Install git 2.39 or newer.",
            grave=True,
        )
    elif major == OLDEST_GIT[0] and minor <= max(MENDED) and patch < MENDED.get(minor, patch + 1):
        yield Concern(
            reason="GIT_HOLES",
            message=f"git {version} was released with holes that are known (CVE-2025-48384)",
            remedy="Install a newer one, unless your distribution has mended it in place.",
            grave=False,
        )


def spoken_size(size_bytes: float) -> str:
    """Bytes as people say them, such as ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size_bytes) < 1024:
            return f"{size_bytes:.0f} B" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"
