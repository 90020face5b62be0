"""Several processes on one database file, and what a kill leaves behind."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from services.orchestrator.jobs.job import JobState
from services.orchestrator.jobs.store import JobFilter
from services.orchestrator.store.store import SqlStore, opened
from tests.orchestrator.store.claiming import Rig
from tests.support.jobs import some_job

JOBS = 30
ROOT = Path(__file__).parents[3]

CLAIM_ALL = """
import asyncio, sys
from datetime import timedelta
from services.orchestrator.store.store import opened

async def main(url, owner):
    async with opened(url) as store:
        while page := await store.candidates(limit=5):
            for one in page:
                if await store.claim(one.job_id, owner=owner, term=timedelta(seconds=60)):
                    print(one.job_id, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
WRITE_ON = """
import asyncio, sys
from datetime import timedelta
from services.orchestrator.jobs.job import NewEvent
from services.orchestrator.store.store import opened

async def main(url, job_id):
    async with opened(url) as store:
        claim = await store.claim(job_id, owner="doomed", term=timedelta(seconds=-1))
        count = 0
        while True:
            events = [NewEvent(type=f"{count}.{n}", message="") for n in range(3)]
            await store.note(claim, *events)
            count += 1
            print(count, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.timeout(60)
async def test_processes_that_race_claim_each_job_once(url: str, store: SqlStore) -> None:
    jobs = [(await store.submit(some_job()))[0] for _ in range(JOBS)]

    async with asyncio.TaskGroup() as tasks:
        claimers = [tasks.create_task(output_of(CLAIM_ALL, url, f"owner-{n}")) for n in range(2)]

    claimed = [line for claimer in claimers for line in claimer.result().split()]
    assert sorted(claimed) == sorted(job.job_id for job in jobs)


@pytest.mark.timeout(60)
async def test_a_killed_writer_loses_nothing_it_was_told_is_stored(
    url: str, store: SqlStore
) -> None:
    job, _ = await store.submit(some_job())
    writer = await start(WRITE_ON, url, job.job_id)
    assert writer.stdout is not None
    for _ in range(20):
        told = int(await writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    told = max([told, *(int(line) for line in (await writer.stdout.read()).split())])
    await writer.wait()

    types = await Rig(store).types(job)

    # Three events a write, all of them or none; one write may have gone untold.
    assert len(types) - 2 in {3 * told, 3 * told + 3}
    assert (await Rig(store).claim(job)).epoch == 2


@pytest.mark.timeout(60)
async def test_processes_that_start_together_make_one_schema(url: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        for n in range(2):
            tasks.create_task(output_of(CLAIM_ALL, url, f"owner-{n}"))

    async with opened(url) as store:
        jobs, _ = await store.jobs(JobFilter(states=(JobState.QUEUED,)), size=1, after="")
    assert jobs == []


async def start(program: str, *arguments: str) -> asyncio.subprocess.Process:
    """A Python process that runs `program`."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )


async def output_of(program: str, *arguments: str) -> str:
    """What a process that ends well has printed."""
    process = await start(program, *arguments)
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()
