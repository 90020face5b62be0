"""No write of an owner that has lost its claim leaves a trace."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.orchestrator.jobs.claim import Claim, LeaseLost
from services.orchestrator.jobs.driving import Driving
from services.orchestrator.jobs.job import JobOutcome, JobState, StepState
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.store import Store
from tests.orchestrator.store.claiming import (
    PUBLICATION,
    RUN,
    Rig,
    a_segment,
    an_artifact,
    ended,
)
from tests.support.jobs import TERM, fact

Write = Callable[[Store, Claim], Awaitable[Any]]

STEP: dict[str, Any] = {"step_index": 0, "summary": "", "usage": None, "artifacts": []}

WRITES: dict[str, Write] = {
    "note": lambda store, claim: store.note(claim, fact()),
    "enter": lambda store, claim: store.enter(claim, Stage.PUBLISH, fact()),
    "pin": lambda store, claim: store.pin(
        claim, fact(), default_branch="x", base_commit="x", working_branch="x"
    ),
    "house": lambda store, claim: store.house(
        claim, fact(), workspace_id="job/9", runner_id="x", incarnation="x"
    ),
    "unhouse": lambda store, claim: store.unhouse(claim),
    "start_step": lambda store, claim: store.start_step(
        claim, fact(), step_index=1, attempt=1, **RUN
    ),
    "tell_version": lambda store, claim: store.tell_version(
        claim, step_index=0, attempt=1, version="x"
    ),
    "finish_step": lambda store, claim: store.finish_step(
        claim, fact(), commit="x", tree="x", **STEP
    ),
    "end_step": lambda store, claim: store.end_step(claim, fact(), state=StepState.FAILED, **STEP),
    "append_output": lambda store, claim: store.append_output(claim, [a_segment(0, 0, 1)]),
    "merge_output": lambda store, claim: store.merge_output(
        claim, a_segment(1, 0, 1), first_order=0
    ),
    "join_output": lambda store, claim: store.join_output(
        claim, step_index=0, attempt=1, artifacts=[an_artifact("x")]
    ),
    "keep": lambda store, claim: store.keep(claim, [an_artifact("x")]),
    "intend": lambda store, claim: store.intend(claim, PUBLICATION, fact()),
    "reach": lambda store, claim: store.reach(claim, "pushed", fact()),
    "request_pull_request": lambda store, claim: store.request_pull_request(claim),
    "opened_pull_request": lambda store, claim: store.opened_pull_request(
        claim, fact(), number=1, url="x"
    ),
    "wait": lambda store, claim: store.wait(claim, excused=TERM, asked=True),
    "go_on": lambda store, claim: store.go_on(claim),
    "requeue": lambda store, claim: store.requeue(claim, fact(), not_before=None),
    "end": lambda store, claim: store.end(
        claim, ended(), state=JobState.SUCCEEDED, outcome=JobOutcome.BRANCH
    ),
}

every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


@every_write
async def test_after_a_takeover_nothing_is_written(rig: Rig, store: Store, write: Write) -> None:
    old = await rig.claim()
    await rig.start(old)
    await rig.lapse(old)
    assert await store.claim(old.job_id, owner="other", term=TERM)
    before = await snapshot(store, old)

    with pytest.raises(LeaseLost):
        await write(store, old)

    assert await snapshot(store, old) == before


@every_write
async def test_an_earlier_claim_of_the_same_owner_writes_nothing(
    rig: Rig, store: Store, write: Write
) -> None:
    """The owner's name alone is no fence: it may have lost the job and got it back."""
    old = await rig.claim()
    await rig.start(old)
    await rig.lapse(old)
    assert await store.claim(old.job_id, owner=old.owner, term=TERM)
    before = await snapshot(store, old)

    with pytest.raises(LeaseLost):
        await write(store, old)

    assert await snapshot(store, old) == before


@every_write
async def test_an_owner_whose_lease_has_run_out_writes_nothing(
    rig: Rig, store: Store, write: Write
) -> None:
    """It was stopped for too long; that nobody has taken its job yet makes it no less late."""
    late = await rig.claim()
    await rig.start(late)
    await rig.lapse(late)
    before = await snapshot(store, late)

    with pytest.raises(LeaseLost):
        await write(store, late)

    assert await snapshot(store, late) == before


@every_write
async def test_after_the_end_nothing_is_written(rig: Rig, store: Store, write: Write) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    await store.end(claim, ended("failed"), state=JobState.FAILED, outcome=JobOutcome.FAILED)
    before = await snapshot(store, claim)

    with pytest.raises(LeaseLost):
        await write(store, claim)

    assert await snapshot(store, claim) == before


@every_write
async def test_an_owner_of_another_name_writes_nothing(
    rig: Rig, store: Store, write: Write
) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    forged = Claim(job_id=claim.job_id, epoch=claim.epoch, owner="other", previous=JobState.QUEUED)

    with pytest.raises(LeaseLost):
        await write(store, forged)


async def test_the_writes_above_are_all_there_are() -> None:
    """A new way to write must prove its fence here."""

    assert {name for name in vars(Driving) if not name.startswith("_")} == set(WRITES)


async def snapshot(store: Store, claim: Claim) -> tuple[Any, ...]:
    """Everything that is stored about a job."""
    job_id = claim.job_id
    return (
        await store.job(job_id),
        await store.events(job_id, after=0, limit=100),
        await store.artifacts(job_id),
        await store.segments(job_id, step_index=0, attempt=1, after_order=-1, limit=100),
        await store.stretches(job_id, step_index=0, attempt=1, from_position=0, limit=100),
        await store.publication(job_id),
    )
