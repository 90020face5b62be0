"""Jobs with second pull requests are among what there is to look at."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from pawl.storage import Concern, Storage
from services.orchestrator.duplicates import Duplicates, Keeping
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.job import JobId, JobOutcome, JobState
from services.orchestrator.jobs.publishing import Phase
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.store.aging import aged
from tests.orchestrator.store.claiming import PUBLICATION, Rig, ended
from tests.support.fresh_store import fresh_store
from tests.support.jobs import TERM, fact

WRONG = Concern(reason="DISK_FULL", message="full", remedy="Free space.", grave=True)


@dataclass
class Kept(Keeping):
    """Reports one thing that is wrong."""

    @override
    async def report(self) -> Storage:
        return Storage(time=datetime.now(UTC), concerns=(WRONG,))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with fresh_store(f"sqlite:///{tmp_path / 'pawl.db'}") as made:
        yield made


async def job_with(store: SqlStore, *duplicates: int) -> JobId:
    claim = await Rig(store).claim()
    await store.intend(claim, PUBLICATION, fact())
    await store.reach(claim, Phase.PUSHED, fact())
    await store.end(claim, ended(), state=JobState.SUCCEEDED, outcome=JobOutcome.PULL_REQUEST)
    turn = await store.take_turn("me", term=TERM)
    assert turn is not None
    await store.found(turn, claim.job_id, duplicates=duplicates)
    await store.end_turn(turn, rest=timedelta())
    return claim.job_id


async def concerns(store: SqlStore) -> list[Concern]:
    return list((await Duplicates(keeping=Kept(), store=store).report()).concerns)


async def test_jobs_are_named_the_newest_first_and_no_more_than_can_be_read(
    store: SqlStore,
) -> None:
    jobs = [await job_with(store, 2) for _ in range(4)]
    for age, job_id in enumerate(reversed(jobs)):
        await aged(store, job_id, end_time=timedelta(hours=age))

    first, told = await concerns(store)

    assert (first, told.reason, told.grave) == (WRONG, "DUPLICATE_PULL_REQUESTS", False)
    assert f": {jobs[3]}, {jobs[2]}, {jobs[1]}, and others" in told.message


async def test_jobs_with_one_pull_request_and_those_of_long_ago_are_not_named(
    store: SqlStore,
) -> None:
    await job_with(store)
    await aged(store, await job_with(store, 2), end_time=timedelta(days=8))

    assert await concerns(store) == [WRONG]


class AwayStore(SqlStore):
    """Does not answer."""

    def __init__(self) -> None:
        pass

    @override
    async def duplicated(self, *, back: timedelta, limit: int) -> list[JobId]:
        raise StoreAway("scripted to be away")


async def test_a_store_that_is_away_takes_nothing_from_the_report() -> None:
    assert await concerns(AwayStore()) == [WRONG]
