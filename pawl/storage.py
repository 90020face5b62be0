"""What a service keeps on its disks, and what its collector did last."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

GIT_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much there is of one kind of thing."""

    kind: str
    """`artifacts`, `caches`, … as docs/operating.md lists them."""
    count: int = 0
    size_bytes: int = 0
    oldest: datetime | None = None
    """What the time counts from after which it may go; None where there is nothing."""
    retention: timedelta | None = None
    """None is for ever."""
    limit_bytes: int = 0
    """0 is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A file system that something is kept on."""

    kinds: tuple[str, ...]
    size_bytes: int
    free_bytes: int
    """For this service's user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What a collection removed of one kind."""

    kind: str
    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One round of a collector."""

    start: datetime
    end: datetime
    removed: tuple[Removed, ...] = ()
    problem: str = ""
    """Why it ended before its end, for people; empty where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """Something that a person should look at."""

    reason: str
    message: str
    remedy: str
    grave: bool
    """Something does not work, or soon will not; else it is good to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """All of it, as it was when the last collection ended; disks as they are now."""

    time: datetime
    """Now, by the service's clock."""
    git_version: str = ""
    uses: tuple[Use, ...] = ()
    """Empty until it was measured for the first time."""
    disks: tuple[Disk, ...] = ()
    last: Collection | None = None
    round: timedelta | None = None
    """From one collection to the next."""
    concerns: tuple[Concern, ...] = ()


def size_of(folder: Path) -> int:
    """The bytes of all files below; what goes meanwhile counts or does not. Blocks."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
            except OSError:
                continue
    return total


def disks(folders: Mapping[str, Path]) -> tuple[Disk, ...]:
    """The file systems that the folders of each kind lie on; those that are not there yet do not.

    A disk that does not answer is left out: nothing may hang on a look at it.
    """
    found: dict[int, list[str]] = {}
    places: dict[int, Path] = {}
    for kind, folder in folders.items():
        try:
            device = folder.stat().st_dev
        except OSError:
            continue
        found.setdefault(device, []).append(kind)
        places.setdefault(device, folder)
    return tuple(_disks(found, places))


def _disks(found: Mapping[int, list[str]], places: Mapping[int, Path]) -> Iterator[Disk]:
    for device, kinds in found.items():
        try:
            seen = os.statvfs(places[device])
        except OSError:
            continue
        yield Disk(
            kinds=tuple(kinds),
            size_bytes=seen.f_blocks * seen.f_frsize,
            free_bytes=seen.f_bavail * seen.f_frsize,
        )


def git_version(path: str = GIT_PATH) -> str:
    """What git says of itself, such as ``2.39.5``; empty where there is none. Blocks."""
    git = shutil.which("git", path=path)
    if git is None:
        return ""
    try:
        said = subprocess.run(
            [git, "version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
            env={"PATH": path, "LC_ALL": "C"},
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.removeprefix("git version ").strip()


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)
