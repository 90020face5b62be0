"""What became of jobs, bucket by bucket of a span of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.orchestrator.jobs.job import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How some lengths of time are spread."""

    jobs: int
    """How many jobs have one."""
    sampled: int
    """How many of those, the newest, the quantiles are of."""
    p50: timedelta
    p90: timedelta
    longest: timedelta
    """Of all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What became of jobs in one stretch of time."""

    start: datetime
    submitted: int
    ended: Mapping[JobState, int]
    """What there is none of is left out."""
    took: Lengths | None
    """From the first claim to the end; None where that is not known of any."""
    waited: Lengths | None
    """From when it was opened to that claim; None where that is not known of any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Read at one moment, by the database's clock."""

    now: datetime
    length: timedelta
    """Of each bucket."""
    buckets: tuple[Bucket, ...]
    """The oldest first; the last is under way."""


def quantile(ascending: Sequence[int], percent: int) -> int:
    """The smallest of some values that so many per cent of them do not surpass."""
    return ascending[(len(ascending) * percent + 99) // 100 - 1]
