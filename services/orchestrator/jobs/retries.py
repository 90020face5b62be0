"""What follows when the platform has lost a job's run."""

from dataclasses import dataclass
from datetime import datetime, timedelta

DEFAULT_MAX_ATTEMPTS = 3
"""Losses in a row that a job may have, where its submit does not say."""

FIRST_BACK_OFF = timedelta(seconds=1)
LONGEST_BACK_OFF = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Retry:
    """Start the step again, after a pause."""

    back_off: timedelta


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job has been lost as often in a row as it may be."""


def after_loss(losses: int, max_attempts: int, *, jitter: float = 0.0) -> Retry | GiveUp:
    """What to do after the `losses`-th loss in a row; from 1.

    The pause doubles with each loss. `jitter`, from 0 to 1, takes up to half of it
    away, so that jobs that were lost together do not come back together.
    """
    if losses < 1 or max_attempts < 1 or not 0 <= jitter <= 1:
        raise ValueError("losses and max_attempts count from 1, jitter lies between 0 and 1")
    if losses >= max_attempts:
        return GiveUp()
    # The exponent is bounded before the multiplication is: a timedelta overflows.
    pause = min(FIRST_BACK_OFF * 2 ** min(losses - 1, 16), LONGEST_BACK_OFF)
    return Retry(pause * (1 - jitter / 2))


FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)


def after_rate_limit(attempt: int, *, now: datetime, reset_time: datetime | None) -> timedelta:
    """How long to leave a provider alone that takes no more requests.

    Until it said it would take them again; where it said nothing, longer with each attempt.
    """
    if reset_time is not None:
        return max(reset_time - now, FIRST_BACK_OFF)
    doubled: int = 2 ** min(attempt - 1, 16)
    return min(FIRST_WAIT * doubled, LONGEST_WAIT)
