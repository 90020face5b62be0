"""Rounds of a collector: one at a time, told of, and begun anew after trouble."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from pawl.wire.errors import Unavailable
from services.orchestrator.artifacts import Artifacts, Stored
from services.orchestrator.jobs.job import JobOutcome, JobState
from services.orchestrator.jobs.retention import Policy
from services.orchestrator.retention.collector import Collector, collecting
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.source.repositories import mirrors
from tests.orchestrator.store.claiming import Rig, ended
from tests.support.fresh_store import fresh_store

TINY = timedelta(microseconds=1)


class AwayArtifacts(Artifacts):
    """A place that takes things and cannot be asked for a list for a while."""

    away = True

    @override
    async def listing(self) -> AsyncIterator[Sequence[Stored]]:
        if self.away:
            raise Unavailable("ARTIFACTS_AWAY", "the place did not answer; ask again")
        async for page in super().listing():
            yield page


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with fresh_store(f"sqlite:///{tmp_path / 'jobs.db'}") as made:
        yield made


@pytest.fixture
def collector(store: SqlStore, tmp_path: Path) -> Collector:
    artifacts = Artifacts.at((tmp_path / "artifacts").as_uri())
    return Collector(
        store=store,
        artifacts=artifacts,
        mirrors=mirrors(tmp_path / "mirrors"),
        policy=Policy(checkpoints=TINY, artifacts=TINY, mirrors=TINY, round=timedelta(hours=1)),
        folders={"database": tmp_path, "artifacts": tmp_path / "artifacts"},
        now=lambda: datetime.now(UTC) + timedelta(days=1),
    )


async def over(store: SqlStore, collector: Collector) -> str:
    """A job that failed and left an artifact and an orphan. Its id."""
    claim = await Rig(store).claim()
    kept = await collector.artifacts.put_bytes(claim.job_id, "a.log", b"listed")
    await store.keep(claim, [kept])
    await collector.artifacts.put_segment(claim.job_id, b"lost")
    await store.end(claim, ended("failed"), state=JobState.FAILED, outcome=JobOutcome.FAILED)
    return claim.job_id


async def test_a_round_removes_what_is_old_and_tells_of_it(
    store: SqlStore, collector: Collector
) -> None:
    job_id = await over(store, collector)

    done = await collector.round()

    assert [(one.kind, one.count) for one in done.removed] == [("artifacts", 1), ("orphans", 1)]
    assert done.problem == ""
    assert await store.artifacts(job_id) == []
    job = await store.job(job_id)
    assert job is not None
    assert job.checkpoints_removed is not None


async def test_what_is_left_is_told_with_how_long_it_stays(
    store: SqlStore, collector: Collector
) -> None:
    assert (await collector.report()).uses == ()
    claim = await Rig(store).claim()
    kept = await collector.artifacts.put_bytes(claim.job_id, "a.log", b"listed")
    await store.keep(claim, [kept])
    await collector.round()

    await collector.look()
    seen = await collector.report()

    uses = {one.kind: one for one in seen.uses}
    assert uses.keys() == {"database", "artifacts", "checkpoints", "mirrors"}
    assert (uses["artifacts"].count, uses["artifacts"].size_bytes) == (1, 6)
    assert uses["artifacts"].retention == TINY
    assert uses["database"].count == 1
    (disk,) = seen.disks
    assert disk.kinds == ("database", "artifacts")
    assert 0 < disk.free_bytes < disk.size_bytes
    assert seen.git_version.startswith("2.")


async def test_a_place_that_is_away_breaks_a_round_off(
    store: SqlStore, collector: Collector, tmp_path: Path
) -> None:
    place = AwayArtifacts.at((tmp_path / "artifacts").as_uri())
    collector.artifacts = place
    await over(store, collector)

    done = await collector.round()
    place.away = False
    again = await collector.round()

    assert "did not answer" in done.problem
    assert again.problem == ""
    assert [one.kind for one in again.removed] == ["orphans"]


async def test_one_round_at_a_time(store: SqlStore, collector: Collector) -> None:
    await over(store, collector)

    first, second = await asyncio.gather(collector.round(), collector.round())

    assert len(first.removed) == 2
    assert second.removed == ()
    assert first.end <= second.start


async def test_it_collects_for_the_length_of_the_block(
    store: SqlStore, collector: Collector
) -> None:
    job_id = await over(store, collector)

    async with collecting(collector, first=timedelta()):
        await _until_removed(store, job_id)


async def _until_removed(store: SqlStore, job_id: str) -> None:
    """The test's own time limit ends a wait for what never comes."""
    while True:
        job = await store.job(job_id)
        if job is not None and job.artifacts_removed is not None:
            return
        await asyncio.sleep(0.01)
