"""Questions that are asked all the time find their answer by an index."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from services.orchestrator.jobs.job import JobId, JobState
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.reading import JobFilter
from services.orchestrator.store import (
    claims,
    expiring,
    listing,
    retaining,
    standing,
    submits,
    tables,
)
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.store.claiming import Rig
from tests.support.jobs import TERM, fact, some_job, some_plan

QUEUED = 20_000
OLD_CHECKPOINTS = retaining.with_old_checkpoints(timedelta(days=30))
OLD_ARTIFACTS = retaining.with_old_artifacts(timedelta(days=30))


@pytest.mark.parametrize(
    ("index", "ask"),
    [
        ("job_claimable", lambda connection: claims.candidates(connection, limit=5, after="")),
        ("job_claimable", partial(claims.candidates, limit=5, after="", state=JobState.QUEUED)),
        (
            "job_publishing",
            partial(claims.candidates, limit=5, after="", state=JobState.QUEUED, publishing=True),
        ),
        ("job_queue_deadline", expiring.overdue),
        # By its id it has no need to look for what is overdue.
        (
            "sqlite_autoindex_job_1",
            lambda connection: expiring.expire(connection, JobId("some-job")),
        ),
        ("job_listed", lambda connection: claims.give_up(connection, "me")),
        ("job_checkpoints_kept", partial(retaining.jobs, where=OLD_CHECKPOINTS, limit=5)),
        ("job_artifacts_kept", partial(retaining.jobs, where=OLD_ARTIFACTS, limit=5)),
        ("job_request", lambda connection: submits.submitted(connection, "local", "r")),
    ],
)
async def test_the_index_is_used(
    store: SqlStore, index: str, ask: Callable[[sa.Connection], object]
) -> None:
    plans = await plans_of(store, ask)

    assert any(index in plan for plan in plans), plans
    assert not any("TEMP B-TREE" in plan for plan in plans), plans


@pytest.mark.parametrize(
    ("index", "matching"),
    [
        ("job_listed", JobFilter()),
        ("job_listed", JobFilter(states=(JobState.FAILED, JobState.QUEUED), runtime="codex")),
        ("job_listed", JobFilter(label="team=core", publish_mode="pr", repository="owner/repo")),
        ("job_found", JobFilter(skill="auto", publish_mode="pr", repository="owner/repo")),
        ("job_found", JobFilter(label="team", text="two exit")),
    ],
)
@pytest.mark.parametrize("few", [listing.FEW, -1])
async def test_lists_pass_over_jobs_without_reading_their_rows(
    store: SqlStore, index: str, matching: JobFilter, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", few)

    def ask(connection: sa.Connection) -> None:
        listing.orders(connection, matching, before=1000, limit=51)

    plans = [plan for plan in await plans_of(store, ask) if "job" in plan or "label" in plan]

    assert plans
    for plan in plans:
        assert (
            f"USING COVERING INDEX {index} (state=? AND submit_order" in plan
            or "USING COVERING INDEX label_listed (key=?" in plan
        ), plans


async def test_the_queue_is_counted_without_what_has_ended(store: SqlStore) -> None:
    """Grouped by their states, all jobs that had ever been were read for it."""
    plans = await plans_of(store, standing.queue)

    of_jobs = [one for one in plans if " job " in one]
    assert of_jobs
    assert all("USING INDEX job_claimable" in one for one in of_jobs), plans


async def plans_of(store: SqlStore, ask: Callable[[sa.Connection], object]) -> list[str]:
    """How the database goes about each statement of a question."""
    plans: list[str] = []

    def explained(connection: sa.Connection) -> None:
        def explain(_c: object, cursor: object, statement: str, values: Any, *_: object) -> None:
            rows = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend(row[3] for row in rows)

        sa.event.listen(connection, "before_cursor_execute", explain)
        ask(connection)

    await store._threads.write(explained)
    return plans


async def test_a_long_queue_is_claimed_from_its_front(rig: Rig, store: SqlStore) -> None:
    """The front is found without going through the queue, so its length does not matter."""
    first = await rig.submit(some_job(priority=1))
    await store._threads.write(fill, JobId(first.job_id))

    found = await store.candidates(limit=3)

    assert found[0].job_id == first.job_id
    assert len(found) == 3
    assert await store.claim(first.job_id, owner="me", term=TERM) is not None


async def test_what_lies_behind_the_long_queue_of_a_full_repository_is_found(
    rig: Rig, store: SqlStore
) -> None:
    await rig.claim()
    waiting = await rig.submit()
    await store._threads.write(fill, JobId(waiting.job_id))
    behind = await rig.submit(some_job(some_plan(repository="owner/other"), priority=-1))

    found = await store.candidates(limit=3, state=JobState.QUEUED, per_repository=1)

    assert [one.job_id for one in found] == [behind.job_id]


async def test_what_lies_behind_a_long_queue_that_nobody_can_take_is_found(
    rig: Rig, store: SqlStore
) -> None:
    waiting = await rig.submit(some_job(some_plan(capabilities=("codex", "gh"))))
    await store._threads.write(fill, JobId(waiting.job_id))
    behind = await rig.submit(some_job(priority=-1))

    found = await store.candidates(
        limit=3, state=JobState.QUEUED, without=[("codex", "gh"), ("gpu",)]
    )

    assert [one.job_id for one in found] == [behind.job_id]


async def test_what_only_publishes_is_found_behind_a_long_queue(rig: Rig, store: SqlStore) -> None:
    waiting = await rig.submit()
    await store._threads.write(fill, JobId(waiting.job_id))
    behind = await rig.submit(some_job(priority=-1))
    claim = await rig.claim(behind)
    await store.enter(claim, Stage.PUBLISH, fact())
    await store.requeue(claim, fact(), not_before=None)

    found = await store.candidates(limit=3, state=JobState.QUEUED, publishing=True)

    assert [(one.job_id, one.publishing) for one in found] == [(behind.job_id, True)]


def fill(connection: sa.Connection, like: JobId) -> None:
    """Many more jobs like one, all of them behind it."""
    job = tables.job
    row = dict(connection.execute(sa.select(job).where(job.c.job_id == like)).mappings().one())
    del row["submit_order"]
    row |= {"priority": 0, "claim_rank": 0}
    connection.execute(
        sa.insert(job), [row | {"job_id": f"{like}-{number}"} for number in range(QUEUED)]
    )
