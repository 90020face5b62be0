"""A week of other people's jobs, which a picture of the queue has to tell about."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from services.orchestrator.jobs.job import JobOutcome, JobState, StepState
from services.orchestrator.store import tables
from services.orchestrator.store.store import opened
from tests.orchestrator.store.past import blank, clock
from tests.support.jobs import some_id

HOUR = 3600 * 10**6
"""Microseconds."""
NIGHTS = 8
OBJECTIVES = {
    "gateway": ("Cover the handlers with tests.", "Log slow requests.", "Drop the old session."),
    "greeter": ("Greet by the time of day.", "Say goodbye as well."),
    "site": ("Mend broken links.", "Shrink the pictures.", "Write a page on limits."),
    "trainer": ("Resume from a checkpoint.", "Plot the loss.", "Read shards in parallel."),
}
ENDS = {JobState.SUCCEEDED: 80, JobState.FAILED: 15, JobState.CANCELLED: 5}


async def lay(database: Path) -> None:
    """Puts them into a database that nobody uses yet; the newest ended an hour ago."""
    async with opened(f"sqlite:///{database}") as store:
        jobs = sorted(
            _jobs(random.Random(11), await clock(store)), key=lambda one: int(one["create_time"])
        )
        await store._threads.write(lambda connection: _insert(connection, jobs))


def _insert(connection: sa.Connection, jobs: list[dict[str, Any]]) -> None:
    connection.execute(sa.insert(tables.job), jobs)
    connection.execute(sa.insert(tables.step), [step for one in jobs for step in _steps(one)])


def _steps(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    dice = random.Random(job["job_id"])
    steps = dice.randrange(1, 5)
    done = steps if job["state"] is JobState.SUCCEEDED else dice.randrange(steps)
    for index in range(steps):
        state = StepState.SUCCEEDED if index < done else StepState.PENDING
        yield blank(tables.step) | {"job_id": job["job_id"], "step_index": index, "state": state}


def _jobs(dice: random.Random, now: int) -> Iterator[dict[str, Any]]:
    for night in range(1, NIGHTS + 1):
        evening = now - night * 24 * HOUR + 6 * HOUR
        for _ in range(dice.randrange(18, 55)):
            yield _job(
                dice, evening + int(dice.expovariate(2 / HOUR)), wait=dice.lognormvariate(7, 0.7)
            )
        for _ in range(dice.randrange(8, 20)):
            yield _job(dice, evening - int(dice.random() * 9 * HOUR), wait=dice.random() * 5)


def _job(dice: random.Random, created: int, *, wait: float) -> dict[str, Any]:
    name = dice.choice(list(OBJECTIVES))
    [state] = dice.choices(list(ENDS), list(ENDS.values()))
    started = created + int(min(wait, 9000) * 10**6)
    outcomes = {JobState.SUCCEEDED: JobOutcome.PULL_REQUEST, JobState.FAILED: JobOutcome.FAILED}
    return blank(tables.job) | {
        "job_id": some_id(),
        "state": state,
        "outcome": outcomes.get(state, JobOutcome.CANCELLED),
        "failure_reason": "AGENT_EXIT" if state is JobState.FAILED else None,
        "repository": f"acme/{name}",
        "runtime": dice.choice(("codex", "codex", "claude")),
        "objective": dice.choice(OBJECTIVES[name]),
        "publish_mode": "pr",
        "create_time": created,
        "opened_time": created,
        "start_time": started,
        "end_time": started + int(dice.lognormvariate(6.6, 0.8) * 10**6),
    }
