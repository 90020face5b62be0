"""Owners that are lost as they wait for others end no job; those lost as they ask may."""

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import Job
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.store import Store
from services.orchestrator.store import writes
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.store.claiming import PUBLICATION, Rig
from tests.support.jobs import TERM, fact

PATIENCE = timedelta(hours=1)


async def taken_over(rig: Rig, job: Job) -> bool:
    """Whether the job of a lost owner is claimed, not given up."""
    return await rig.store.claim(job.job_id, owner="me", term=TERM) is not None


async def long_since(rig: Rig, claim: Claim) -> None:
    """The first wait of the job's owners was decades ago."""
    this = writes.job.c.job_id == claim.job_id
    store = cast("SqlStore", rig.store)
    await store._threads.write(writes.all_moved, this, {"waited_since": 1})


async def test_owners_that_are_lost_as_they_wait_are_not_counted(rig: Rig, store: Store) -> None:
    """A host that was away, and owners that were killed, once gave up a job that was well."""
    job = await rig.submit()

    for _ in range(8):
        claim = await rig.claim(job)
        await store.wait(claim, excused=PATIENCE, asked=False)
        await rig.lapse(claim)

    assert await taken_over(rig, job)


async def test_an_ask_that_is_survived_without_an_answer_is_progress(
    rig: Rig, store: Store
) -> None:
    job = await rig.submit()

    for _ in range(8):
        claim = await rig.claim(job)
        await store.wait(claim, excused=PATIENCE, asked=True)
        await store.go_on(claim)
        await rig.lapse(claim)

    assert await taken_over(rig, job)


async def test_owners_that_are_lost_as_they_ask_after_a_wait_are_counted(
    rig: Rig, store: Store
) -> None:
    job = await rig.submit()
    for _ in range(5):
        claim = await rig.claim(job)
        await store.wait(claim, excused=PATIENCE, asked=False)
        await store.go_on(claim)
        await rig.lapse(claim)

    assert not await taken_over(rig, job)

    buried = await rig.read(job)
    assert buried.failure is not None
    assert buried.failure.reason is Reason.POISONED


@pytest.mark.parametrize("progress", [False, True])
async def test_waits_excuse_nobody_for_ever(rig: Rig, store: Store, progress: bool) -> None:
    job = await rig.submit()
    for _ in range(6):
        claim = await rig.claim(job)
        await store.wait(claim, excused=PATIENCE, asked=True)
        await long_since(rig, claim)
        if progress:
            await store.enter(claim, Stage.PREPARE)
        await store.wait(claim, excused=PATIENCE, asked=True)
        await rig.lapse(claim)

    assert await taken_over(rig, job) is progress


async def test_an_owner_that_leaves_in_a_wait_is_excused_once(rig: Rig, store: Store) -> None:
    """It is not counted as it leaves, nor is the next one for it."""
    job = await rig.submit()
    for _ in range(4):
        await rig.lapse(await rig.claim(job))
    waiting = await rig.claim(job)
    await store.wait(waiting, excused=PATIENCE, asked=False)
    await store.give_up("me")

    await rig.lapse(await rig.claim(job))

    assert not await taken_over(rig, job)


async def test_a_request_that_is_made_again_and_again_is_no_progress(
    rig: Rig, store: Store
) -> None:
    """One that ended its owner each time was made by one owner after the other, for ever."""
    job = await rig.submit()
    claim = await rig.claim(job)
    await store.intend(claim, replace(PUBLICATION), fact())
    await store.request_pull_request(claim)
    await rig.lapse(claim)
    for _ in range(5):
        claim = await rig.claim(job)
        await store.request_pull_request(claim)
        await rig.lapse(claim)

    assert not await taken_over(rig, job)
