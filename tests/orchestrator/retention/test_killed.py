"""Collectors that are killed at any moment leave nothing broken."""

import asyncio
import random
import signal
import sys
from pathlib import Path

import pytest

from services.orchestrator import reading
from services.orchestrator.jobs.job import JobState
from services.orchestrator.source.commit import checkpoint_ref
from services.orchestrator.store.store import opened
from tests.orchestrator.retention.restless import collector_at
from tests.orchestrator.retention.test_mirrors import House
from tests.orchestrator.source.repositories import Upstream, git, mirrors

ROOT = Path(__file__).resolve().parents[3]
KILLS = 4
COLLECTORS = 2


async def killed_in_the_middle(folder: Path, seconds: float) -> None:
    """A process that collects, and dies."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.orchestrator.retention.restless",
        str(folder),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    await asyncio.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    await process.communicate()


@pytest.mark.timeout(120)
async def test_what_killed_collectors_leave_is_whole_and_the_next_round_goes_on(
    tmp_path: Path,
) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    origin = Upstream(tmp_path / "origin.git")
    origin.commit(origin.files(a="one\n"))
    async with opened(f"sqlite:///{tmp_path / 'jobs.db'}") as store:
        kept = mirrors(tmp_path / "mirrors")
        mirror = await kept.open(str(origin.path))
        await mirror.fetch()
        house = House(store, kept, mirror)
        collector = collector_at(tmp_path, store)
        open_jobs: list[str] = []

        for _ in range(KILLS):
            for state in (JobState.SUCCEEDED, JobState.FAILED, JobState.SUCCEEDED):
                await house.job(origin, state, leaves=collector.artifacts)
            open_jobs.append(await house.job(origin, None, leaves=collector.artifacts))
            await asyncio.gather(
                *(killed_in_the_middle(tmp_path, chance.uniform(0, 0.4)) for _ in range(COLLECTORS))
            )

        done = await collector.round()

        assert done.problem == ""
        assert {checkpoint_ref(job_id, 0) for job_id in open_jobs} <= set(house.refs())
        assert {ref.split("/")[2] for ref in house.refs()} == set(open_jobs)
        assert git(mirror.git_dir, "fsck", "--connectivity-only") == ""
        objects = {one.key async for page in collector.artifacts.listing() for one in page}
        listed = set()
        for job_id in open_jobs:
            job = await store.job(job_id)
            assert job is not None
            for artifact in await store.artifacts(job_id):
                pieces = reading.read(store, collector.artifacts, job, artifact.path, 0)
                assert b"".join([data async for _, data in pieces]) == job_id.encode()
                listed.add(artifact.key)
        assert len(listed) == len(open_jobs)
        # The orphans of jobs that go on stay, too.
        assert listed <= objects
        assert {key.split("/")[1] for key in objects} == set(open_jobs)
