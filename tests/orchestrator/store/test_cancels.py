"""Cancel requests, and the one moment from which they come too late."""

from typing import Any

import pytest

from pawl.wire.errors import FailedPrecondition
from services.orchestrator.jobs.claim import CancelWins
from services.orchestrator.jobs.job import JobOutcome, JobState
from services.orchestrator.jobs.publishing import Phase
from services.orchestrator.jobs.store import Store
from tests.orchestrator.store.claiming import PUBLICATION, Rig, ended
from tests.support.jobs import TERM, fact, some_id

WHO: dict[str, Any] = {"by": "ann", "reason": "enough"}


async def test_a_queued_job_is_cancelled_at_once(rig: Rig, store: Store) -> None:
    job = await rig.submit()

    cancelled = await store.request_cancel(job.job_id, **WHO)

    assert cancelled is not None
    assert (cancelled.state, cancelled.outcome) == (JobState.CANCELLED, JobOutcome.CANCELLED)
    assert cancelled.end_time is not None
    assert await rig.types(job) == ["job.submitted", "job.cancel.requested", "job.cancelled"]
    assert await store.claim(job.job_id, owner="me", term=TERM) is None


async def test_a_running_job_is_asked(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    asked = await store.request_cancel(claim.job_id, **WHO)

    assert asked is not None
    assert asked.state is JobState.RUNNING
    assert asked.cancel_requested is not None
    assert (asked.cancel_requested.by, asked.cancel_requested.reason) == ("ann", "enough")
    assert (await rig.types(claim))[-1] == "job.cancel.requested"


async def test_asking_again_changes_nothing(rig: Rig, store: Store) -> None:
    queued, claim = await rig.submit(), await rig.claim()
    for job_id in (queued.job_id, claim.job_id):
        first = await store.request_cancel(job_id, **WHO)

        again = await store.request_cancel(job_id, by="bob", reason="also")

        assert again == first


async def test_no_such_job_is_none(store: Store) -> None:
    assert await store.request_cancel(some_id(), **WHO) is None


async def test_a_job_that_has_ended_cannot_be_cancelled(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await store.end(claim, ended(), state=JobState.SUCCEEDED, outcome=JobOutcome.NO_CHANGES)

    with pytest.raises(FailedPrecondition) as refused:
        await store.request_cancel(claim.job_id, **WHO)

    assert refused.value.reason == "JOB_ENDED"
    assert (await rig.types(claim))[-1] == "job.succeeded"


async def test_an_intent_is_recorded_once(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await store.intend(claim, PUBLICATION, fact("task.publish.intentRecorded"))

    other = await store.intend(claim, PUBLICATION, fact("again"))

    assert other == PUBLICATION
    assert await store.publication(claim.job_id) == PUBLICATION
    assert (await rig.types(claim))[2:] == ["task.publish.intentRecorded"]


async def test_after_the_intent_a_cancel_is_too_late_and_an_event_says_so_once(
    rig: Rig, store: Store
) -> None:
    claim = await rig.claim()
    await store.intend(claim, PUBLICATION)

    for _ in range(2):
        with pytest.raises(FailedPrecondition) as refused:
            await store.request_cancel(claim.job_id, **WHO)
        assert refused.value.reason == "TOO_LATE"

    assert (await rig.read(claim)).cancel_requested is None
    assert (await rig.types(claim))[2:] == ["job.cancel.tooLate"]


async def test_a_cancel_before_the_intent_wins(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await store.request_cancel(claim.job_id, **WHO)

    with pytest.raises(CancelWins):
        await store.intend(claim, PUBLICATION, fact())

    assert await store.publication(claim.job_id) is None


async def test_a_cancelled_job_is_never_requeued(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await store.request_cancel(claim.job_id, **WHO)

    with pytest.raises(CancelWins):
        await store.requeue(claim, fact(), not_before=None)

    assert await rig.state(claim) is JobState.RUNNING


async def test_a_cancelled_job_never_succeeds(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await store.request_cancel(claim.job_id, **WHO)

    with pytest.raises(CancelWins):
        await store.end(claim, ended(), state=JobState.SUCCEEDED, outcome=JobOutcome.BRANCH)

    await store.end(
        claim, ended("cancelled"), state=JobState.CANCELLED, outcome=JobOutcome.CANCELLED
    )
    assert await rig.state(claim) is JobState.CANCELLED


async def test_a_publication_only_moves_forward(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await store.intend(claim, PUBLICATION)

    await store.reach(claim, Phase.PUSHED, fact("task.publish.branchPushed"))
    await store.reach(claim, Phase.PUSHED, fact("again"))
    await store.reach(claim, Phase.INTENT, fact("back"))

    recorded = await store.publication(claim.job_id)
    assert recorded is not None
    assert recorded.phase is Phase.PUSHED
    assert (await rig.read(claim)).published_commit == PUBLICATION.commit
    assert (await rig.types(claim))[2:] == ["task.publish.branchPushed"]


async def test_nothing_is_pushed_without_an_intent(rig: Rig, store: Store) -> None:
    claim = await rig.claim()

    with pytest.raises(ValueError, match="no intent"):
        await store.reach(claim, Phase.PUSHED)


async def test_a_cancel_is_too_late_for_a_job_that_waits_with_its_intent(
    rig: Rig, store: Store
) -> None:
    """A queued job was cancelled at once, even where its result might be pushed already."""
    claim = await rig.claim()
    await store.intend(claim, PUBLICATION, fact("intent"))
    await store.requeue(claim, fact("job.requeued"), not_before=None)

    with pytest.raises(FailedPrecondition) as refused:
        await store.request_cancel(claim.job_id, **WHO)

    assert refused.value.reason == "TOO_LATE"
    assert await rig.state(claim) is JobState.QUEUED
