"""When the platform tries again, when it gives up."""

from datetime import timedelta

import pytest

from services.orchestrator.jobs.retries import LONGEST_BACK_OFF, GiveUp, Retry, after_loss


def test_the_pause_doubles_with_each_loss() -> None:
    pauses = [after_loss(losses, 100) for losses in (1, 2, 3)]

    assert pauses == [
        Retry(timedelta(seconds=1)),
        Retry(timedelta(seconds=2)),
        Retry(timedelta(seconds=4)),
    ]


def test_the_pause_stays_bounded() -> None:
    assert after_loss(99, 100) == Retry(LONGEST_BACK_OFF)


@pytest.mark.parametrize(("losses", "max_attempts"), [(1, 1), (3, 3), (4, 3)])
def test_as_many_losses_as_attempts_are_enough(losses: int, max_attempts: int) -> None:
    assert after_loss(losses, max_attempts) == GiveUp()


def test_jitter_takes_up_to_half_away() -> None:
    assert after_loss(2, 9, jitter=1) == Retry(timedelta(seconds=1))
    assert after_loss(2, 9, jitter=0.5) == Retry(timedelta(seconds=1.5))


@pytest.mark.parametrize(
    ("losses", "max_attempts", "jitter"), [(0, 3, 0.0), (1, 0, 0.0), (1, 3, 1.5)]
)
def test_numbers_that_make_no_sense_are_a_defect(
    losses: int, max_attempts: int, jitter: float
) -> None:
    with pytest.raises(ValueError, match="count from 1"):
        after_loss(losses, max_attempts, jitter=jitter)
