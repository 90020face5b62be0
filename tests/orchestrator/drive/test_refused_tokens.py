"""What becomes of a job whose token the forge refuses."""

from datetime import timedelta

from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.forge import TokenRefused
from services.orchestrator.jobs.job import JobOutcome
from services.orchestrator.source.keys import KeyAway
from tests.orchestrator.drive.house import House
from tests.orchestrator.drive.pulls import done
from tests.support.repositories import git


async def test_a_refused_token_is_renewed_once(house: House) -> None:
    house.forge.refused = {"token-1"}
    house.forge.fresh = ["token-2"]

    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST


async def test_a_key_that_is_away_as_the_token_is_refused_is_waited_for(house: House) -> None:
    """Trouble with getting another token once went past every wait and ended the job."""
    house.forge.renewal_troubles += [KeyAway("scripted to be away"), KeyAway("still")]
    house.forge.refused, house.forge.fresh = {"token-1"}, ["token-2"]
    job = await done(house)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert house.forge.tokens == ["token-1", "token-2"]


async def test_what_was_made_for_a_claim_is_given_back_after_prepare_and_at_its_end(
    house: House,
) -> None:
    job = await done(house)

    # A job has ended before its driver is through.
    await house.left(job.job_id)
    assert house.forge.released == [f"{job.job_id}/{job.epoch}"] * 2


async def test_without_a_better_token_the_job_waits_for_one_and_runs_no_step_again(
    house: House,
) -> None:
    house.forge.refused = {"token-1"}

    job = await done(house)

    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_AUTH
    assert job.published_commit == git(house.origin, "rev-parse", job.working_branch)
    house.forge.refused.clear()
    await house.store.retry(
        job.job_id, by="ann", from_step=None, ended_attempt=0, settle=timedelta()
    )
    house.claimer.wake()
    assert (await house.ended(job.job_id)).outcome is JobOutcome.PULL_REQUEST
    assert len(house.runner.started) == 1


async def test_a_token_that_may_look_and_not_open_ends_the_tries(house: House) -> None:
    """A look-up that went well made the next token a first one again, and so without end."""

    def refused(_: object) -> object:
        raise TokenRefused("not with this token")

    house.forge.troubles = [refused] * 50  # type: ignore[list-item]

    job = await done(house)

    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_AUTH
    assert house.forge.asked.count("open") == 4


async def test_a_token_that_the_forge_has_just_made_may_be_refused_for_a_moment(
    house: House,
) -> None:
    """GitHub's servers hear of a new token one after the other."""

    def refused(_: object) -> object:
        raise TokenRefused("not known yet")

    house.forge.troubles = [refused] * 3  # type: ignore[list-item]

    assert (await done(house)).outcome is JobOutcome.PULL_REQUEST
