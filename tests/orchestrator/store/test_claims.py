"""How jobs find an owner, keep it, lose it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.orchestrator.jobs.claim import LeaseLost
from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import JobOutcome, JobState, Segment, StepState, Stream
from services.orchestrator.jobs.store import Store
from services.orchestrator.store.store import opened
from tests.orchestrator.store.claiming import EXPIRED, Rig
from tests.support.jobs import TERM, fact, some_job, some_plan

SOON = timedelta(hours=1)


async def test_candidates_come_by_priority_then_by_submission(rig: Rig, store: Store) -> None:
    plain = await rig.submit()
    urgent = await rig.submit(some_job(priority=5))
    later = await rig.submit()
    idle = await rig.submit(some_job(priority=-5))

    found = await store.candidates(limit=10)

    assert [one.job_id for one in found] == [job.job_id for job in (urgent, plain, later, idle)]


async def test_candidates_go_on_behind_the_last_page(rig: Rig, store: Store) -> None:
    jobs = [await rig.submit(some_job(priority=priority)) for priority in (3, 3, 2, 1, 1)]
    seen = []
    page = await store.candidates(limit=2)
    while page:
        seen += [one.job_id for one in page]
        page = await store.candidates(limit=2, after=seen[-1])

    assert seen == [job.job_id for job in jobs]


async def test_candidates_of_one_state_leave_out_the_others(rig: Rig, store: Store) -> None:
    queued = await rig.submit()
    lost = await rig.claim(await rig.submit(), term=EXPIRED)

    waiting = await store.candidates(limit=10, state=JobState.QUEUED)
    running = await store.candidates(limit=10, state=JobState.RUNNING)

    assert [one.job_id for one in waiting] == [queued.job_id]
    assert [one.job_id for one in running] == [lost.job_id]


async def test_a_claim_makes_the_job_run_under_the_next_epoch(rig: Rig, store: Store) -> None:
    job = await rig.submit()

    claim = await store.claim(job.job_id, owner="me", term=TERM)

    assert claim is not None
    assert (claim.epoch, claim.previous) == (1, JobState.QUEUED)
    stored = await rig.read(job)
    assert (stored.state, stored.epoch) == (JobState.RUNNING, 1)
    assert stored.start_time is not None
    event = (await store.events(job.job_id, after=1, limit=1))[0]
    assert event.type == "job.claimed"
    assert event.payload == {"epoch": 1, "owner": "me", "previous": "queued"}


async def test_a_claimed_job_is_nobody_elses(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    assert await store.claim(claim.job_id, owner="other", term=TERM) is None
    assert await store.candidates(limit=10) == []


async def test_a_repository_runs_no_more_jobs_than_it_may(rig: Rig, store: Store) -> None:
    first, second = await rig.submit(), await rig.submit()
    elsewhere = await rig.submit(some_job(some_plan(repository="owner/other")))
    await rig.claim(first)

    refused = await store.claim(second.job_id, owner="other", term=TERM, per_repository=1)

    assert refused is None
    assert await rig.state(second) is JobState.QUEUED
    found = await store.candidates(limit=10, state=JobState.QUEUED, per_repository=1)
    assert [(one.job_id, one.room) for one in found] == [(elsewhere.job_id, 1)]
    assert await store.claim(second.job_id, owner="other", term=TERM, per_repository=2) is not None


async def test_a_full_repositorys_lost_job_is_taken_over(rig: Rig, store: Store) -> None:
    await rig.claim()
    lost = await rig.claim(term=EXPIRED)

    found = await store.candidates(limit=10, per_repository=1)
    claim = await store.claim(lost.job_id, owner="other", term=TERM, per_repository=1)

    assert [one.job_id for one in found] == [lost.job_id]
    assert claim is not None


async def test_many_that_race_do_not_pass_the_limit_together(rig: Rig, store: Store) -> None:
    jobs = [await rig.submit() for _ in range(8)]

    async with asyncio.TaskGroup() as tasks:
        racing = [
            tasks.create_task(store.claim(job.job_id, owner=f"{one}", term=TERM, per_repository=3))
            for one, job in enumerate(jobs)
        ]

    assert sum(one.result() is not None for one in racing) == 3


async def test_two_that_share_a_database_do_not_pass_the_limit_together(
    rig: Rig, store: Store, url: str
) -> None:
    jobs = [await rig.submit() for _ in range(8)]

    async with opened(url) as second, asyncio.TaskGroup() as tasks:
        racing = [
            tasks.create_task(one.claim(job.job_id, owner=name, term=TERM, per_repository=3))
            for job in jobs
            for name, one in (("first", store), ("second", second))
        ]

    assert sum(one.result() is not None for one in racing) == 3


async def test_one_of_many_that_race_gets_the_job(rig: Rig, store: Store) -> None:
    job = await rig.submit()

    async with asyncio.TaskGroup() as tasks:
        racing = [
            tasks.create_task(store.claim(job.job_id, owner=f"{one}", term=TERM))
            for one in range(8)
        ]

    assert sum(one.result() is not None for one in racing) == 1


async def test_a_lease_that_ran_out_can_be_taken_over(rig: Rig, store: Store) -> None:
    old = await rig.claim(term=EXPIRED)
    assert [one.state for one in await store.candidates(limit=10)] == [JobState.RUNNING]

    new = await store.claim(old.job_id, owner="other", term=TERM)

    assert new is not None
    assert (new.epoch, new.previous) == (2, JobState.RUNNING)
    with pytest.raises(LeaseLost):
        await store.note(old, fact())


async def test_a_lease_that_a_clock_set_back_has_made_endless_can_be_taken_over(
    rig: Rig, store: Store
) -> None:
    """An owner that lives renews it by the new clock; one that is gone would hold it for hours."""
    claim = await rig.claim(term=timedelta(hours=1))

    again = await store.claim(claim.job_id, owner="another", term=TERM)

    assert again is not None
    assert again.epoch == 2


async def test_a_renewed_lease_holds_on(rig: Rig, store: Store) -> None:
    renewed, left_alone = [await rig.claim(term=timedelta(seconds=1.5)) for _ in range(2)]

    assert store.renew(renewed, term=TERM) is None

    while await store.claim(left_alone.job_id, owner="other", term=TERM) is None:
        pass  # each look waits for the database
    assert await store.claim(renewed.job_id, owner="other", term=TERM) is None


async def test_a_lease_that_has_run_out_is_not_renewed(rig: Rig, store: Store) -> None:
    """Not even where nobody has taken the job: its owner was stopped, or starved."""
    claim = await rig.lapse(await rig.claim())

    with pytest.raises(LeaseLost):
        store.renew(claim, term=TERM)

    assert await store.claim(claim.job_id, owner="other", term=TERM) is not None


async def test_renewing_tells_of_a_cancel_request(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await store.request_cancel(claim.job_id, by="ann", reason="enough")

    request = store.renew(claim, term=TERM)

    assert request is not None
    assert (request.by, request.reason) == ("ann", "enough")


async def test_a_lost_lease_cannot_be_renewed(rig: Rig, store: Store) -> None:
    old = await rig.claim(term=EXPIRED)
    await store.claim(old.job_id, owner="me", term=TERM)

    with pytest.raises(LeaseLost):
        store.renew(old, term=TERM)


async def test_an_owner_that_leaves_lets_go_at_once(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    await store.give_up("me")

    with pytest.raises(LeaseLost):
        await store.note(claim, fact())
    assert await store.claim(claim.job_id, owner="other", term=TERM) is not None


async def test_a_job_waits_until_it_may_be_claimed(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    await store.requeue(claim, fact("job.requeued"), not_before=datetime.now(UTC) + SOON)

    assert await store.candidates(limit=10) == []
    assert await store.claim(claim.job_id, owner="me", term=TERM) is None


async def test_a_job_whose_time_has_come_is_claimed_again(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    await store.requeue(claim, fact("job.requeued"), not_before=datetime.now(UTC) - SOON)

    again = await rig.claim(await rig.read(claim))
    assert again.epoch == 2
    assert (await rig.read(claim)).not_before is None


async def test_a_job_that_loses_five_owners_is_given_up(rig: Rig, store: Store) -> None:
    job = await rig.submit()
    for _ in range(5):
        await rig.claim(job, term=EXPIRED)

    assert await store.claim(job.job_id, owner="me", term=TERM) is None

    buried = await rig.read(job)
    assert (buried.state, buried.outcome) == (JobState.DEAD_LETTER, JobOutcome.FAILED)
    assert buried.failure is not None
    assert buried.failure.reason is Reason.POISONED
    assert (await rig.types(job))[-1] == "job.deadLettered"
    assert await store.candidates(limit=10) == []


async def test_a_job_that_is_given_up_leaves_no_step_running(rig: Rig, store: Store) -> None:
    job = await rig.submit()
    claim = await rig.claim(job)
    await rig.start(claim)
    await rig.lapse(claim)
    for _ in range(5):
        await rig.claim(job, term=EXPIRED)

    await store.claim(job.job_id, owner="me", term=TERM)

    buried = await rig.read(job)
    assert StepState.RUNNING not in {step.state for step in buried.steps}


async def test_a_checkpoint_makes_a_job_worth_claiming_again(rig: Rig, store: Store) -> None:
    job = await rig.submit()
    for _ in range(4):
        await rig.claim(job, term=EXPIRED)
    fifth = await rig.claim(job)
    await rig.start(fifth)
    await rig.finish(fifth)
    await rig.lapse(fifth)

    assert await store.claim(job.job_id, owner="me", term=TERM) is not None


async def test_a_step_that_goes_on_printing_is_no_poison(rig: Rig, store: Store) -> None:
    """Six owners killed within one long step once gave up a job that was well."""
    job = await rig.submit()
    claim = await rig.claim(job)
    await rig.start(claim)
    for number in range(8):
        await rig.lapse(claim)
        claim = await rig.claim(job)
        piece = Segment(
            step_index=0,
            attempt=1,
            stream=Stream.STDOUT,
            offset=10 * number,
            size=10,
            order=number,
            key=f"k{number}",
        )
        await store.append_output(claim, [piece])
    await rig.lapse(claim)

    assert await store.claim(job.job_id, owner="me", term=TERM) is not None


async def test_claims_that_end_in_good_order_are_not_counted(rig: Rig, store: Store) -> None:
    job = await rig.submit()

    for _ in range(8):
        await store.requeue(await rig.claim(job), fact("job.requeued"), not_before=None)
        await rig.claim(job)
        await store.give_up("me")

    assert await rig.state(job) is JobState.RUNNING


async def test_a_job_that_waits_too_long_fails(rig: Rig, store: Store) -> None:
    hasty = await rig.submit(some_job(some_plan(queue_timeout=0)))
    patient = await rig.submit(some_job(some_plan(queue_timeout=3600)))
    await until_past(store, hasty.create_time)

    assert await store.expire_queued() == [hasty.job_id]

    failed = await rig.read(hasty)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert failed.failure.reason is Reason.QUEUE_EXPIRED
    assert (await rig.types(hasty))[-1] == "job.failed"
    assert await rig.state(patient) is JobState.QUEUED


async def test_a_claimed_job_no_longer_waits(rig: Rig, store: Store) -> None:
    job = await rig.submit(some_job(some_plan(queue_timeout=0)))
    await rig.claim(job)
    await until_past(store, job.create_time)

    assert await store.expire_queued() == []


async def until_past(store: Store, time: datetime) -> None:
    """Returns when the database's clock has left `time` behind."""
    async with asyncio.timeout(5):
        while (await store.submit(some_job()))[0].create_time <= time:
            pass
