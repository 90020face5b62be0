"""A job that publishes holds neither workspace nor slot, however long its forge takes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.forge import ForgeAway
from services.orchestrator.jobs.job import JobId, JobOutcome, JobState
from services.orchestrator.jobs.plan import Stage as JobStage
from tests.orchestrator.drive.house import QUICK, House, house_at, plan
from tests.support.stage import Stage

PACE = replace(
    QUICK,
    tidy=timedelta(seconds=0.05),
    least_patience=timedelta(seconds=8),
    most_patience=timedelta(seconds=8),
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(tmp_path, PACE) as standing:
        yield standing


async def writes(stage: Stage) -> None:
    (stage.tree / "a").write_text("new\n")


async def kept_waiting(house: House) -> JobId:
    """A job whose forge does not answer yet."""
    house.forge.look_troubles = [ForgeAway("scripted to be away")] * 500
    job_id = await house.submit(writes, request=plan(house.origin, steps=1, mode="pr"))
    await house.until(job_id, "task.publish.branchPushed")
    return job_id


async def test_the_workspace_goes_while_the_forge_is_waited_for(house: House) -> None:
    job_id = await kept_waiting(house)

    await house.tidied()

    job = await house.job(job_id)
    assert (job.state, job.stage) == (JobState.RUNNING, JobStage.PUBLISH)
    assert (job.workspace_id, job.runner_id) == ("", "")
    house.forge.look_troubles.clear()
    assert (await house.ended(job_id)).outcome is JobOutcome.PULL_REQUEST


async def test_who_takes_over_needs_neither_runner_nor_slot(house: House) -> None:
    job_id = await kept_waiting(house)
    await house.tidied()
    house.runner.full = house.runner.unreachable = True

    await house.desert(job_id)
    house.forge.look_troubles.clear()
    job = await house.ended(job_id)

    assert job.outcome is JobOutcome.PULL_REQUEST
    assert (job.epoch, job.workspace_count) == (2, 1)


async def test_who_takes_over_keeps_no_slot_from_others(house: House) -> None:
    job_id = await kept_waiting(house)
    await house.tidied()

    await house.desert(job_id)
    while (await house.job(job_id)).epoch == 1 or house.fleet.reserved:
        await house._moment()

    assert (await house.job(job_id)).state is JobState.RUNNING
    house.forge.look_troubles.clear()
    await house.ended(job_id)


async def test_a_retry_that_only_publishes_waits_for_no_runner(house: House) -> None:
    """Once a full fleet kept a finished result from being published."""
    house.forge.refused = {"token-1"}
    failed = await house.ended(
        await house.submit(writes, request=plan(house.origin, steps=1, mode="pr"))
    )
    assert failed.state is JobState.FAILED
    house.forge.refused.clear()
    house.runner.full = house.runner.unreachable = True

    await house.store.retry(
        failed.job_id, by="ann", from_step=None, ended_attempt=0, settle=timedelta()
    )
    house.claimer.wake()

    assert (await house.ended(failed.job_id)).outcome is JobOutcome.PULL_REQUEST
    assert house.fleet.reserved == []


async def test_an_owner_that_is_lost_before_it_let_go_leaves_that_to_the_next(
    house: House,
) -> None:
    unhouse, troubles = house.store.unhouse, [StoreAway("scripted to be away")]

    async def failing(claim: Any) -> None:
        if troubles:
            raise troubles.pop()
        await unhouse(claim)

    house.store.unhouse = failing  # type: ignore[method-assign]

    job_id = await house.submit(writes)
    await house.until(job_id, "task.step.finished")
    await house.lapse(job_id)
    job = await house.ended(job_id)
    await house.tidied()

    assert (job.outcome, job.epoch) == (JobOutcome.BRANCH, 2)
    assert job.workspace_id == ""


async def test_a_workspace_that_is_still_there_at_the_end_goes_then(tmp_path: Path) -> None:
    """A job's result is often published before anybody has tidied; its slot must not wait."""
    async with house_at(tmp_path, replace(PACE, tidy=timedelta(minutes=10))) as house:
        job_id = await house.submit(writes)

        await house.ended(job_id)
        await house.left(job_id)

        assert house.runner.closed == [f"{job_id}/1"]
