"""A run is kept by whoever follows it, with the runner's own last word."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.drive import keeping as module
from services.orchestrator.drive.keeping import KEEPS, keep
from services.orchestrator.drive.ports import Runner, RunnerUnreachable
from services.orchestrator.jobs.claim import LeaseLost
from services.orchestrator.jobs.job import JobState
from tests.orchestrator.drive.house import House
from tests.support.scripted_runner import ScriptedRunner
from tests.support.stage import Stage

LEASE = timedelta(seconds=0.09)
PAUSE = timedelta(seconds=2)


async def test_a_run_is_kept_while_it_is_followed(house: House) -> None:
    enough = asyncio.Event()

    async def waits(stage: Stage) -> None:
        await enough.wait()

    job_id = await house.submit(waits)
    while len(house.runner.kept) < KEEPS:
        await House._moment()
    enough.set()
    job = await house.ended(job_id)

    assert job.state is JobState.SUCCEEDED
    assert house.runner.kept[:4] == ["", "1", "2", "3"]


async def test_a_new_owner_begins_with_no_token(house: House) -> None:
    enough = asyncio.Event()

    async def waits(stage: Stage) -> None:
        stage.say("begun")
        await enough.wait()

    job_id = await house.submit(waits)
    while len(house.runner.kept) < 2:
        await House._moment()
    await house.desert(job_id)
    await house.until(job_id, "job.resumed")
    while house.runner.kept.count("") < 2:
        await House._moment()
    enough.set()

    assert (await house.ended(job_id)).state is JobState.SUCCEEDED


class Away(ScriptedRunner):
    """Answers every second call."""

    calls = 0

    async def keep(self, run_id: str, epoch: int, token: str) -> str:
        self.calls += 1
        if self.calls % 2:
            raise RunnerUnreachable("scripted to be away")
        self.kept.append(token)
        return str(self.calls)


async def test_a_runner_that_is_away_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    heard: list[None] = []
    async with asyncio.TaskGroup() as tasks:
        runner = Away(tmp_path, tasks)
        keeping = tasks.create_task(
            keep(lambda: runner, "job/1/0", 1, run_lease=LEASE, heard=lambda: heard.append(None))
        )
        while len(runner.kept) < 3:
            await House._moment()
        keeping.cancel()

    assert runner.kept[:3] == ["", "2", "4"]
    assert len(heard) == len(runner.kept)


class Clock:
    """Goes on as time does, and leaps when it is told to."""

    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class Held(ScriptedRunner):
    """Holds the third call up for so long that its token is old."""

    calls = 0

    async def keep(self, run_id: str, epoch: int, token: str) -> str:
        self.calls += 1
        if self.calls == 3:
            self.clock.ahead += 3 * PAUSE.total_seconds()
        self.kept.append(token)
        self.times.append(time.monotonic())
        return str(self.calls)

    def __init__(self, place: Path, tasks: asyncio.TaskGroup, clock: Clock) -> None:
        super().__init__(place, tasks)
        self.clock = clock
        self.times: list[float] = []


async def test_a_word_that_grew_old_on_its_way_is_followed_by_the_new_one_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two outages with a moment between them ended a run that was in contact in that moment."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    async with asyncio.TaskGroup() as tasks:
        runner = Held(tmp_path, tasks, clock)
        keeping = tasks.create_task(
            keep(lambda: runner, "job/1/0", 1, run_lease=PAUSE * KEEPS, heard=lambda: None)
        )
        while len(runner.kept) < 4:
            await House._moment()
        keeping.cancel()

    assert runner.kept[2:4] == ["2", "3"]
    assert runner.times[3] - runner.times[2] < PAUSE.total_seconds()


async def test_an_owner_whose_time_is_up_keeps_nothing(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        runner = ScriptedRunner(tmp_path, tasks)

        def lost() -> Runner:
            raise LeaseLost

        await keep(lost, "job/1/0", 1, run_lease=LEASE, heard=lambda: None)

    assert runner.kept == []
