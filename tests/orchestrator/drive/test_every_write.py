"""Whatever happens at any write of a job's owner, the job ends as it should."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pawl.wire.errors import FailedPrecondition
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.driving import Driving
from services.orchestrator.jobs.job import Event, Job, JobId, JobOutcome, JobState
from services.orchestrator.jobs.paths import RECEIPT
from tests.orchestrator.drive.house import QUICK, House, house_at, plan
from tests.support.repositories import git
from tests.support.stage import Stage

pytestmark = pytest.mark.timeout(240)

WRITES = tuple(name for name in vars(Driving) if not name.startswith("_"))
STEPS = 2
AT_ONCE = 4
"""Jobs; as many as the house drives."""

Write = Callable[[], Awaitable[Any]]
Trouble = Callable[[House, JobId, Write], Awaitable[Any]]


@dataclass(slots=True)
class Fuse:
    """Meets the first job's first write with some trouble, the second's second, and so on."""

    house: House
    trouble: Trouble | None = None
    numbers: dict[JobId, int] = field(default_factory=dict)
    """Which of its writes a job meets the trouble at."""
    written: Counter[JobId] = field(default_factory=Counter)

    async def burn(self, job_id: JobId, write: Write) -> Any:
        # Numbered by its first write: a job may be claimed before its submission is answered.
        number = self.numbers.setdefault(job_id, len(self.numbers) + 1)
        self.written[job_id] += 1
        if self.written[job_id] == number and self.trouble is not None:
            return await self.trouble(self.house, job_id, write)
        return await write()

    def burnt(self, job_id: JobId) -> bool:
        """The job made as many writes as that."""
        return self.written[job_id] >= self.numbers[job_id]

    def lay(self) -> None:
        """Stands before every write of an owner from now on."""
        for name in WRITES:
            setattr(self.house.store, name, self._before(getattr(self.house.store, name)))

    def _before(self, write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def burning(claim: Any, *args: Any, **kwargs: Any) -> Any:
            return await self.burn(claim.job_id, lambda: write(claim, *args, **kwargs))

        return burning


async def unmade(house: House, job_id: JobId, write: Write) -> Any:
    raise StoreAway("scripted to be away")


async def unanswered(house: House, job_id: JobId, write: Write) -> Any:
    await write()
    raise StoreAway("scripted to lose the answer")


async def left(house: House, job_id: JobId, write: Write) -> Any:
    house.claimer._drivers[job_id].leave()
    return await write()


async def request_cancel(house: House, job_id: JobId) -> None:
    try:
        await house.store.request_cancel(job_id, by="ada", reason="")
    except FailedPrecondition:
        return
    house.claimer.cancel(job_id)


async def cancelled_before(house: House, job_id: JobId, write: Write) -> Any:
    await request_cancel(house, job_id)
    return await write()


async def cancelled_after(house: House, job_id: JobId, write: Write) -> Any:
    answer = await write()
    await request_cancel(house, job_id)
    return answer


async def writes_the_next(stage: Stage) -> None:
    """Writes `a` in a job's first step, and `b` in its second."""
    name = next(name for name in "ab" if not (stage.tree / name).exists())
    stage.say(f"writing {name}")
    (stage.tree / name).write_text("new\n")


@pytest.fixture
async def fuse(tmp_path: Path) -> AsyncIterator[Fuse]:
    async with house_at(tmp_path, replace(QUICK, lease=timedelta(seconds=2))) as house:
        laid = Fuse(house)
        laid.lay()
        yield laid


async def lives(fuse: Fuse, trouble: Trouble) -> AsyncIterator[tuple[Job, list[Event]]]:
    """Jobs that met the trouble at their first write, their second and so on, each at its end.

    The last ones made fewer writes than that.
    """
    house, fuse.trouble = fuse.house, trouble
    while all(fuse.burnt(job_id) for job_id in fuse.numbers):
        # Most of a life is waiting for a lost owner's lease to run out.
        request = plan(house.origin, steps=STEPS, mode="pr")
        scripts = [writes_the_next] * STEPS
        submitted = [await house.submit(*scripts, request=request) for _ in range(AT_ONCE)]
        for job_id in submitted:
            job = await house.ended(job_id)
            events = list(await house.events(job_id))
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            yield job, events


def assert_nothing_twice(house: House, job: Job, events: list[Event]) -> None:
    runs = [run for run in house.runner.started if run.startswith(job.job_id)]
    assert runs == sorted(set(runs))
    told = Counter((event.type, event.stage, event.step_index) for event in events)
    # A new owner asks for the workspace again, which is a fact of its own.
    again = {"job.claimed", "job.resumed", "task.workspace.prepared"}
    assert [one for one, times in told.items() if times > 1 and one[0] not in again] == []
    ends = [one for one in told if one[0] in {"job.succeeded", "job.cancelled"}]
    assert len(ends) == 1
    assert events[-1].type == ends[0][0]


@pytest.mark.parametrize("trouble", [unmade, unanswered, left])
async def test_an_owner_lost_at_any_write_costs_no_work(fuse: Fuse, trouble: Trouble) -> None:
    house = fuse.house
    async for job, events in lives(fuse, trouble):
        number = fuse.numbers[job.job_id]
        assert (job.state, job.outcome) == (JobState.SUCCEEDED, JobOutcome.PULL_REQUEST), number
        assert_nothing_twice(house, job, events)
        assert job.attempt == 1
        head = git(house.origin, "rev-parse", job.working_branch)
        assert head == job.published_commit
        [pull] = [one for one in house.forge.pulls if one.head_branch == job.working_branch]
        assert job.pull_request_url == pull.url
        changed = git(house.origin, "diff", "--name-only", house.base, head)
        assert set(changed.split()) == set("ab")
        paths = {one.path for one in await house.store.artifacts(job.job_id)}
        assert {f"logs/steps/step-000{index}.log" for index in range(STEPS)} <= paths
        assert await house.text(job.job_id, "logs/steps/step-0001.log") == "writing b\n"

    assert sum(map(fuse.burnt, fuse.numbers)) > 15


@pytest.mark.parametrize("trouble", [cancelled_before, cancelled_after])
async def test_a_cancel_between_any_two_writes_stops_the_job_or_comes_too_late(
    fuse: Fuse, trouble: Trouble
) -> None:
    house, outcomes = fuse.house, Counter[JobState]()
    async for job, events in lives(fuse, trouble):
        outcomes[job.state] += fuse.burnt(job.job_id)
        assert_nothing_twice(house, job, events)
        types = [event.type for event in events]
        pushed = job.working_branch in house.branches()
        if job.state is JobState.CANCELLED:
            assert not pushed
            assert "task.publish.intentRecorded" not in types
            assert events[-1].payload["receipt"]["survivors"] == []
            assert '"survivors": []' in await house.text(job.job_id, RECEIPT)
        else:
            assert job.state is JobState.SUCCEEDED
            assert pushed
            assert "task.publish.intentRecorded" in types

    assert outcomes[JobState.CANCELLED] > 10
    assert outcomes[JobState.SUCCEEDED] > 2
