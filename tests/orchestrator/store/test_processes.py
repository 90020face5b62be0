"""Several processes on one database file, and what a kill leaves behind."""

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.job import JobState
from services.orchestrator.jobs.reading import JobFilter
from services.orchestrator.store import jobs
from services.orchestrator.store.engine import BUSY_SECONDS
from services.orchestrator.store.store import SqlStore, opened
from tests.orchestrator.store.claiming import Rig
from tests.support.jobs import some_job

JOBS = 240
PROCESSES = 8
STORM_SECONDS = 5
ROOT = Path(__file__).parents[3]

CLAIM_ALL = """
import asyncio, sys
from datetime import timedelta
from services.orchestrator.store.store import opened

async def main(url, owner):
    async with opened(url) as store:
        print("ready", flush=True)
        sys.stdin.readline()
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
        claim = await store.claim(job_id, owner="doomed", term=timedelta(seconds=600))
        count = 0
        while True:
            events = [NewEvent(type=f"{count}.{n}", message="") for n in range(3)]
            await store.note(claim, *events)
            count += 1
            print(count, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
STORM = """
import asyncio, sys, time
from datetime import timedelta
from services.orchestrator.jobs.job import NewEvent
from services.orchestrator.store.store import opened

async def main(url, job_id, seconds):
    async with opened(url) as store:
        claim = await store.claim(job_id, owner=job_id, term=timedelta(seconds=60))
        print("ready", flush=True)
        sys.stdin.readline()
        end = time.monotonic() + float(seconds)
        longest, count = 0.0, 0
        while (begun := time.monotonic()) < end:
            await store.note(claim, NewEvent(type="storm", message=""))
            store.renew(claim, term=timedelta(seconds=60))
            await store.candidates(limit=5)
            longest, count = max(longest, time.monotonic() - begun), count + 1
        print(count, longest, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.timeout(120)
async def test_processes_that_race_claim_each_job_once(url: str, store: SqlStore) -> None:
    stored = [(await store.submit(some_job()))[0] for _ in range(JOBS)]

    printed = await outputs_of(CLAIM_ALL, *[(url, f"owner-{n}") for n in range(PROCESSES)])

    claimed = [line for one in printed for line in one.split()]
    assert sum(bool(one) for one in printed) > 1
    assert sorted(claimed) == sorted(job.job_id for job in stored)
    assert {(await Rig(store).read(job)).epoch for job in stored} == {1}


@pytest.mark.timeout(120)
async def test_a_storm_of_writers_beside_a_long_reader_fails_no_write(
    url: str, store: SqlStore
) -> None:
    stored = [(await store.submit(some_job()))[0] for _ in range(PROCESSES)]
    async with long_read(store):
        printed = await outputs_of(
            STORM, *[(url, job.job_id, f"{STORM_SECONDS}") for job in stored]
        )

    for job, one in zip(stored, printed, strict=True):
        count, longest = one.split()
        assert (await Rig(store).types(job)).count("storm") == int(count) > 0
        assert float(longest) < BUSY_SECONDS


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

    rig = Rig(store)
    types = await rig.types(job)

    # Three events a write, all of them or none; one write may have gone untold.
    assert len(types) - 2 in {3 * told, 3 * told + 3}
    await rig.lapse(Claim(job_id=job.job_id, epoch=1, owner="doomed", previous=JobState.QUEUED))
    assert (await rig.claim(job)).epoch == 2


@pytest.mark.timeout(60)
async def test_processes_that_start_together_make_one_schema(url: str) -> None:
    await outputs_of(CLAIM_ALL, (url, "one"), (url, "other"))

    async with opened(url) as store:
        found, _ = await store.jobs(JobFilter(states=(JobState.QUEUED,)), size=1, after="")
    assert found == []


@asynccontextmanager
async def long_read(store: SqlStore) -> AsyncIterator[None]:
    """A question that is being answered for the length of the block."""
    begun, over = threading.Event(), threading.Event()

    def ask(connection: sa.Connection) -> None:
        jobs.read(connection, "", with_plan=False)
        begun.set()
        over.wait()

    asked = asyncio.create_task(store._threads.read(ask))
    await asyncio.to_thread(begun.wait)
    try:
        yield
    finally:
        over.set()
        await asked


async def start(program: str, *arguments: str) -> asyncio.subprocess.Process:
    """A Python process that runs `program`."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )


async def outputs_of(program: str, *arguments: Sequence[str]) -> list[str]:
    """What processes that end well have printed after they were told to go on, all at once."""
    processes = [await start(program, *one) for one in arguments]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    async with asyncio.TaskGroup() as tasks:
        told = [tasks.create_task(process.communicate(b"go\n")) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [one.result()[0].decode() for one in told]
