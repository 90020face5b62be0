"""The execute stage: the steps run one after the other, each ending in a checkpoint."""

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from pawl.wire.errors import Unavailable
from pawl.wire.faultpoints import Point, reach
from pawl.wire.logs import about
from services.orchestrator.drive.attempt import Attempt, GivenUp, RunLost
from services.orchestrator.drive.closing import forget
from services.orchestrator.drive.facts import sentence, stage_event, step_event
from services.orchestrator.drive.following import see_through
from services.orchestrator.drive.housing import NoRoom, house, leave
from services.orchestrator.drive.interrupt import CancelWanted, LimitHit
from services.orchestrator.drive.ports import Runner
from services.orchestrator.drive.stagelogs import events_of
from services.orchestrator.drive.tracks import segment_keys, step_logs
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs import retries
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.failures import Failure, JobFailed, Reason
from services.orchestrator.jobs.job import NewEvent, Step, StepState
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.source import patch
from services.orchestrator.source.git import GitFailed, GitTimedOut

logger = structlog.get_logger(__name__)

NOT_KEPT = (JobFailed, GitFailed, GitTimedOut, Unavailable)
"""Why there may be no patch of a job that did not succeed; it ends for its own reason."""


async def execute(work: Work) -> None:
    """Runs every step that has no checkpoint yet.

    That the stage is finished is told in the write that follows, so that it is told once.

    Raises JobFailed for a step that failed, GivenUp, NoRoom, and what interrupts the work.
    """
    if work.job.stage is Stage.PREPARE:
        await _enter(work)
    if work.job.stage is not Stage.EXECUTE:
        return
    try:
        while work.job.cursor < len(work.job.steps):
            await _run_step(work, work.job.steps[work.job.cursor])
            await work.refresh()
    except (JobFailed, GivenUp, CancelWanted, LimitHit):
        try:
            await _keep_changes(work)
        except NOT_KEPT as error:
            logger.warning("no_changes_patch", why=str(error))
        raise
    await _keep_changes(work)


async def _enter(work: Work) -> None:
    ids = [step.id for step in work.plan.steps]
    await work.tools.store.enter(
        work.claim,
        Stage.EXECUTE,
        stage_event(Stage.PREPARE, "finished", "The job is prepared."),
        stage_event(Stage.EXECUTE, "started", "The steps are being run."),
        NewEvent(
            type="task.steps.plan",
            message=f"{len(ids)} steps: {', '.join(ids[:20])}.",
            payload={"count": len(ids), "ids": ids},
            stage=Stage.EXECUTE,
        ),
    )
    work.told()
    await work.refresh()


async def _recorded_failure(work: Work, step: Step) -> Failure:
    """Why a step failed whose owner was lost before it could end the job.

    A failed step is not run again by itself: that would cost money nobody has agreed to.
    """
    told: Mapping[str, Any] = {}
    async for event in events_of(work):
        if event.type == "task.step.failed" and event.step_index == step.index:
            told = event.payload
    return Failure(
        Reason(told["reason"]),
        told["failure"],
        told.get("remedy", "Read the step's log."),
        step.index,
    )


async def _run_step(work: Work, step: Step) -> None:
    if step.state is StepState.FAILED:
        raise JobFailed(await _recorded_failure(work, step))
    if step.state is StepState.LOST:
        _after_losses(work, step, "its last owner was lost, too")
    adopting = step.state is StepState.RUNNING
    try:
        if not adopting:
            # Most CLIs tell what they consumed only at the end of a turn, which costs.
            if failure := work.over_budget():
                raise JobFailed(failure)
            await _join_earlier(work, step.index)
            runner = await house(work)
            work.stop.check()
            step = await _start(work, runner, step.index)
        with about(run_id=step.run_id, step_index=step.index, attempt=step.attempt):
            attempt = Attempt(work=work, planned=work.plan.steps[step.index], step=step)
            await see_through(attempt, adopting=adopting)
    except RunLost as lost:
        await _lose(work, step, lost)


async def _join_earlier(work: Work, index: int) -> None:
    """Makes logs of what attempts wrote whose owners could not: a job may end as poison."""
    store, job_id = work.tools.store, work.job.job_id
    for attempt in await store.unjoined(job_id, step_index=index):
        artifacts = await step_logs(work, index, attempt, lost=True)
        keys = await segment_keys(work, index, attempt)
        await store.join_output(work.claim, step_index=index, attempt=attempt, artifacts=artifacts)
        await work.tools.artifacts.delete(keys)


async def _start(work: Work, runner: Runner, index: int) -> Step:
    planned, attempt = work.plan.steps[index], work.job.attempt
    await work.tools.store.start_step(
        work.claim,
        step_event(planned, "started", sentence(planned, "is running"), summary=""),
        step_index=index,
        attempt=attempt,
        run_id=f"{work.job.job_id}/{attempt}/{index}",
        runner_id=runner.runner_id,
        incarnation=runner.incarnation,
        workspace_id=work.job.workspace_id,
    )
    reach(Point.T1, StoreAway)
    work.told()
    job = await work.refresh()
    return job.steps[index]


async def _lose(work: Work, step: Step, lost: RunLost) -> None:
    """Stores that an attempt was lost; another one follows if any is left.

    Raises GivenUp, and NoRoom where the next one has to wait for a provider.
    """
    planned, why = work.plan.steps[step.index], lost.why
    artifacts = await step_logs(work, step.index, step.attempt, lost=True)
    keys = await segment_keys(work, step.index, step.attempt)
    await work.tools.store.end_step(
        work.claim,
        step_event(planned, "lost", sentence(planned, f"was lost: {why}"), summary="", why=why),
        step_index=step.index,
        state=StepState.LOST,
        summary="",
        usage=lost.usage,
        artifacts=artifacts,
        counted=lost.wait is None,
    )
    work.told()
    # Closing the workspace ends what may run in it still: only then can the run be forgotten.
    await leave(work)
    await forget(Attempt(work=work, planned=planned, step=step), keys)
    await work.tools.store.unhouse(work.claim)
    job = await work.refresh()
    if job.cancel_requested is not None:
        # What was to be stopped has stopped: it is neither started again nor given up.
        raise CancelWanted
    if lost.wait is not None:
        raise NoRoom(why, wait=lost.wait)
    pause = _after_losses(work, step, why)
    async with work.stop.watching():
        await asyncio.sleep(pause.total_seconds())


def _after_losses(work: Work, step: Step, why: str) -> timedelta:
    """How long to wait before the step is started again. Raises GivenUp."""
    job = work.job
    if not job.losses:
        return timedelta()  # what was lost was nobody's fault
    match retries.after_loss(job.losses, job.max_attempts, jitter=random.random()):  # noqa: S311
        case retries.Retry() as retry:
            return work.tools.pace.scale * retry.back_off
        case retries.GiveUp():
            raise GivenUp(
                Failure(
                    Reason.RUNNER_LOST,
                    f"step {step.index} was lost with its runner {job.losses} times "
                    f"in a row; the last time: {why}",
                    "Look at the runners' logs, then retry the job.",
                    step.index,
                )
            )


async def _keep_changes(work: Work) -> None:
    """`patches/changes.patch`: everything from the base to the last checkpoint."""
    job, mirror = await work.refresh(), await work.mirror()
    with mirror.scratch() as folder:
        file = await patch.diff(
            mirror, job.base_commit, job.checkpoint_commit, folder / "changes.patch"
        )
        if file is not None:
            kept = await work.tools.artifacts.put_file(job.job_id, "patches/changes.patch", file)
            await work.tools.store.keep(work.claim, [kept])
