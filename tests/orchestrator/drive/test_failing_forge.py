"""One job, one pull request, though the forge fails or shows things late."""

from datetime import timedelta

import pytest

from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.forge import AskedTooSoon
from services.orchestrator.jobs.job import JobOutcome, JobState
from tests.orchestrator.drive.house import House
from tests.orchestrator.drive.pulls import AWAY, done, payload_of
from tests.support.scripted_forge import unanswered, undone

UNSEEN = AskedTooSoon(Failure(Reason.PUBLISH_REJECTED, "head invalid", "Retry the job."))


@pytest.mark.parametrize("late", [0, 1, 2])
async def test_a_request_whose_answer_is_lost_is_found_again(house: House, late: int) -> None:
    house.forge.troubles = [unanswered]
    house.forge.unique = False
    house.forge.late_looks = late

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert len(house.forge.pulls) == 1
    told = await payload_of(house, job.job_id, "task.publish.pullRequestOpened")
    assert told["adopted"]


async def test_a_request_that_was_not_carried_out_is_made_again(house: House) -> None:
    house.forge.troubles = [undone, undone]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert len(house.forge.pulls) == 1
    assert house.forge.asked.count("open") == 3


async def test_a_forge_that_keeps_to_one_tells_of_what_look_ups_show_late(house: House) -> None:
    house.forge.troubles = [unanswered]
    house.forge.late_looks = 4

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert len(house.forge.pulls) == 1
    assert house.forge.asked.count("open") == 2
    assert (await payload_of(house, job.job_id, "task.publish.pullRequestOpened"))["adopted"]


async def test_a_failed_look_up_is_not_an_empty_one(house: House) -> None:
    house.forge.look_troubles = [AWAY, AWAY]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert house.forge.asked == ["look", "look", "look", "open"]


async def test_a_look_up_that_fails_is_made_again_and_not_those_before_it(house: House) -> None:
    """On a forge that failed one request in four, jobs went on looking for minutes."""
    house.forge.troubles = [undone]
    house.forge.look_troubles = [None, None, AWAY, None, AWAY, None]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert house.forge.asked == ["look", "open", *(["look"] * 5), "open"]


async def test_a_forge_that_stays_away_fails_the_job_and_a_retry_only_publishes(
    house: House,
) -> None:
    house.forge.look_troubles = [AWAY] * 500

    job = await done(house)

    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_UNAVAILABLE
    house.forge.look_troubles.clear()
    await house.store.retry(
        job.job_id, by="ann", from_step=None, ended_attempt=0, settle=timedelta()
    )
    house.claimer.wake()
    again = await house.ended(job.job_id)
    assert again.outcome is JobOutcome.PULL_REQUEST
    assert len(house.runner.started) == 1
    assert len(house.forge.pulls) == 1
    assert (await house.types(job.job_id)).count("task.publish.branchPushed") == 1


async def test_what_the_forge_does_not_see_yet_is_asked_for_again(house: House) -> None:
    """A branch that had just been pushed was no branch to the forge, and ended its job."""

    def unseen(_: object) -> object:
        raise UNSEEN

    house.forge.look_troubles = [UNSEEN]
    house.forge.troubles = [unseen]  # type: ignore[list-item]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert house.forge.asked == ["look", "look", "open", "look", "look", "look", "open"]


async def test_what_the_forge_goes_on_refusing_is_believed(house: House) -> None:
    house.forge.look_troubles = [UNSEEN] * 50

    job = await done(house)

    assert job.failure == UNSEEN.failure
    assert house.forge.asked == ["look"] * 3
