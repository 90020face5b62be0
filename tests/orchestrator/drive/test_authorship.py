"""Published commits say who made them and for which plan, and what is frozen stays so."""

from dataclasses import replace
from datetime import timedelta

from services.orchestrator.jobs.forge import ForgeAway
from services.orchestrator.jobs.identity import Identity
from services.orchestrator.jobs.job import Job, JobOutcome, JobState
from tests.orchestrator.drive.house import House, plan
from tests.support.repositories import git
from tests.support.stage import Stage

ACME = Identity(name="Acme Bot", email="bot@acme.example")


async def writes(stage: Stage) -> None:
    (stage.tree / "a").write_text("new\n")


def now_by(house: House, author: Identity) -> None:
    """The orchestrator goes on with another setting."""
    house.claimer._tools = replace(house.claimer._tools, author=author)


def told(house: House, job: Job, form: str) -> str:
    return git(house.origin, "log", "-1", f"--format={form}", job.working_branch)


async def test_a_commit_is_the_operators_and_its_trailer_names_job_and_plan(house: House) -> None:
    now_by(house, ACME)

    job = await house.ended(await house.submit(writes))

    assert told(house, job, "%an <%ae> %cn <%ce>") == " ".join(["Acme Bot <bot@acme.example>"] * 2)
    trailer = told(house, job, "%(trailers:key=Pawl-Job,valueonly)").strip()
    assert trailer == f"{job.job_id} {'0' * 64}"


async def test_a_retried_job_keeps_the_commit_that_was_frozen(house: House) -> None:
    """The setting was changed between the two tries; the branch must not need to be forced."""
    house.forge.look_troubles = [ForgeAway("scripted to be away")] * 500
    request = plan(house.origin, steps=1, mode="pr")
    failed = await house.ended(await house.submit(writes, request=request))
    assert failed.state is JobState.FAILED
    house.forge.look_troubles.clear()
    now_by(house, ACME)

    await house.store.retry(
        failed.job_id, by="ann", from_step=None, ended_attempt=0, settle=timedelta()
    )
    house.claimer.wake()
    job = await house.ended(failed.job_id)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert job.published_commit == failed.published_commit
    assert told(house, job, "%an") == "Pawl"
