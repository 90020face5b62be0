"""What attempts consumed stays known when their steps run again."""

from datetime import timedelta

import pytest

from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.job import JobOutcome, JobState, StepState, Usage
from services.orchestrator.jobs.limits import over_budget
from services.orchestrator.jobs.store import Store
from tests.orchestrator.store.claiming import Rig, ended
from tests.support.jobs import some_job, some_plan

SOME = Usage(input_tokens=600, output_tokens=50)
MORE = Usage(input_tokens=400, cost_usd=0.25)
BOTH = Usage(input_tokens=1_000, output_tokens=50, cost_usd=0.25)


async def finish(store: Store, claim: Claim, step_index: int, usage: Usage | None) -> None:
    """A step with its checkpoint."""
    await store.finish_step(
        claim,
        step_index=step_index,
        commit="c" * 40,
        tree="f" * 40,
        summary="",
        usage=usage,
        artifacts=[],
    )


async def end(
    store: Store,
    claim: Claim,
    state: StepState,
    usage: Usage | None,
    *,
    step_index: int = 0,
    counted: bool = True,
) -> None:
    """An attempt that leaves no checkpoint."""
    await store.end_step(
        claim,
        step_index=step_index,
        state=state,
        summary="",
        usage=usage,
        artifacts=[],
        counted=counted,
    )


async def retry(store: Store, claim: Claim, from_step: int | None = None) -> None:
    """Ends the job as one that failed, opens it again."""
    await store.end(claim, ended("failed"), state=JobState.FAILED, outcome=JobOutcome.FAILED)
    await store.retry(
        claim.job_id, by="ann", from_step=from_step, ended_attempt=0, settle=timedelta(0)
    )


async def test_a_new_job_has_spent_nothing_that_is_known(rig: Rig) -> None:
    assert (await rig.submit()).spent is None


async def test_a_lost_attempts_tokens_count_once(rig: Rig, store: Store) -> None:
    limited = some_plan()
    limited.task["task"]["limits"]["maxTokens"] = 649
    claim = await rig.claim(await rig.submit(some_job(limited)))
    await rig.start(claim)

    await end(store, claim, StepState.LOST, SOME)

    lost = await rig.read(claim)
    assert (lost.spent, lost.steps[0].usage) == (SOME, SOME)
    failure = over_budget(limited.limits, lost.consumed, 0)
    assert failure is not None
    assert "650 tokens of 649" in failure.message
    await rig.start(claim, attempt=2)
    assert (await rig.read(claim)).consumed == [SOME, None, None]


@pytest.mark.parametrize("counted", [True, False])
async def test_losses_add_up(rig: Rig, store: Store, counted: bool) -> None:
    claim = await rig.claim()
    for attempt, usage in enumerate([SOME, None, MORE], start=1):
        await rig.start(claim, attempt=attempt)
        await end(store, claim, StepState.LOST, usage, counted=counted)

    assert (await rig.read(claim)).spent == BOTH


async def test_a_loss_nobody_measured_leaves_it_unknown(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)

    await end(store, claim, StepState.LOST, None)

    assert (await rig.read(claim)).spent is None


async def test_what_a_checkpoint_cost_stays_with_its_step(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)

    await finish(store, claim, 0, SOME)

    job = await rig.read(claim)
    assert (job.spent, job.steps[0].usage) == (None, SOME)
    assert job.consumed == [None, SOME, None]


async def test_a_retried_jobs_tokens_count(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    await finish(store, claim, 0, SOME)
    await rig.start(claim, step_index=1)
    await end(store, claim, StepState.FAILED, MORE, step_index=1)

    await retry(store, claim)

    again = await rig.read(claim)
    assert again.spent == MORE
    assert again.consumed == [MORE, SOME, None]


async def test_a_step_that_is_to_run_again_has_spent_what_it_cost(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    await finish(store, claim, 0, SOME)
    await rig.start(claim, step_index=1)
    await end(store, claim, StepState.FAILED, MORE, step_index=1)

    await retry(store, claim, from_step=0)

    again = await rig.read(claim)
    assert (again.spent, [step.usage for step in again.steps]) == (BOTH, [None, None])


async def test_a_retry_counts_a_lost_attempt_no_second_time(rig: Rig, store: Store) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    await end(store, claim, StepState.LOST, SOME)

    await retry(store, claim)

    assert (await rig.read(claim)).spent == SOME
