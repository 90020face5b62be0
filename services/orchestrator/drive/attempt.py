"""One attempt of one step: its run, its end, what it leaves."""

import asyncio
import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, NoReturn

import structlog

from pawl.wire.errors import Unavailable
from services.orchestrator.drive.facts import sentence, step_event, summary_of
from services.orchestrator.drive.interrupt import CancelWanted, LimitHit
from services.orchestrator.drive.ports import (
    Finished,
    Receipt,
    Runner,
    RunnerUnreachable,
    RunOrder,
    RunOutcome,
    RunUnknown,
)
from services.orchestrator.drive.recording import Recording, RunLost
from services.orchestrator.drive.tracks import (
    Tree,
    next_order,
    segment_keys,
    step_logs,
    take_tree,
)
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs import retries
from services.orchestrator.jobs.failures import Failure, JobFailed, Reason
from services.orchestrator.jobs.job import Artifact, NewEvent, Step, StepState
from services.orchestrator.jobs.plan import PlannedStep, Stage
from services.orchestrator.source.git import GitFailed, GitSaidTooMuch, GitTimedOut

logger = structlog.get_logger(__name__)

NO_SNAPSHOT = (
    *(RunUnknown, RunnerUnreachable, TimeoutError, JobFailed),
    *(GitFailed, GitTimedOut, GitSaidTooMuch, Unavailable),
)
"""Why there may be none: the runner does not give the tree, or it cannot be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A step that is RUNNING in the store."""

    work: Work
    planned: PlannedStep
    step: Step

    def runner(self) -> Runner:
        """The runner its run belongs to, where it can be reached now.

        Raises RunnerUnreachable when the fleet has not heard of it.
        """
        runner = self.work.tools.fleet.find(self.step.runner_id)
        if runner is None:
            raise RunnerUnreachable(f"runner {self.step.runner_id} has not been heard of")
        return runner

    @property
    def order(self) -> RunOrder:
        """Equal on every call for the same attempt."""
        plan, limits = self.work.plan, self.work.plan.limits
        return RunOrder(
            run_id=self.step.run_id,
            epoch=self.work.claim.epoch,
            workspace_id=self.step.workspace_id,
            runtime=plan.runtime,
            model=plan.model,
            effort=plan.effort,
            prompt=self.planned.prompt,
            step_timeout=limits.step_timeout,
            silence=limits.silence,
            max_output_bytes=limits.max_output_bytes,
        )


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
    recording = await _recording(attempt)
    # The last owner may have died before it asked for the run. A runner that has the
    # workspace and no record of the run never started it; one that lost both says so.
    attach_only = adopting and bool(recording.positions)
    try:
        async with work.stop.watching():
            end = await recording.follow(attempt.runner, attempt.order, attach_only=attach_only)
    except (CancelWanted, LimitHit) as cause:
        await _stop(attempt, recording, cause)
    except JobFailed as refused:
        # It may be alive all the same: what cannot be believed is not what cannot run.
        await _stop(attempt, recording, _of_step(refused.failure, step))
    match end.outcome:
        case RunOutcome.SUCCEEDED:
            await _succeed(attempt, end)
        case RunOutcome.LOST:
            raise RunLost(end.failure.message if end.failure else "its processes are gone")
        case RunOutcome.CANCELLED | RunOutcome.FAILED:
            await _fail(attempt, end)


async def _recording(attempt: Attempt) -> Recording:
    work, step = attempt.work, attempt.step
    received = await work.tools.store.received(
        work.job.job_id, step_index=step.index, attempt=step.attempt
    )
    return Recording(
        work=work,
        step_index=step.index,
        attempt=step.attempt,
        positions=received,
        next_order=await next_order(work, step.index, step.attempt),
    )


async def _succeed(attempt: Attempt, end: Finished) -> None:
    work, step = attempt.work, attempt.step
    try:
        async with work.stop.watching():
            tree = await _checkpoint(attempt)
        logs = await step_logs(work, step.index, step.attempt)
    except RunUnknown as error:
        raise RunLost(f"its workspace was lost before the checkpoint: {error}") from error
    except (CancelWanted, LimitHit) as cause:
        await _close(attempt, cause, end=end)
    except JobFailed as refused:
        await _close(attempt, _of_step(refused.failure, step), end=end)
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
    work.told()
    await forget(attempt, keys)


async def _checkpoint(attempt: Attempt) -> Tree:
    """The tree after the run; waits for a runner that is away, as the work is done already."""
    pace = attempt.work.tools.pace
    give_up = time.monotonic() + pace.presumed_dead.total_seconds()
    while True:
        try:
            runner = attempt.runner()
            return await take_tree(attempt.work, runner, attempt.step.index, partial=False)
        except RunnerUnreachable as error:
            if time.monotonic() > give_up:
                raise RunLost(f"its runner was lost before the checkpoint: {error}") from error
            logger.info("checkpoint_delayed", why=str(error))
            await asyncio.sleep(pace.back_off.total_seconds())


async def _fail(attempt: Attempt, end: Finished) -> NoReturn:
    failure = end.failure or Failure(
        Reason.INTERNAL, "the run ended without a reason", "Look at the runner's log."
    )
    if failure.reason is Reason.AGENT_RATE_LIMITED:
        _wait_out(attempt, failure, end)
    tree = await _snapshot(attempt)
    await _close(attempt, _of_step(failure, attempt.step), end=end, tree=tree)


def _wait_out(attempt: Attempt, failure: Failure, end: Finished) -> None:
    """Has the step started again once the provider takes requests, where the job lives to see it.

    Raises RunLost; returns where the job's time would be up before.
    """
    job, now = attempt.work.job, attempt.work.tools.now()
    wait = retries.after_rate_limit(attempt.step.attempt, now=now, reset_time=end.reset_time)
    deadline = (job.start_time or now) + attempt.work.plan.limits.job_timeout
    if now + wait < deadline:
        raise RunLost(failure.message, wait=wait)


async def _stop(
    attempt: Attempt, recording: Recording, cause: CancelWanted | LimitHit | JobFailed
) -> NoReturn:
    """Stops the run, stores the rest of its output and what it had done."""
    receipt: Receipt | None = None
    end: Finished | None = None
    try:
        receipt = await _cancel(attempt)
        await recording.settle()
        async with asyncio.timeout(attempt.work.tools.pace.drain.total_seconds()):
            end = await recording.follow(attempt.runner, attempt.order, attach_only=True)
    except (RunLost, JobFailed, TimeoutError) as error:
        logger.info("rest_not_followed", why=str(error))
    # The time limit may have interrupted a write as well: the log is of what is stored.
    await recording.settle()
    tree = await _snapshot(attempt)
    await _close(attempt, cause, receipt=receipt, end=end, tree=tree)


async def _cancel(attempt: Attempt) -> Receipt:
    """The receipt of the stop; keeps asking until the run has ended by itself."""
    pace = attempt.work.tools.pace
    give_up = time.monotonic() + pace.presumed_dead.total_seconds()
    while True:
        try:
            return await attempt.runner().cancel(attempt.step.run_id, attempt.work.claim.epoch)
        except RunUnknown:
            return Receipt()
        except RunnerUnreachable as error:
            if time.monotonic() > give_up:
                raise RunLost(f"its runner could not be reached to stop it: {error}") from error
            await asyncio.sleep(pace.back_off.total_seconds() / 2)


async def _snapshot(attempt: Attempt) -> Tree | None:
    """The work of a step that did not succeed; evidence, so its absence fails nothing."""
    work = attempt.work
    try:
        async with asyncio.timeout(work.tools.pace.stop.total_seconds()):
            return await take_tree(work, attempt.runner(), attempt.step.index, partial=True)
    except NO_SNAPSHOT as error:
        logger.warning("no_snapshot", why=str(error))
        return None


async def _close(
    attempt: Attempt,
    cause: CancelWanted | LimitHit | JobFailed,
    *,
    receipt: Receipt | None = None,
    end: Finished | None = None,
    tree: Tree | None = None,
) -> NoReturn:
    """Stores the end of a step that did not succeed, then raises what ended it."""
    work, step, planned = attempt.work, attempt.step, attempt.planned
    artifacts: list[Artifact] = [*tree.artifacts] if tree else []
    try:
        artifacts += await step_logs(work, step.index, step.attempt)
        if isinstance(cause, CancelWanted):
            artifacts.append(await _keep_receipt(attempt, receipt or Receipt()))
    except JobFailed as full:
        # A full disk must not keep the step from ending: its job ends next.
        logger.warning("artifacts_not_kept", why=str(full))
    keys = await segment_keys(work, step.index, step.attempt)
    facts: dict[str, Any] = {"summary": summary_of(end)}
    if isinstance(cause, CancelWanted):
        state, word = StepState.CANCELLED, "cancelled"
        facts["survivors"] = list(receipt.survivors) if receipt else []
        message = sentence(planned, "was cancelled")
    else:
        state, word = StepState.FAILED, "failed"
        failure = cause.failure
        facts |= {
            "reason": failure.reason.value,
            "failure": failure.message,
            "remedy": failure.remedy,
        }
        message = sentence(planned, f"failed: {failure.message}")
    await work.tools.store.end_step(
        work.claim,
        *(tree.events if tree else ()),
        step_event(planned, word, message, **facts),
        step_index=step.index,
        state=state,
        summary=summary_of(end),
        usage=end.usage if end else None,
        artifacts=artifacts,
    )
    work.told()
    await forget(attempt, keys)
    raise cause


def _of_step(failure: Failure, step: Step) -> JobFailed:
    return JobFailed(replace(failure, step_index=step.index))


async def _keep_receipt(attempt: Attempt, receipt: Receipt) -> Artifact:
    job = await attempt.work.refresh()
    requested = job.cancel_requested
    document = {
        "jobId": job.job_id,
        "runId": attempt.step.run_id,
        "requestedBy": requested.by if requested else "",
        "requestedAt": requested.time.isoformat() if requested else "",
        "reason": requested.reason if requested else "",
        **asdict(receipt),
    }
    data = json.dumps(document, indent=2, default=str).encode()
    artifacts = attempt.work.tools.artifacts
    return await artifacts.put_bytes(job.job_id, "receipts/cancel.json", data)


async def forget(attempt: Attempt, keys: list[str]) -> None:
    """Lets go of what is stored elsewhere now: pieces of output, the runner's own record."""
    await attempt.work.tools.artifacts.delete(keys)
    try:
        await attempt.runner().acknowledge(attempt.step.run_id, attempt.work.claim.epoch)
    except (RunnerUnreachable, JobFailed) as error:
        # The runner forgets it by itself in time; how the step ended is stored already.
        logger.info("run_not_acknowledged", why=str(error))
