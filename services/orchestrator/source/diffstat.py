"""Counts what changed between two trees, path by path."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from services.orchestrator.jobs.report import FileChange
from services.orchestrator.source.git import OBJECT_ID
from services.orchestrator.source.mirror import Mirror

READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Diffstat:
    """The first changes, and how many there are."""

    first: tuple[FileChange, ...]
    total: int


async def diffstat(
    mirror: Mirror, before: str, after: str, *, first: int, scratch: Path
) -> Diffstat:
    """The changes from `before` to `after` (commits or trees), the `first` of them by path.

    A rename is a removal and an addition. Git writes to a file below `scratch`: there may be
    more paths than fit into memory.
    """
    if not OBJECT_ID.fullmatch(before) or not OBJECT_ID.fullmatch(after):
        raise ValueError("a diffstat needs full ids")
    listing = scratch / "numstat"
    await mirror.run(
        "diff-tree",
        "-r",
        "-z",
        "--numstat",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        before,
        after,
        stdout=listing,
    )
    kept: list[FileChange] = []
    total = 0
    with listing.open("rb") as file:
        for record in _records(file):
            total += 1
            if total <= first:
                kept.append(_change(record))
    listing.unlink()
    return Diffstat(first=tuple(kept), total=total)


def _records(file: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := file.read(READ_BYTES):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole


def _change(record: bytes) -> FileChange:
    added, removed, path = record.split(b"\t", 2)
    return FileChange(
        path=path.decode("utf-8", "backslashreplace"),
        added=None if added == b"-" else int(added),
        removed=None if removed == b"-" else int(removed),
    )
