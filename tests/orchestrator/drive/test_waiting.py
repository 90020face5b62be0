"""A forge that is away and owners that are lost: who waits is excused, who asks is not."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.forge import ForgeAway, PullRequest
from services.orchestrator.jobs.job import JobId, JobOutcome
from services.orchestrator.store import tables
from tests.orchestrator.drive.house import QUICK, House, house_at, plan
from tests.support.scripted_forge import _Repository
from tests.support.stage import Stage

pytestmark = pytest.mark.timeout(60)

AWAY = ForgeAway("scripted to be away")
LONG = timedelta(minutes=10)
OWNERS = 6
"""So many are lost; the first has made progress, as it ran the step."""
PATIENT = replace(QUICK, least_patience=LONG, most_patience=LONG)


async def writing(stage: Stage) -> None:
    (stage.tree / "a").write_text("new\n")


async def submitted(house: House) -> JobId:
    return await house.submit(writing, request=plan(house.origin, steps=1, mode="pr"))


async def waits(house: House, job_id: JobId) -> None:
    """Once the job has an owner that waits."""
    asked = sa.select(tables.job.c.waiting).where(tables.job.c.job_id == job_id)
    while job_id not in house.claimer._drivers or not await house.store._threads.read(
        lambda connection: connection.scalar(asked)
    ):
        await house._moment()


async def test_owners_that_are_lost_as_a_forge_is_waited_for_make_no_poison(
    tmp_path: Path,
) -> None:
    """Of a thousand jobs, dozens ended as poison in a run of forges and owners that failed."""
    pace = replace(PATIENT, back_off=timedelta(seconds=60), longest_pause=timedelta(seconds=60))
    async with house_at(tmp_path, pace) as house:
        house.forge.look_troubles = [AWAY] * OWNERS
        job_id = await submitted(house)

        for _ in range(OWNERS):
            await waits(house, job_id)
            await house.desert(job_id)

        assert (await house.ended(job_id)).outcome is JobOutcome.PULL_REQUEST


async def test_a_look_up_that_ends_its_owner_makes_a_job_poison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = asyncio.Event()

    async def deadly(*_: object, **__: object) -> Sequence[PullRequest]:
        looking.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(_Repository, "pull_requests", deadly)
    async with house_at(tmp_path, PATIENT) as house:
        job_id = await submitted(house)

        for _ in range(OWNERS):
            await looking.wait()
            looking.clear()
            await house.desert(job_id)

        job = await house.ended(job_id)
    assert job.failure is not None
    assert job.failure.reason is Reason.POISONED
