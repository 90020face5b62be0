"""What became of jobs is counted as a plain list of them would have it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.orchestrator.jobs.history import Bucket, History, Lengths
from services.orchestrator.jobs.job import JobOutcome, JobState
from services.orchestrator.store import history, rows
from services.orchestrator.store.store import SqlStore, opened
from tests.orchestrator.store.claiming import Rig, ended
from tests.orchestrator.store.past import Past, clock, put, stamp
from tests.orchestrator.store.test_queries import plans_of
from tests.support.jobs import fact

MINUTE = timedelta(minutes=1)
WIDE = 60_000_000
BUCKETS = 4
ENDED = [one for one in JobState if one.terminal]

# Minutes to a border of a bucket and a microsecond beside it are where counting goes wrong.
MOMENTS = st.builds(
    lambda minutes, beside: minutes * WIDE + beside,
    st.integers(-BUCKETS - 1, 0),
    st.sampled_from([0, -1, 1]) | st.integers(0, WIDE - 1),
)
SPANS = st.none() | st.integers(-3, 3) | st.integers(0, 3 * WIDE)


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    """A job by its times, from the begin of the bucket that is under way; some make no sense."""
    end = draw(MOMENTS)
    took, waited = draw(SPANS), draw(SPANS)
    start = None if took is None else end - took
    since = end if start is None else start
    return Past(
        create_time=draw(MOMENTS),
        opened_time=None if waited is None else since - waited,
        start_time=start,
        end_time=draw(st.sampled_from([end, end, end, None])),
        state=draw(st.sampled_from(ENDED)),
    )


@pytest.mark.timeout(120)
def test_history_is_what_a_plain_list_of_jobs_tells(url: str) -> None:
    with asyncio.Runner() as runner:
        lives = AsyncExitStack()
        store = runner.run(lives.enter_async_context(opened(url)))

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        # Of two that ended in the same moment, none is newer.
        @given(
            st.lists(pasts(), max_size=20, unique_by=lambda one: one.end_time),
            st.sampled_from([4, 8, 1000]),
        )
        def one(jobs: list[Past], sample: int) -> None:
            runner.run(compare(store, jobs, sample))

        try:
            one()
        finally:
            runner.run(lives.aclose())


async def compare(store: SqlStore, jobs: list[Past], sample: int) -> None:
    """Both ways to count, over jobs whose times are moved to now."""
    under_way = await clock(store) // WIDE * WIDE
    placed = [moved(one, under_way) for one in jobs]
    await put(store, placed)

    found = await store._threads.read(
        partial(history.read, length=MINUTE, buckets=BUCKETS, sample=sample)
    )

    assert found == told(placed, stamp(found.now), sample // BUCKETS)


def moved(job: Past, by: int) -> Past:
    def later(time: int | None) -> int | None:
        return None if time is None else time + by

    return Past(
        create_time=job.create_time + by,
        opened_time=later(job.opened_time),
        start_time=later(job.start_time),
        end_time=later(job.end_time),
        state=job.state,
    )


def told(jobs: Sequence[Past], now: int, most: int) -> History:
    """The same by going through all of them, once for each bucket."""
    first = (now // WIDE - BUCKETS + 1) * WIDE
    return History(
        now=rows.sure_time(now),
        length=MINUTE,
        buckets=tuple(bucket(jobs, first + number * WIDE, most) for number in range(BUCKETS)),
    )


def bucket(jobs: Sequence[Past], begin: int, most: int) -> Bucket:
    here = [
        one for one in jobs if one.end_time is not None and begin <= one.end_time < begin + WIDE
    ]
    claimed = sorted(
        (one for one in here if one.start_time is not None),
        key=lambda one: one.end_time or 0,
        reverse=True,
    )
    return Bucket(
        start=rows.sure_time(begin),
        submitted=sum(begin <= one.create_time < begin + WIDE for one in jobs),
        ended=Counter(one.state for one in here),
        took=lengths([between(one.start_time, one.end_time) for one in claimed], most),
        waited=lengths([between(one.opened_time, one.start_time) for one in claimed], most),
    )


def between(begin: int | None, end: int | None) -> int | None:
    return None if begin is None or end is None or end < begin else end - begin


def lengths(newest_first: list[int | None], most: int) -> Lengths | None:
    known = [one for one in newest_first if one is not None]
    sampled = sorted(one for one in newest_first[:most] if one is not None)
    if not sampled:
        return None

    def reached(share: float) -> timedelta:
        return timedelta(
            microseconds=next(
                one
                for one in sampled
                if sum(other <= one for other in sampled) >= share * len(sampled)
            )
        )

    return Lengths(
        jobs=len(known),
        sampled=len(sampled),
        p50=reached(0.5),
        p90=reached(0.9),
        longest=timedelta(microseconds=max(known)),
    )


async def test_a_job_that_was_opened_again_waits_from_then_on(rig: Rig, store: SqlStore) -> None:
    """What it had done before, for days perhaps, would be told as waiting."""
    claim = await rig.claim()
    await store.end(claim, ended("failed"), state=JobState.FAILED, outcome=JobOutcome.FAILED)
    retried = await store.retry(
        claim.job_id, by="ann", from_step=None, ended_attempt=0, settle=timedelta()
    )
    assert retried is not None
    opened_again = await clock(store)
    while await clock(store) <= opened_again:
        pass
    await rig.claim(retried)

    stored = await rig.read(retried)
    shown = await newest(store, stored.job_id)

    assert stored.start_time is not None
    assert stamp(stored.create_time) < shown <= opened_again < stamp(stored.start_time)


async def newest(store: SqlStore, job_id: str) -> int:
    column = history.job.c
    query = sa.select(column.opened_time).where(column.job_id == job_id)
    return await store._threads.read(lambda connection: connection.scalar(query) or 0)


async def test_to_be_put_back_does_not_open_a_job_again(rig: Rig, store: SqlStore) -> None:
    claim = await rig.claim()
    before = await newest(store, claim.job_id)
    await store.requeue(claim, fact("job.requeued"), not_before=None)

    assert await newest(store, claim.job_id) == before


async def test_what_became_of_jobs_is_found_by_indexes_alone(store: SqlStore) -> None:
    """Rows of jobs are wide: a week of them would be megabytes to read."""
    await put(store, [await a_minute_ago(store)])

    plans = await plans_of(store, partial(history.read, length=MINUTE, buckets=BUCKETS))

    of_jobs = [one for one in plans if " job " in one]
    assert of_jobs
    assert all("USING COVERING INDEX job_" in one for one in of_jobs), plans


async def a_minute_ago(store: SqlStore) -> Past:
    time = await clock(store) - WIDE
    return Past(
        create_time=time,
        opened_time=time,
        start_time=time,
        end_time=time,
        state=JobState.SUCCEEDED,
    )
