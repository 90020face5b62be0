"""OrchestratorService.GetQueue: each promise of the proto's comment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from tests.promises.orchestrator import House
from tests.support.jobs import fact, some_job, some_plan


async def counted(house: House) -> list[tuple[str, str, int, int]]:
    answer = await house.stub.GetQueue(pb.GetQueueRequest())
    return [
        (
            job_pb2.JobState.Name(one.state).removeprefix("JOB_STATE_"),
            one.runtime,
            one.jobs,
            one.held_jobs,
        )
        for one in answer.counts
    ]


async def test_every_job_that_has_not_ended_is_counted_once(house: House) -> None:
    for runtime in ("codex", "claude", "codex"):
        await house.rig.submit(some_job(some_plan(runtime=runtime)))
    waits = await house.rig.claim()
    later = datetime.now(UTC) + timedelta(hours=1)
    await house.store.requeue(waits, fact("job.requeued"), not_before=later)
    await house.rig.claim()
    await house.end(await house.rig.claim())

    assert await counted(house) == [
        ("QUEUED", "claude", 1, 0),
        ("QUEUED", "codex", 3, 1),
        ("RUNNING", "codex", 1, 0),
    ]


async def test_an_empty_queue_has_nobody_who_waits(house: House) -> None:
    answer = await house.stub.GetQueue(pb.GetQueueRequest())

    assert answer == pb.GetQueueResponse()


async def test_the_one_that_could_be_claimed_for_longest_is_named(house: House) -> None:
    """One that was put back for an hour does not wait yet, however old it is."""
    oldest = await house.rig.claim()
    longest = await house.rig.submit()
    await house.rig.submit(some_job(priority=5))
    later = datetime.now(UTC) + timedelta(hours=1)
    await house.store.requeue(oldest, fact("job.requeued"), not_before=later)

    answer = await house.stub.GetQueue(pb.GetQueueRequest())

    assert answer.longest_job_id == longest.job_id
    assert timedelta() <= answer.longest_wait.ToTimedelta() < timedelta(seconds=10)


async def test_one_that_came_back_waits_anew(house: House) -> None:
    back = await house.rig.claim()
    waits = await house.rig.submit()
    stored = (await house.job(waits.job_id)).create_time
    while (await house.store.queue()).now <= stored:
        pass
    await house.store.requeue(back, fact("job.requeued"), not_before=None)

    answer = await house.stub.GetQueue(pb.GetQueueRequest())

    assert answer.longest_job_id == waits.job_id


async def required(house: House) -> dict[str, tuple[int, int, int]]:
    answer = await house.stub.GetQueue(pb.GetQueueRequest())
    return {
        one.capability: (one.queued_jobs, one.running_jobs, one.offering_runners)
        for one in answer.capabilities
    }


async def test_a_job_counts_in_each_capability_that_it_requires(house: House) -> None:
    await house.rig.submit(some_job(some_plan(capabilities=("codex", "git", "docker"))))
    await house.rig.submit(some_job(some_plan(capabilities=("codex", "git"))))
    await house.rig.claim(await house.rig.submit(some_job(some_plan(capabilities=("claude",)))))
    await house.end(await house.rig.claim(await house.rig.submit()))

    assert await required(house) == {
        "claude": (0, 1, 1),
        "codex": (2, 0, 1),
        "docker": (1, 0, 0),
        "git": (2, 0, 1),
    }


@pytest.mark.parametrize(
    ("changes", "offering"),
    [
        ({}, 1),
        ({"free_slots": 0}, 1),
        ({"draining": True}, 0),
        ({"reachable": False}, 0),
        ({"capabilities": frozenset({"claude"})}, 0),
    ],
    ids=["open", "full", "draining", "unreachable", "without it"],
)
async def test_runners_that_would_take_such_a_job_are_counted(
    house: House, changes: dict[str, Any], offering: int
) -> None:
    await house.rig.submit(some_job(some_plan(capabilities=("codex",))))
    for name, value in changes.items():
        setattr(house.fleet, name, value)

    assert await required(house) == {"codex": (1, 0, offering)}
