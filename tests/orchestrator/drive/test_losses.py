"""What a run, or its runner, costs that is away or lost."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.orchestrator.drive.ports import (
    Message,
    RunnerFull,
    RunnerUnreachable,
    RunOrder,
    TakenTree,
)
from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import JobOutcome, JobState
from tests.orchestrator.drive.house import House, plan
from tests.orchestrator.drive.scripts import dies, waits_for_the_stop, writes
from tests.support.repositories import git


async def test_a_runner_that_takes_no_run_now_is_asked_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow, refusals = house.runner.follow, [RunnerFull("leaving"), RunnerFull("leaving")]

    async def leaving(order: RunOrder, **where: Any) -> AsyncIterator[Message]:
        if refusals:
            raise refusals.pop()
        async for message in follow(order, **where):
            yield message

    monkeypatch.setattr(house.runner, "follow", leaving)
    job_id = await house.submit(writes("a"))

    job = await house.ended(job_id)

    assert (job.epoch, job.attempt, job.state) == (1, 1, JobState.SUCCEEDED)


async def test_a_runner_that_is_away_for_a_checkpoint_costs_no_attempt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, troubles = house.runner.checkpoint, [RunnerUnreachable("restarting")]

    async def away(workspace_id: str, epoch: int, into: Path) -> TakenTree:
        if troubles:
            raise troubles.pop()
        return await checkpoint(workspace_id, epoch, into)

    monkeypatch.setattr(house.runner, "checkpoint", away)
    job_id = await house.submit(writes("a"))

    job = await house.ended(job_id)

    assert (job.attempt, job.state) == (1, JobState.SUCCEEDED)
    assert house.runner.started == [f"{job_id}/1/0"]


async def test_a_lost_run_is_a_new_attempt_from_the_last_checkpoint(house: House) -> None:
    request = plan(house.origin, steps=2)
    job_id = await house.submit(writes("a"), dies, writes("b"), request=request)

    job = await house.ended(job_id)

    assert job.state is JobState.SUCCEEDED
    assert house.runner.started == [f"{job_id}/1/0", f"{job_id}/1/1", f"{job_id}/2/1"]
    assert git(house.origin, "diff", "--name-only", house.base, job.published_commit) == "a\nb"
    types = await house.types(job_id)
    assert "task.step.lost" in types
    assert "task.workspace.rebuilt" in types
    assert house.runner.acknowledged == house.runner.started


async def test_losses_in_a_row_end_as_a_dead_letter(house: House) -> None:
    job_id = await house.submit(dies, dies, dies, request=plan(house.origin, steps=1))

    job = await house.ended(job_id)

    assert (job.state, job.outcome) == (JobState.DEAD_LETTER, JobOutcome.FAILED)
    assert job.failure is not None
    assert job.failure.reason is Reason.RUNNER_LOST
    assert (await house.types(job_id))[-1] == "job.deadLettered"


async def test_a_runner_that_stays_away_costs_the_attempt(hasty: House) -> None:
    job_id = await hasty.submit(waits_for_the_stop, request=plan(hasty.origin, steps=1))
    await hasty.until(job_id, "task.step.started")

    (run,) = await hasty.runs()
    hasty.runner.unreachable = True
    run.stage.grew.set()
    await hasty.until(job_id, "task.step.lost")
    hasty.runner.scripts.append(writes("a"))
    hasty.runner.unreachable = False
    job = await hasty.ended(job_id)

    assert job.state is JobState.SUCCEEDED
    assert job.attempt == 2
