"""What is given up of jobs that have ended, and what never is."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from pawl.wire.errors import FailedPrecondition
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.job import JobOutcome, JobState
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.store.store import SqlStore, opened
from tests.orchestrator.store.claiming import PUBLICATION, Rig, a_segment, an_artifact, ended

NOW = timedelta(seconds=-60)
"""Older than this is everything: the age of what ends in a minute."""
FAILURE = Failure(Reason.AGENT_EXIT, "it ended with 7", "Read the log.", 1)


async def over(rig: Rig, state: JobState = JobState.SUCCEEDED) -> Claim:
    """A job that has ended, with a checkpoint and an artifact."""
    claim = await rig.claim()
    await rig.start(claim)
    await rig.finish(claim)
    await end(rig, claim, state)
    return claim


async def end(rig: Rig, claim: Claim, state: JobState) -> None:
    """The end of a job."""
    failing = state in {JobState.FAILED, JobState.DEAD_LETTER}
    await rig.store.end(
        claim,
        ended(),
        state=state,
        outcome=JobOutcome.FAILED if failing else JobOutcome.NO_CHANGES,
        failure=FAILURE if failing else None,
    )


async def retry(store: SqlStore, claim: Claim) -> None:
    """What RetryJob does."""
    await store.retry(
        claim.job_id, by="me", from_step=None, ended_attempt=0, settle=timedelta(minutes=1)
    )


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.DEAD_LETTER])
async def test_a_job_whose_checkpoints_are_gone_is_not_opened_again(
    store: SqlStore, rig: Rig, state: JobState
) -> None:
    claim = await over(rig, state)

    given_up = await store.give_up_checkpoints(older_than=NOW, limit=10)

    assert given_up == [claim.job_id]
    with pytest.raises(FailedPrecondition) as refused:
        await retry(store, claim)
    assert refused.value.reason == "CHECKPOINT_GONE"
    assert await rig.state(claim) is state


async def test_the_events_of_a_job_do_not_change_when_something_is_given_up(
    store: SqlStore, rig: Rig
) -> None:
    claim = await over(rig)
    before = await rig.types(claim)

    await store.give_up_checkpoints(older_than=NOW, limit=10)
    await store.give_up_artifacts(older_than=NOW, limit=10)

    assert await rig.types(claim) == before


async def test_what_ended_a_moment_ago_is_kept(store: SqlStore, rig: Rig) -> None:
    claim = await over(rig)
    day = timedelta(days=1)

    assert await store.give_up_checkpoints(older_than=day, limit=10) == []
    assert await store.give_up_artifacts(older_than=day, limit=10) == []
    assert len(await store.artifacts(claim.job_id)) == 1


async def test_nothing_is_given_up_of_jobs_that_go_on(store: SqlStore, rig: Rig) -> None:
    queued, running = await rig.submit(), await rig.claim()
    await rig.start(running)

    assert await store.give_up_checkpoints(older_than=NOW, limit=10) == []
    assert await store.give_up_artifacts(older_than=NOW, limit=10) == []
    assert await store.settled([queued.job_id, running.job_id]) == frozenset()


async def test_a_retried_job_keeps_its_checkpoints(store: SqlStore, rig: Rig) -> None:
    claim = await over(rig, JobState.FAILED)
    await retry(store, claim)

    assert await store.give_up_checkpoints(older_than=NOW, limit=10) == []


async def test_unpublished_work_is_never_given_up(store: SqlStore, rig: Rig) -> None:
    claim = await rig.claim()
    await store.enter(claim, Stage.PUBLISH)
    await store.intend(claim, PUBLICATION)
    await store.keep(claim, [an_artifact("patches/changes.patch")])
    await end(rig, claim, JobState.FAILED)

    assert await store.give_up_checkpoints(older_than=NOW, limit=10) == []
    assert await store.give_up_artifacts(older_than=NOW, limit=10) == []
    await retry(store, claim)
    assert await rig.state(claim) is JobState.QUEUED


async def test_a_failed_jobs_artifacts_stay_as_long_as_it_can_be_opened_again(
    store: SqlStore, rig: Rig
) -> None:
    claim = await over(rig, JobState.FAILED)

    assert await store.give_up_artifacts(older_than=NOW, limit=10) == []
    await store.give_up_checkpoints(older_than=NOW, limit=10)
    (given_up,) = await store.give_up_artifacts(older_than=NOW, limit=10)

    assert (given_up.job_id, given_up.size_bytes) == (claim.job_id, 3)
    assert given_up.keys == ("k/" + "a" * 64,)
    assert await store.artifacts(claim.job_id) == []
    assert (await rig.read(claim)).artifacts_removed is not None


async def test_beyond_a_size_what_ended_first_is_given_up(
    store: SqlStore, rig: Rig, url: str
) -> None:
    claims = [await over(rig) for _ in range(6)]
    kept = await over(rig, JobState.FAILED)
    sizes: dict[str, Any] = {"size_bytes": 10, "older_than": NOW, "limit": 20}

    async with opened(url) as another:
        rounds = await asyncio.gather(
            *(one.give_up_artifacts_beyond(**sizes) for one in (store, another))
        )

    given_up = [one.job_id for found in rounds for one in found]
    assert given_up == [claim.job_id for claim in claims[:4]]
    assert len(await store.artifacts(kept.job_id)) == 1
    assert await store.give_up_artifacts_beyond(**sizes) == []


async def test_what_is_given_up_is_given_up_once(store: SqlStore, rig: Rig, url: str) -> None:
    claims = [await over(rig) for _ in range(30)]

    async with opened(url) as another:
        rounds = await asyncio.gather(
            *(one.give_up_artifacts(older_than=NOW, limit=30) for one in (store, another))
        )

    given_up = [one.job_id for found in rounds for one in found]
    assert sorted(given_up) == sorted(claim.job_id for claim in claims)


async def test_of_a_retry_and_a_collection_one_comes_first(
    store: SqlStore, rig: Rig, url: str
) -> None:
    claims = [await over(rig, JobState.FAILED) for _ in range(40)]

    async def retries() -> set[str]:
        opened_again: set[str] = set()
        for claim in claims:
            try:
                await retry(store, claim)
                opened_again.add(claim.job_id)
            except FailedPrecondition:
                continue
        return opened_again

    async with opened(url) as another:
        reopened, *rounds = await asyncio.gather(
            retries(), *(another.give_up_checkpoints(older_than=NOW, limit=4) for _ in range(8))
        )
    given_up = {str(job_id) for found in rounds for job_id in found}

    assert not set(reopened) & given_up
    assert set(reopened) | given_up == {claim.job_id for claim in claims}


async def test_references_are_those_of_artifacts_and_of_segments(store: SqlStore, rig: Rig) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    await store.append_output(claim, [a_segment(0, 0, 3)])
    await store.keep(claim, [an_artifact("a.log")])
    keys = ["segment-0", "k/" + "a" * 64, "nothing"]

    assert await store.referred_to([claim.job_id], keys) == set(keys[:2])
    assert await store.referred_to(["another"], keys) == set()


async def test_what_open_jobs_stand_on_is_told_by_repository(store: SqlStore, rig: Rig) -> None:
    claim = await rig.claim()
    await store.pin(claim, default_branch="main", base_commit="b" * 40, working_branch="task/1")
    await over(rig)

    assert await store.needed_repositories(after="", limit=10) == ["owner/repo"]
    assert await store.needed_repositories(after="owner/repo", limit=10) == []
    (one,) = await store.needed_commits("owner/repo", after="", limit=10)
    assert (one.job_id, one.commits) == (claim.job_id, ("b" * 40,))


async def test_the_store_tells_what_it_keeps(store: SqlStore, rig: Rig) -> None:
    assert (await store.kept()).jobs == 0
    claim = await over(rig)

    kept = await store.kept()

    job = await rig.read(claim)
    assert kept.jobs == 1
    assert kept.size_bytes > 4096
    assert kept.oldest_job == job.create_time
    assert kept.oldest_checkpoints == kept.oldest_artifacts == job.end_time
