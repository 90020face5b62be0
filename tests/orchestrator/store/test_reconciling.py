"""Whose turn it is to look for second pull requests, which jobs are due, and what is kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.orchestrator.jobs.forge import WantedPullRequest
from services.orchestrator.jobs.job import JobId, JobOutcome, JobState
from services.orchestrator.jobs.publishing import Phase
from services.orchestrator.jobs.reconciling import Turn, TurnLost
from services.orchestrator.store import reconciling
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.store.aging import aged
from tests.orchestrator.store.claiming import EXPIRED, PUBLICATION, Rig, ended
from tests.support.jobs import TERM, fact

WANTED = WantedPullRequest(head_branch="task/1", base_branch="main", title="T", body="B")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NONE = timedelta(0)


async def published(rig: Rig, *, asked: bool = True, recorded: int | None = 1) -> JobId:
    """A job that has ended, with its pull request asked for, and recorded."""
    claim = await rig.claim()
    await rig.store.intend(claim, replace(PUBLICATION, pull_request=WANTED), fact())
    await rig.store.reach(claim, Phase.PUSHED, fact())
    if asked:
        await rig.store.request_pull_request(claim)
    if recorded is not None:
        await rig.store.opened_pull_request(claim, fact(), number=recorded, url="https://f/1")
        state, outcome = JobState.SUCCEEDED, JobOutcome.PULL_REQUEST
        await rig.store.end(claim, ended(), state=state, outcome=outcome)
    else:
        state, outcome = JobState.FAILED, JobOutcome.FAILED
        await rig.store.end(claim, ended("failed"), state=state, outcome=outcome)
    return claim.job_id


async def turn_of(store: SqlStore) -> Turn:
    turn = await store.take_turn("me", term=TERM)
    assert turn is not None
    return turn


async def due(store: SqlStore, *, spacing: timedelta = NONE, limit: int = 9) -> list[JobId]:
    return list(await store.unreconciled(back=DAY, spacing=spacing, limit=limit))


async def test_one_at_a_time_has_the_turn(store: SqlStore) -> None:
    first = await store.take_turn("me", term=TERM)

    assert first is not None
    assert await store.take_turn("other", term=TERM) is None
    await store.end_turn(first, rest=NONE)
    assert await store.take_turn("other", term=TERM) is not None


async def test_a_turn_that_was_ended_is_free_within_the_same_millisecond(store: SqlStore) -> None:
    for _ in range(50):
        await store.end_turn(await turn_of(store), rest=NONE)


async def test_a_turn_without_a_sign_of_its_owner_goes_to_another(
    rig: Rig, store: SqlStore
) -> None:
    job_id = await published(rig)
    late = await store.take_turn("me", term=EXPIRED)
    assert late is not None

    assert await store.take_turn("other", term=TERM) is not None
    for write in (
        store.try_job(late, job_id, term=TERM),
        store.found(late, job_id, duplicates=[2]),
        store.reported(late, job_id, 2),
        store.looked(late, job_id),
    ):
        with pytest.raises(TurnLost):
            await write
    await store.end_turn(late, rest=NONE)

    job = await store.job(job_id)
    assert job is not None
    assert job.duplicate_pull_requests == ()
    assert await store.take_turn("third", term=TERM) is None


async def test_a_rest_is_kept_by_everybody(store: SqlStore) -> None:
    await store.end_turn(await turn_of(store), rest=HOUR)

    assert await store.take_turn("me", term=TERM) is None
    assert await store.take_turn("other", term=TERM) is None


async def test_a_turn_far_in_the_future_is_no_turn(store: SqlStore) -> None:
    """The clock was set back since it was taken; nobody would have had it for that long."""
    assert await store.take_turn("me", term=DAY) is not None

    assert await store.take_turn("other", term=TERM) is not None


async def test_jobs_with_a_pull_request_recorded_or_asked_for_are_due(
    rig: Rig, store: SqlStore
) -> None:
    recorded = await published(rig, asked=False)
    asked = await published(rig, recorded=None)
    await published(rig, asked=False, recorded=None)
    await rig.claim()

    assert await due(store) == [recorded, asked]


async def test_a_job_that_ended_long_ago_is_not_due(rig: Rig, store: SqlStore) -> None:
    job_id = await published(rig)

    await aged(store, job_id, end_time=DAY + HOUR)

    assert await due(store) == []


@pytest.mark.parametrize(
    ("looked", "expected"), [(11 * HOUR, True), (8 * HOUR, True), (6 * HOUR, False)]
)
async def test_the_distance_between_looks_grows(
    rig: Rig, store: SqlStore, looked: timedelta, expected: bool
) -> None:
    job_id = await published(rig)

    await aged(store, job_id, end_time=14 * HOUR, look_time=looked, try_time=looked)

    assert await due(store) == ([job_id] if expected else [])


async def test_what_was_tried_just_now_is_left_for_a_while_and_then_comes_last(
    rig: Rig, store: SqlStore
) -> None:
    """A job whose look fails time and again must not keep others from theirs."""
    failing, other = await published(rig), await published(rig)
    turn = await turn_of(store)

    assert await store.try_job(turn, failing, term=TERM)

    assert await due(store, spacing=HOUR) == [other]
    assert await due(store, limit=1) == [other]
    await aged(store, failing, try_time=HOUR)
    assert await due(store, spacing=HOUR) == [other, failing]


async def test_what_ended_again_since_is_due_at_once(rig: Rig, store: SqlStore) -> None:
    job_id = await published(rig)

    await aged(store, job_id, end_time=HOUR, look_time=2 * HOUR, try_time=2 * HOUR)

    assert await due(store, spacing=3 * HOUR) == [job_id]


async def test_duplicates_are_noted_once_and_are_no_event(rig: Rig, store: SqlStore) -> None:
    job_id = await published(rig)
    before = await store.job(job_id)
    events = await store.events(job_id, after=0, limit=100)
    turn = await turn_of(store)

    assert await store.found(turn, job_id, duplicates=[3]) == [3]
    assert await store.found(turn, job_id, duplicates=[2, 3]) == [2, 3]
    await store.reported(turn, job_id, 3)
    assert await store.found(turn, job_id, duplicates=[2, 3]) == [2]
    await store.looked(turn, job_id)

    after = await store.job(job_id)
    assert before is not None
    assert after == replace(before, duplicate_pull_requests=(2, 3))
    assert await store.events(job_id, after=0, limit=100) == events


async def test_a_job_that_was_opened_again_is_left_to_its_driver(rig: Rig, store: SqlStore) -> None:
    job_id = await published(rig, recorded=None)
    turn = await turn_of(store)
    await store.retry(job_id, by="ann", from_step=None, ended_attempt=0, settle=NONE)

    assert await due(store) == []
    assert not await store.try_job(turn, job_id, term=TERM)
    assert await store.found(turn, job_id, duplicates=[2]) == ()


async def test_published_jobs_are_found_by_their_index(store: SqlStore) -> None:
    plans: list[str] = []

    def explained(connection: sa.Connection) -> None:
        def explain(_c: object, cursor: object, statement: str, values: Any, *_: object) -> None:
            found = connection.connection.cursor().execute(
                f"EXPLAIN QUERY PLAN {statement}", values
            )
            plans.extend(row[3] for row in found)

        sa.event.listen(connection, "before_cursor_execute", explain)
        reconciling.unreconciled(connection, back=DAY, spacing=HOUR, limit=5)

    await store._threads.read(explained)

    assert any("job_published (end_time>?)" in plan for plan in plans), plans
