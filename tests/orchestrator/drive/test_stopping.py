"""A job is CANCELLED when nothing of it runs, and not before."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.jobs.job import JobId, JobState, StepState
from services.orchestrator.jobs.paths import RECEIPT
from tests.orchestrator.drive.house import QUICK, House, house_at, plan
from tests.support.stage import Dies, Stage


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[House]:
    """One that gives up no process for as long as a test lasts."""
    async with house_at(tmp_path, replace(QUICK, survivors=timedelta(minutes=1))) as standing:
        yield standing


async def works_until_stopped(stage: Stage) -> None:
    stage.say("working")
    await stage.stopped.wait()


async def dies(stage: Stage) -> None:
    raise Dies


async def works(stage: Stage) -> None:
    (stage.tree / "new.txt").write_text("new\n")


async def in_mid_step(house: House) -> JobId:
    job_id = await house.submit(works_until_stopped)
    await house.until(job_id, "task.step.started")
    await house.runs()
    return job_id


async def cancel(house: House, job_id: JobId) -> None:
    await house.store.request_cancel(job_id, by="ada", reason="enough")
    house.claimer.cancel(job_id)


async def receipt(house: House, job_id: JobId) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(await house.text(job_id, RECEIPT))
    return kept


async def last_payload(house: House, job_id: JobId) -> Any:
    return (await house.events(job_id))[-1].payload


async def test_a_job_is_cancelled_once_its_last_process_has_gone(patient: House) -> None:
    patient.runner.survivors.append("stubborn")
    job_id = await in_mid_step(patient)

    await cancel(patient, job_id)
    await patient.until(job_id, "task.step.protocolWarning")
    before = await patient.job(job_id)
    patient.runner.survivors.clear()
    job = await patient.ended(job_id)

    assert before.state is JobState.RUNNING
    assert job.state is JobState.CANCELLED
    assert (await receipt(patient, job_id))["survivors"] == []
    assert (await patient.types(job_id)).count("task.step.protocolWarning") == 1


async def test_a_job_whose_processes_do_not_go_is_given_up_and_not_cancelled(house: House) -> None:
    house.runner.survivors.append("stubborn")
    job_id = await in_mid_step(house)

    await cancel(house, job_id)
    job = await house.ended(job_id)

    assert (job.state, job.steps[0].state) == (JobState.DEAD_LETTER, StepState.FAILED)
    assert job.failure is not None
    assert job.failure.reason is Reason.RUNNER_UNAVAILABLE
    assert "stubborn (2)" in job.failure.message
    assert (await receipt(house, job_id))["survivors"] == [{"pid": 2, "name": "stubborn"}]


async def test_a_job_whose_runner_is_away_is_cancelled_once_its_lease_has_run_out(
    hasty: House,
) -> None:
    job_id = await in_mid_step(hasty)
    loop = asyncio.get_running_loop()
    hasty.runner.unreachable = True
    began = loop.time()

    await cancel(hasty, job_id)
    job = await hasty.ended(job_id)

    assert job.state is JobState.CANCELLED
    assert loop.time() - began > 1  # a run lease
    kept = await receipt(hasty, job_id)
    assert "could not be reached" in kept["presumed"]
    assert "could not be reached" in (await last_payload(hasty, job_id))["receipt"]["presumed"]


async def test_an_answer_that_cannot_be_understood_cancels_no_job(house: House) -> None:
    """The job was once CANCELLED with an empty receipt, and its agent worked on."""
    house.runner.puzzles.append(failed(Reason.INTERNAL, "the runner refused: HUH", "Look."))
    job_id = await in_mid_step(house)

    await cancel(house, job_id)
    job = await house.ended(job_id)

    assert job.state is JobState.CANCELLED
    assert (await receipt(house, job_id))["before"] == [{"pid": 1, "name": "agent"}]


async def test_the_event_of_the_end_carries_the_receipt(house: House) -> None:
    job_id = await in_mid_step(house)

    await cancel(house, job_id)
    await house.ended(job_id)

    told = (await last_payload(house, job_id))["receipt"]
    kept = await receipt(house, job_id)
    assert told["before"] == [{"pid": 1, "name": "agent"}]
    assert {name: kept[name] for name in told} == told
    assert kept["requestedBy"] == "ada"
    assert kept["runId"] == f"{job_id}/1/0"


async def test_a_job_that_is_stopped_between_steps_has_a_receipt_too(house: House) -> None:
    house.runner.full = True
    job_id = await house.submit(works, request=plan(house.origin, steps=1))
    claim = await house.store.claim(job_id, owner="another", term=house.term)
    assert claim is not None
    await house.store.request_cancel(job_id, by="ada", reason="enough")
    await house.store.give_up("another")

    job = await house.ended(job_id)

    assert job.state is JobState.CANCELLED
    assert (await receipt(house, job_id))["runId"] == ""
    assert (await last_payload(house, job_id))["receipt"]["survivors"] == []


async def test_a_lost_run_is_not_followed_by_another_while_its_processes_live(
    patient: House,
) -> None:
    patient.runner.survivors.append("stubborn")
    job_id = await patient.submit(dies, works, request=plan(patient.origin, steps=1))

    await patient.until(job_id, "task.step.protocolWarning")
    started = list(patient.runner.started)
    patient.runner.survivors.clear()
    job = await patient.ended(job_id)

    assert started == [f"{job_id}/1/0"]
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)


async def test_a_step_is_not_followed_by_the_next_while_its_processes_live(patient: House) -> None:
    patient.runner.survivors.append("stubborn")
    job_id = await patient.submit(works, works)

    await patient.until(job_id, "task.step.protocolWarning")
    types = await patient.types(job_id)
    patient.runner.survivors.clear()
    job = await patient.ended(job_id)

    assert "task.step.finished" not in types
    assert job.state is JobState.SUCCEEDED


async def test_a_step_whose_processes_never_go_ends_its_job(house: House) -> None:
    house.runner.survivors.append("stubborn")
    job_id = await house.submit(works, works)

    job = await house.ended(job_id)

    assert (job.state, house.runner.started) == (JobState.DEAD_LETTER, [f"{job_id}/1/0"])


async def test_a_job_that_was_to_be_cancelled_is_cancelled_although_its_run_was_lost(
    house: House,
) -> None:
    requested = asyncio.Event()

    async def dies_on_request(stage: Stage) -> None:
        await requested.wait()
        raise Dies

    job_id = await house.submit(*3 * [dies_on_request], request=plan(house.origin, steps=1))
    await house.until(job_id, "task.step.started")
    await house.runs()
    await house.store.request_cancel(job_id, by="ada", reason="")
    requested.set()

    job = await house.ended(job_id)

    assert job.state is JobState.CANCELLED
