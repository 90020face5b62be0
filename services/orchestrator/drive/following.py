"""Sees one attempt through, from its run to what it leaves."""

import asyncio
import time
from dataclasses import replace
from typing import NoReturn

import structlog

from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.attempt import Attempt, RunLost
from services.orchestrator.drive.closing import close, forget, of_step
from services.orchestrator.drive.facts import sentence, step_event, summary_of
from services.orchestrator.drive.hearing import Hearing
from services.orchestrator.drive.interrupt import CancelWanted, LimitHit
from services.orchestrator.drive.ports import Finished, RunnerUnreachable, RunOutcome, RunUnknown
from services.orchestrator.drive.recording import Recording
from services.orchestrator.drive.stopping import Unended, end_run, snapshot, stop
from services.orchestrator.drive.tracks import Tree, next_order, segment_keys, step_logs, take_tree
from services.orchestrator.jobs import retries
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.failures import Failure, JobFailed, Reason
from services.orchestrator.jobs.job import NewEvent
from services.orchestrator.jobs.plan import Stage

logger = structlog.get_logger(__name__)


async def see_through(attempt: Attempt, *, adopting: bool) -> None:
    """Follows the run to its end and stores what became of it.

    Returns for a step that succeeded. Raises RunLost, JobFailed, and what interrupts
    the work, after the step's end is stored.
    """
    work, step = attempt.work, attempt.step
    if adopting:
        await work.note(
            NewEvent(
                type="job.resumed",
                message=f"The run of step {step.index} is followed on by a new owner.",
                payload={"stepIndex": step.index, "runId": step.run_id},
                stage=Stage.EXECUTE,
                step_index=step.index,
            )
        )
    hearing = await _hearing(attempt)
    # The last owner may have died before it asked for the run. A runner that has the
    # workspace and no record of the run never started it; one that lost both says so.
    attach_only = adopting and bool(hearing.recording.positions)
    try:
        async with work.stop.watching():
            end = await hearing.follow(attempt.runner, attempt.order, attach_only=attach_only)
    except (CancelWanted, LimitHit) as cause:
        await stop(attempt, hearing, cause)
    except JobFailed as refused:
        # It may be alive all the same: what cannot be believed is not what cannot run.
        await stop(attempt, hearing, of_step(refused.failure, step))
    end = end if end.usage is not None else replace(end, usage=hearing.usage)
    if end.outcome is not RunOutcome.FAILED and end.receipt and end.receipt.survivors:
        await _outlast(attempt, hearing, end)
    match end.outcome:
        case RunOutcome.SUCCEEDED:
            await _succeed(attempt, end)
        case RunOutcome.LOST:
            why = end.failure.message if end.failure else "its processes are gone"
            raise RunLost(why, usage=end.usage)
        case RunOutcome.CANCELLED | RunOutcome.FAILED:
            await _fail(attempt, end)


async def _hearing(attempt: Attempt) -> Hearing:
    work, step = attempt.work, attempt.step
    received = await work.tools.store.received(
        work.job.job_id, step_index=step.index, attempt=step.attempt
    )
    recording = Recording(
        work=work,
        step_index=step.index,
        attempt=step.attempt,
        positions=received,
        next_order=await next_order(work, step.index, step.attempt),
        version=step.version,
    )
    return Hearing(work=work, recording=recording)


async def _succeed(attempt: Attempt, end: Finished) -> None:
    work, step = attempt.work, attempt.step
    try:
        async with work.stop.watching():
            tree = await _checkpoint(attempt, end)
        logs = await step_logs(work, step.index, step.attempt)
    except RunUnknown as error:
        why = f"its workspace was lost before the checkpoint: {error}"
        raise RunLost(why, usage=end.usage) from error
    except (CancelWanted, LimitHit) as cause:
        await close(attempt, cause, receipt=end.receipt, end=end)
    except JobFailed as refused:
        await close(attempt, of_step(refused.failure, step), end=end)
    keys = await segment_keys(work, step.index, step.attempt)
    word = "succeeded" if tree.changed else "succeeded and changed nothing"
    await work.tools.store.finish_step(
        work.claim,
        *tree.events,
        step_event(
            attempt.planned,
            "finished",
            sentence(attempt.planned, word),
            summary=summary_of(end),
            durationSeconds=round(end.duration.total_seconds(), 3),
            changed=tree.changed,
            tree=tree.tree,
        ),
        step_index=step.index,
        commit=tree.commit,
        tree=tree.tree,
        summary=summary_of(end),
        usage=end.usage,
        artifacts=[*logs, *tree.artifacts],
    )
    reach(Point.T10, StoreAway)
    work.told()
    await forget(attempt, keys)


async def _checkpoint(attempt: Attempt, end: Finished) -> Tree:
    """The tree after the run; waits for a runner that is away, as the work is done already."""
    pace = attempt.work.tools.pace
    give_up = time.monotonic() + pace.presumed_dead.total_seconds()
    while True:
        try:
            reach(Point.T6, RunnerUnreachable)
            runner = attempt.runner()
            return await take_tree(attempt.work, runner, attempt.step.index, partial=False)
        except RunnerUnreachable as error:
            if time.monotonic() > give_up:
                why = f"its runner was lost before the checkpoint: {error}"
                raise RunLost(why, usage=end.usage) from error
            logger.info("checkpoint_delayed", why=str(error))
            await asyncio.sleep(pace.back_off.total_seconds())


async def _outlast(attempt: Attempt, hearing: Hearing, end: Finished) -> None:
    """Waits until what has outlived the run has gone: nothing more of the job runs beside it."""
    try:
        await end_run(attempt, contact=hearing.contact)
    except Unended as unended:
        await close(attempt, unended.given_up, receipt=unended.receipt, end=end)


async def _fail(attempt: Attempt, end: Finished) -> NoReturn:
    failure = end.failure or Failure(
        Reason.INTERNAL, "the run ended without a reason", "Look at the runner's log."
    )
    if failure.reason is Reason.AGENT_RATE_LIMITED:
        _wait_out(attempt, failure, end)
    tree = await snapshot(attempt)
    await close(attempt, of_step(failure, attempt.step), end=end, tree=tree)


def _wait_out(attempt: Attempt, failure: Failure, end: Finished) -> None:
    """Has the step started again once the provider takes requests, where the job lives to see it.

    Raises RunLost; returns where the job's time would be up before.
    """
    job, now = attempt.work.job, attempt.work.tools.now()
    wait = retries.after_rate_limit(attempt.step.attempt, now=now, reset_time=end.reset_time)
    deadline = (job.start_time or now) + attempt.work.plan.limits.job_timeout
    if now + wait < deadline:
        raise RunLost(failure.message, wait=wait, usage=end.usage)
