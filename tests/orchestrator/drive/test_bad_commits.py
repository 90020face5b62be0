"""A job ends as it would have, whatever its commits meet on the way."""

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from services.orchestrator.jobs.job import Event, JobState
from tests.orchestrator.drive.house import House, plan
from tests.orchestrator.drive.scripts import dies, writes
from tests.orchestrator.store.commits import Commits, Fate


def told(events: Sequence[Event]) -> list[tuple[str, int | None, int]]:
    """What happened, without what differs from job to job."""
    return [(event.type, event.step_index, event.attempt) for event in events]


def bad_luck(dice: random.Random) -> Iterator[Fate]:
    while True:
        yield dice.choice(list(Fate))


@pytest.mark.timeout(60)
async def test_three_of_four_commits_fail_and_nobody_notices(house: House) -> None:
    scripts = (writes("a"), dies, writes("b"))
    first = await house.submit(*scripts, request=plan(house.origin, steps=2))
    await house.ended(first)
    await house.left(first)
    seed = random.SystemRandom().randrange(1 << 32)
    threads = house.store._threads
    threads._batches.pause = timedelta()
    Commits(threads._writing, bad_luck(random.Random(seed)))

    second = await house.submit(*scripts, request=plan(house.origin, steps=2))
    job = await house.ended(second)

    assert (job.state, job.epoch) == (JobState.SUCCEEDED, 1), f"seed {seed}"
    events = await house.events(second)
    assert told(events) == told(await house.events(first)), f"seed {seed}"
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert house.runner.started == [
        f"{job_id}/{run}" for job_id in (first, second) for run in ("1/0", "1/1", "2/1")
    ]
    assert len(house.branches()) == 3
