"""How a cancel request reaches a job, whoever drives it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from services.orchestrator.jobs.job import JobOutcome, JobState, StepState
from tests.orchestrator.drive.house import QUICK, House, house_at, plan
from tests.orchestrator.drive.scripts import dies, waits_for_the_stop


async def test_a_cancelled_step_keeps_its_work_and_its_receipt(house: House) -> None:
    """It once failed on a busy machine: the cancel came before there was work to be kept."""
    job_id = await house.submit(waits_for_the_stop)
    await house.until(job_id, "task.step.started")
    await house.runs()

    await house.store.request_cancel(job_id, by="ada", reason="enough")
    house.claimer.cancel(job_id)
    job = await house.ended(job_id)

    assert (job.state, job.outcome) == (JobState.CANCELLED, JobOutcome.CANCELLED)
    types = await house.types(job_id)
    assert "task.step.cancelled" in types
    assert types[-1] == "job.cancelled"
    assert not {"task.step.failed", "task.step.finished", "job.failed"} & set(types)
    assert "half" in await house.text(job_id, "patches/steps/step-0000.partial.patch")
    assert '"requestedBy": "ada"' in await house.text(job_id, "receipts/cancel.json")
    assert house.branches() == ["main"]


async def test_a_cancel_that_only_the_lease_sees_stops_the_job_too(tmp_path: Path) -> None:
    async with house_at(tmp_path, replace(QUICK, lease=timedelta(seconds=3))) as house:
        job_id = await house.submit(waits_for_the_stop)
        await house.until(job_id, "task.step.started")

        await house.store.request_cancel(job_id, by="ada", reason="")
        job = await house.ended(job_id)

        assert job.state is JobState.CANCELLED


async def test_a_new_owner_stops_the_run_of_a_job_that_is_to_be_cancelled(house: House) -> None:
    """It once ended the job alone: its step stayed RUNNING for ever, and nothing told of it."""
    job_id = await house.submit(waits_for_the_stop)
    await house.until(job_id, "task.step.started")
    await house.runs()

    # Nobody tells the claimer: the next owner finds the request as it takes over.
    await house.store.request_cancel(job_id, by="ada", reason="")
    await house.desert(job_id)
    job = await house.ended(job_id)

    assert (job.epoch, job.state) == (2, JobState.CANCELLED)
    assert job.steps[0].state is StepState.CANCELLED
    assert (await house.types(job_id))[-3:] == [
        "task.step.cancelled",
        "task.stage.cancelled",
        "job.cancelled",
    ]
    assert '"requestedBy": "ada"' in await house.text(job_id, "receipts/cancel.json")


async def test_a_job_between_workspaces_can_be_cancelled_when_no_runner_has_room(
    house: House,
) -> None:
    """Nobody once took it up for want of a slot, so nobody saw the request."""
    job_id = await house.submit(dies, request=plan(house.origin, steps=1))
    await house.until(job_id, "task.step.lost")
    await house.homeless(job_id)

    house.runner.full = True
    await house.desert(job_id)
    await house.store.request_cancel(job_id, by="ada", reason="")
    job = await house.ended(job_id)

    assert job.state is JobState.CANCELLED
