"""How a job finds its first owner, or its next one."""

import asyncio
from typing import Any

import pytest

from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.job import JobId, JobState
from tests.orchestrator.drive.house import House
from tests.orchestrator.drive.scripts import nothing, writes
from tests.support.stage import Stage


async def test_no_room_sends_the_job_back_at_no_cost(house: House) -> None:
    house.runner.full = True
    job_id = await house.submit(writes("a"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert (await house.job(job_id)).state is JobState.QUEUED

    house.runner.full = False
    house.claimer.wake()
    job = await house.ended(job_id)

    assert job.state is JobState.SUCCEEDED


@pytest.mark.parametrize("question", ["claim", "job"])
async def test_no_slot_stays_promised_when_the_database_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """Each such moment once took a slot from the runner for the life of the process."""
    asked, refusals = getattr(house.store, question), [StoreAway("scripted")]

    async def away(job_id: JobId, **how: Any) -> Any:
        if refusals and house.fleet.reserved:
            raise refusals.pop()
        return await asked(job_id, **how)

    monkeypatch.setattr(house.store, question, away)
    job_id = await house.submit(nothing)
    await house.exhausted(refusals)
    await house.lapse(job_id)

    job = await house.ended(job_id)
    await house.left(job_id)

    assert (job.state, refusals, house.fleet.reserved) == (JobState.SUCCEEDED, [], [])


async def test_a_claim_that_was_made_without_an_answer_is_driven_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, unanswered = house.store.claim, [StoreAway("scripted")]

    async def made(job_id: JobId, **how: Any) -> Any:
        made = await claim(job_id, **how)
        if unanswered and made is not None:
            raise unanswered.pop()
        return made

    monkeypatch.setattr(house.store, "claim", made)
    job_id = await house.submit(nothing)

    job = await house.ended(job_id)
    await house.left(job_id)

    # Under the first claim: nobody had to wait for its lease to run out.
    assert (job.state, job.epoch, unanswered) == (JobState.SUCCEEDED, 1, [])
    assert house.fleet.reserved == []


async def adopted(house: House, *, begun: bool) -> None:
    """Lets the owner leave around the start of a run; the next one sees it through."""
    go_on = asyncio.Event()

    async def waits(stage: Stage) -> None:
        stage.say("before")
        await go_on.wait()
        stage.say("after")
        (stage.tree / "a").write_text("new\n")

    job_id = await house.submit(waits)
    await house.until(job_id, "task.step.started")
    if begun:
        await house.runs()

    await house.desert(job_id)
    await house.until(job_id, "job.resumed")
    go_on.set()
    job = await house.ended(job_id)

    assert job.state is JobState.SUCCEEDED
    assert (job.epoch, job.attempt) == (2, 1)
    assert house.runner.started == [f"{job_id}/1/0"]
    assert await house.text(job_id, "logs/steps/step-0000.log") == "before\nafter\n"


async def test_a_new_owner_adopts_the_run_that_is_alive(house: House) -> None:
    await adopted(house, begun=True)


async def test_a_new_owner_asks_for_the_run_its_predecessor_did_not(house: House) -> None:
    await adopted(house, begun=False)
