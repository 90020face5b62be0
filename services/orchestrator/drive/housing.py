"""Gives a job the workspace its next step runs in."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import structlog

from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.ports import (
    PackFor,
    PreparedWorkspace,
    Runner,
    RunnerFull,
    RunnerUnreachable,
    WorkspaceOrder,
)
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.jobs.job import Job, NewEvent, StepState
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.retries import LONGEST_BACK_OFF
from services.orchestrator.source import pack
from services.orchestrator.source.location import repository_key
from services.orchestrator.source.mirror import Mirror

logger = structlog.get_logger(__name__)

SKILLS_NAMED = 20
"""How many of the operator's skills the message of a failure names."""


class NoRoom(Exception):
    """No runner takes the job now: it goes back to the queue, at no cost."""

    def __init__(self, why: str, *, wait: timedelta = timedelta()) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait


async def house(work: Work) -> Runner:
    """The runner that holds the workspace; makes one where there is none that fits.

    A workspace is used again only when nothing ran in it since the last checkpoint.
    Raises NoRoom, JobFailed.
    """
    job = work.job
    runner = await _reunited(work) if job.workspace_id else None
    if runner is not None and (
        work.prepared == job.workspace_id or _holds_the_last_checkpoint(job)
    ):
        return runner
    if runner is not None and _untouched(job):
        await _prepare(work, runner, job.workspace_id)
        return runner
    runner = _take_slot(work)
    try:
        await _prepare(work, runner, f"{job.job_id}/{job.workspace_count + 1}")
    finally:
        work.tools.fleet.free(runner)
    return runner


async def vacate(work: Work) -> None:
    """Lets go of workspace and slot, which a job that publishes needs no more.

    A forge may be waited for for hours, and a workspace may take minutes to go, which nobody
    should wait for: whoever tidies removes it, or `leave` at the job's end if that comes sooner.
    """
    if work.reserved is not None:
        work.tools.fleet.free(work.reserved)
        work.reserved = None
    if work.job.workspace_id:
        work.vacated = work.job
        await work.tools.store.unhouse(work.claim)
        await work.refresh()


async def leave(work: Work) -> None:
    """Removes the job's workspace as far as its runner can be reached.

    One that cannot be reached now is removed later: no workspace outlives its job.
    """
    job = work.vacated or work.job
    runner = work.tools.fleet.find(job.runner_id) if job.workspace_id else None
    if runner is None:
        return
    try:
        await runner.close(job.workspace_id, work.claim.epoch)
    except (RunnerUnreachable, JobFailed) as error:
        logger.warning("workspace_left", workspace_id=job.workspace_id, error=str(error))


async def _reunited(work: Work) -> Runner | None:
    """The runner that holds the workspace.

    A process that has just begun has not heard of every runner yet: a workspace that can be
    used as it is, with all that a rebuilt one lacks, is worth a wait.
    """
    job, pace = work.job, work.tools.pace
    give_up = time.monotonic() + pace.reunion.total_seconds()
    while (runner := work.tools.fleet.find(job.runner_id)) is None:
        if not _holds_the_last_checkpoint(job) or time.monotonic() > give_up:
            return None
        async with work.stop.watching():
            await asyncio.sleep(pace.back_off.total_seconds() / 4)
    return runner


def _holds_the_last_checkpoint(job: Job) -> bool:
    """The last checkpoint was taken in the workspace and nothing ran in it since."""
    cursor = job.cursor
    return (
        0 < cursor < len(job.steps)
        and job.steps[cursor].state is StepState.PENDING
        and job.steps[cursor - 1].workspace_id == job.workspace_id
    )


def _untouched(job: Job) -> bool:
    """Nothing ever ran in the workspace: preparing it again is free."""
    return all(step.workspace_id != job.workspace_id for step in job.steps)


def _take_slot(work: Work) -> Runner:
    runner, work.reserved = work.reserved, None
    if runner is None:
        runner = work.tools.fleet.reserve(work.job.capabilities)
    if runner is None:
        raise NoRoom("no runner that fits can be reached and has a free slot")
    return runner


async def _prepare(work: Work, runner: Runner, workspace_id: str) -> None:
    tools, job = work.tools, work.job
    mirror = await work.mirror()
    # Before the runner is asked: a claim that takes over must know of the workspace.
    await tools.store.house(
        work.claim,
        workspace_id=workspace_id,
        runner_id=runner.runner_id,
        incarnation=runner.incarnation,
    )
    order = WorkspaceOrder(
        workspace_id=workspace_id,
        epoch=work.claim.epoch,
        repository_key=repository_key(mirror.location.url),
        base_commit=job.base_commit,
        files_commit=job.checkpoint_commit,
        working_branch=job.working_branch,
        skill_ids=work.plan.skill_ids,
        skill_files=tools.skills.files(work.plan.skill_ids),
    )
    try:
        async with work.stop.watching():
            work.lease.check()
            prepared = await runner.prepare(order, _pack_for(mirror, order))
            reach(Point.P3, RunnerUnreachable)
    except RunnerFull as error:
        raise NoRoom(str(error)) from error
    except RunnerUnreachable as error:
        raise NoRoom(f"runner {runner.runner_id} was lost: {error}", wait=_pause(work)) from error
    except JobFailed as error:
        raise _with_skills(error, tools.skills.ids()) from error
    work.prepared = workspace_id
    await _tell(work, runner, order, prepared)
    await work.refresh()


def _pause(work: Work) -> timedelta:
    """Doubles with every workspace the job has had, so that a broken runner fills no log."""
    doublings = min(work.job.workspace_count, 16)
    return min(work.tools.pace.back_off * (1 << doublings), LONGEST_BACK_OFF)


def _with_skills(cause: JobFailed, ids: tuple[str, ...]) -> JobFailed:
    """Names the operator's skills where one was missing: a runner knows only what it was sent."""
    failure = cause.failure
    if failure.reason is not Reason.SKILL_NOT_FOUND:
        return cause
    names = ", ".join(ids[:SKILLS_NAMED]) or "none"
    return JobFailed(replace(failure, message=f"{failure.message}; the operator has: {names}"))


def _pack_for(mirror: Mirror, order: WorkspaceOrder) -> PackFor:
    want = list(dict.fromkeys((order.base_commit, order.files_commit)))
    return lambda have: pack.send(mirror, want=want, have=have)


async def _tell(
    work: Work, runner: Runner, order: WorkspaceOrder, prepared: PreparedWorkspace
) -> None:
    rebuilt = work.job.stage is Stage.EXECUTE
    if rebuilt and prepared.reused:
        return
    stage = Stage.EXECUTE if rebuilt else Stage.PREPARE
    facts = {
        "workspaceId": order.workspace_id,
        "runnerId": runner.runner_id,
        "baseCommit": order.base_commit,
        "filesCommit": order.files_commit,
        "reused": prepared.reused,
    }
    if rebuilt:
        event = NewEvent(
            type="task.workspace.rebuilt",
            message=f"The workspace was rebuilt from the last checkpoint on {runner.runner_id}.",
            payload=facts,
            stage=stage,
        )
    else:
        event = NewEvent(
            type="task.workspace.prepared",
            message=f"The workspace is ready on runner {runner.runner_id}.",
            payload=facts,
            stage=stage,
        )
    events = [event]
    if prepared.skills:
        names = ", ".join(skill_id for skill_id, _ in prepared.skills)
        events.append(
            NewEvent(
                type="task.skills.materialized",
                message=f"Skills placed: {names}.",
                payload={
                    "skills": [{"id": one, "source": source} for one, source in prepared.skills]
                },
                stage=stage,
            )
        )
    await work.note(*events)
