"""What is worth a person's look, and what is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pawl import concerns
from pawl.storage import Collection, Disk, Storage, Use

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
GIB = 1024**3
WELL = Storage(
    time=NOW,
    git_version="2.50.1",
    disks=(Disk(kinds=("artifacts", "mirrors"), size_bytes=100 * GIB, free_bytes=50 * GIB),),
    last=Collection(start=NOW - timedelta(minutes=2), end=NOW - timedelta(minutes=1)),
    round=timedelta(hours=1),
)


def reasons(storage: Storage, database: str = "") -> list[tuple[str, bool]]:
    return [(one.reason, one.grave) for one in concerns.of(storage, database=database)]


def test_there_is_nothing_to_look_at_where_all_is_well() -> None:
    assert reasons(WELL) == []


def test_before_the_first_collection_nothing_is_late() -> None:
    assert reasons(replace(WELL, last=None)) == []


@pytest.mark.parametrize(
    ("free", "found"),
    [
        (GIB - 1, [("DISK_FULL", True)]),
        (5 * GIB - 1, [("DISK_LOW", False)]),
        (5 * GIB, []),
    ],
)
def test_a_disk_gets_low_before_it_is_full(free: int, found: list[tuple[str, bool]]) -> None:
    disk = replace(WELL.disks[0], free_bytes=free)

    assert reasons(replace(WELL, disks=(disk,))) == found


def test_a_collection_that_failed_is_told_with_why() -> None:
    last = Collection(start=NOW, end=NOW, problem="the bucket is away")

    (one,) = concerns.of(replace(WELL, last=last))

    assert (one.reason, one.grave) == ("COLLECTION_FAILED", True)
    assert "the bucket is away" in one.message


def test_a_collection_that_does_not_come_is_late() -> None:
    then = NOW - timedelta(hours=3, minutes=1)

    assert reasons(replace(WELL, last=Collection(start=then, end=then))) == [
        ("COLLECTION_LATE", False)
    ]


def test_what_is_beyond_its_limit_is_told() -> None:
    use = Use(kind="caches", size_bytes=3 * GIB, limit_bytes=2 * GIB)

    (one,) = concerns.of(replace(WELL, uses=(use,)))

    assert one.reason == "OVER_LIMIT"
    assert one.message.startswith("caches take 3.0 GiB, more than the limit of 2.0 GiB")


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("", [("GIT_MISSING", True)]),
        ("2.38.9", [("GIT_TOO_OLD", True)]),
        ("1.9", [("GIT_TOO_OLD", True)]),
        ("2.39.5", [("GIT_HOLES", False)]),
        ("2.43.6", [("GIT_HOLES", False)]),
        ("2.43.7", []),
        ("2.50.0", [("GIT_HOLES", False)]),
        ("2.50.1", []),
        ("2.51.0.rc1", []),
        ("3.0.0", []),
    ],
)
def test_versions_of_git_are_known(version: str, found: list[tuple[str, bool]]) -> None:
    assert reasons(replace(WELL, git_version=version)) == found


def test_what_is_grave_comes_first() -> None:
    low = replace(WELL.disks[0], free_bytes=2 * GIB)

    found = reasons(replace(WELL, disks=(low,), git_version="2.39.5"), database="it is locked")

    assert found == [("DATABASE_AWAY", True), ("DISK_LOW", False), ("GIT_HOLES", False)]


@pytest.mark.parametrize(
    ("size", "spoken"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * GIB, "3.0 GiB"), (2**41, "2.0 TiB")],
)
def test_sizes_are_spoken(size: int, spoken: str) -> None:
    assert concerns.spoken_size(size) == spoken
