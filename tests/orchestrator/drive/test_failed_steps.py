"""What becomes of a job whose step has failed."""

from collections.abc import AsyncIterator
from typing import Any, NoReturn

import pytest

from services.orchestrator.drive.ports import Alive, Message, RunOrder
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.jobs.job import JobOutcome, JobState, NewEvent, StepState
from tests.orchestrator.drive.house import House
from tests.orchestrator.drive.scripts import fails, nothing, writes
from tests.support.stage import Stage


async def test_a_failed_step_ends_the_job_and_nothing_is_published(house: House) -> None:
    job_id = await house.submit(writes("a"), fails, writes("c"))

    job = await house.ended(job_id)

    assert (job.state, job.outcome) == (JobState.FAILED, JobOutcome.FAILED)
    assert job.failure is not None
    assert (job.failure.reason, job.failure.step_index) == (Reason.AGENT_EXIT, 1)
    assert [step.state for step in job.steps] == [
        StepState.SUCCEEDED,
        StepState.FAILED,
        StepState.PENDING,
    ]
    assert house.branches() == ["main"]
    assert "half" in await house.text(job_id, "patches/steps/step-0001.partial.patch")
    assert (await house.types(job_id))[-1] == "job.failed"


async def test_a_failed_step_is_not_run_again_when_its_owner_is_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next owner once started it anew, under the name of the attempt that had failed."""
    end_step = house.store.end_step

    async def lost_behind_it(claim: Claim, *events: NewEvent, **end: Any) -> None:
        await end_step(claim, *events, **end)
        house.claimer._drivers[claim.job_id].leave()

    monkeypatch.setattr(house.store, "end_step", lost_behind_it)
    job_id = await house.submit(fails)
    await house.until(job_id, "task.step.failed")
    await house.lapse(job_id)

    job = await house.ended(job_id)

    assert (job.epoch, job.state) == (2, JobState.FAILED)
    assert job.failure is not None
    assert (job.failure.reason, job.failure.step_index) == (Reason.AGENT_EXIT, 0)
    assert job.failure.remedy == "Read the log."
    assert house.runner.started == [f"{job_id}/1/0"]
    assert (await house.types(job_id)).count("task.step.failed") == 1


async def test_a_run_that_is_refused_fails_its_step_and_then_the_job(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: RunOrder, **__: Any) -> AsyncIterator[Message]:
        raise failed(Reason.AGENT_UNAVAILABLE, "no such CLI", "Install it.")
        yield Alive()

    monkeypatch.setattr(house.runner, "follow", refused)
    job_id = await house.submit(nothing)

    job = await house.ended(job_id)

    assert (job.state, job.steps[0].state) == (JobState.FAILED, StepState.FAILED)
    assert job.failure is not None
    assert (job.failure.reason, job.failure.step_index) == (Reason.AGENT_UNAVAILABLE, 0)


async def test_a_full_disk_fails_the_step_and_the_job_for_what_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job could once not end without its logs, and was buried as poison."""

    async def full(*_: Any) -> NoReturn:
        raise failed(Reason.STORAGE_FULL, "no room is left", "Free some.")

    async def fills_the_disk(stage: Stage) -> None:
        for put in ("put_bytes", "put_file", "put_segment"):
            monkeypatch.setattr(house.artifacts, put, full)
        stage.say("too much")

    job_id = await house.submit(fills_the_disk)

    job = await house.ended(job_id)

    assert (job.epoch, job.state, job.steps[0].state) == (1, JobState.FAILED, StepState.FAILED)
    assert job.failure is not None
    assert (job.failure.reason, job.failure.step_index) == (Reason.STORAGE_FULL, 0)
