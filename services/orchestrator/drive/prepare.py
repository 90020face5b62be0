"""The prepare stage: branches are resolved, the base is pinned, a workspace is made."""

import json

from pawl.wire.faultpoints import Point, begin, reach
from services.orchestrator.drive.facts import stage_event
from services.orchestrator.drive.housing import house
from services.orchestrator.drive.intent import pull_request_base
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs import branches
from services.orchestrator.jobs.branches import Branches
from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.jobs.job import NewEvent
from services.orchestrator.jobs.plan import PublishMode, Stage
from services.orchestrator.source.git import GitTimedOut
from services.orchestrator.source.keys import Purpose
from services.orchestrator.source.mirror import Mirror


async def prepare(work: Work) -> None:
    """Goes through the stage; one that was left half-way is gone through again.

    That it is finished is told as the next one begins, in one write, so that it is told once.

    Raises JobFailed, NoRoom, and what interrupts the work.
    """
    if work.job.stage not in {None, Stage.PREPARE}:
        return
    started = (
        []
        if work.job.stage
        else [stage_event(Stage.PREPARE, "started", "The job is being prepared.")]
    )
    await work.tools.store.enter(work.claim, Stage.PREPARE, *started)
    work.told()
    mirror = await work.mirror()
    _check_keys(work, mirror)
    if not work.job.base_commit:
        await _pin(work, mirror)
    elif work.refs.repo:
        # A lost owner had pinned it. The mirror holds what other keys have fetched, so this
        # job's own has to be let in again before anything of it is used.
        async with work.stop.watching():
            await mirror.fetch(work.refs)
    await _keep_context(work)
    await house(work)


def _check_keys(work: Work, mirror: Mirror) -> None:
    """Refuses at the start the secrets that cannot be of use at the end."""
    mirror.origin.check(work.refs, Purpose.READ)
    if work.plan.publish_mode is not PublishMode.NONE:
        mirror.origin.check(work.refs, Purpose.PUBLISH)
    if work.plan.publish_mode is PublishMode.PR and work.tools.forge is not None:
        work.tools.forge.check(mirror.location, work.refs)


async def _pin(work: Work, mirror: Mirror) -> None:
    plan, job = work.plan, work.job
    async with work.stop.watching():
        await mirror.fetch(work.refs)
        begin(Point.P2)
        default = await mirror.default_branch()
        resolved = branches.resolve(
            default=default,
            starting=plan.starting_branch,
            new=plan.new_branch,
            job_id=job.job_id,
            create_time=job.create_time,
        )
        base = await mirror.branch_commit(resolved.starting)
        reach(Point.P1, GitTimedOut)
        if plan.publish_mode is not PublishMode.NONE and not resolved.continues:
            await _refuse_taken_branch(mirror, resolved.working)
        if plan.publish_mode is PublishMode.PR:
            await _foresee_pull_request(work, mirror, resolved)
    work.job = await work.tools.store.pin(
        work.claim,
        NewEvent(
            type="task.git.defaultBranchResolved",
            message=f"The default branch is {default}.",
            payload={"defaultBranch": default},
            stage=Stage.PREPARE,
        ),
        NewEvent(
            type="task.git.branchesResolved",
            message=f"{resolved.working} starts from {resolved.starting} at {base[:12]}.",
            payload={
                "startingBranch": resolved.starting,
                "workingBranch": resolved.working,
                "baseCommit": base,
            },
            stage=Stage.PREPARE,
        ),
        default_branch=default,
        base_commit=base,
        working_branch=resolved.working,
    )
    work.told()


async def _refuse_taken_branch(mirror: Mirror, branch: str) -> None:
    """Says at the start what would otherwise be found out at the end of a long night."""
    try:
        commit = await mirror.branch_commit(branch)
    except JobFailed as absent:
        if absent.failure.reason is not Reason.BRANCH_NOT_FOUND:
            raise
        other = await mirror.in_the_way(branch)
        if other is None:
            return
        raise failed(
            Reason.PUBLISH_CONFLICT,
            f"git keeps no branch {branch} beside the branch {other}",
            "Choose another task.git.newBranch, or rename the branch that is there.",
        ) from None
    raise failed(
        Reason.PUBLISH_CONFLICT,
        f"the branch {branch} is there already, at {commit[:12]}",
        "Choose another task.git.newBranch, or start from that branch with "
        "task.git.startingBranch to add to it.",
    )


async def _foresee_pull_request(work: Work, mirror: Mirror, resolved: Branches) -> None:
    """Refuses at the start what no forge would take at the end."""
    base = pull_request_base(resolved, work.plan.pr_base_branch)
    if base != resolved.starting:
        await mirror.branch_commit(base)


async def _keep_context(work: Work) -> None:
    """`task_context.json`: every resolved value, and whether it was given or derived."""
    plan, job = work.plan, work.job
    context = {
        "jobId": job.job_id,
        "digest": plan.digest,
        "task": plan.task,
        "provenance": plan.provenance,
        "capabilities": [
            {"name": capability.name, "reasons": list(capability.reasons)}
            for capability in plan.capabilities
        ],
        "steps": [
            {
                "stepIndex": step.index,
                "id": step.id,
                "title": step.title,
                "effectiveSkill": step.skill.id,
                "skillSource": step.skill.source,
                "hasStepInstructions": step.has_step_instructions,
            }
            for step in plan.steps
        ],
        "derived": {
            "defaultBranch": job.default_branch,
            "workingBranch": job.working_branch,
            "baseCommit": job.base_commit,
        },
    }
    data = json.dumps(context, indent=2, sort_keys=True, ensure_ascii=False).encode()
    artifact = await work.tools.artifacts.put_bytes(job.job_id, "task_context.json", data)
    await work.tools.store.keep(work.claim, [artifact])
