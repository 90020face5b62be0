"""The publish stage: one commit, its intent recorded, its push, its record."""

import json

import structlog

from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.facts import stage_event
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.claim import LeaseLost, StoreAway
from services.orchestrator.jobs.job import JobOutcome, NewEvent
from services.orchestrator.jobs.plan import PublishMode, Stage
from services.orchestrator.jobs.publishing import Phase, Publication
from services.orchestrator.source.commit import make_commit
from services.orchestrator.source.git import GitTimedOut
from services.orchestrator.source.push import push

logger = structlog.get_logger(__name__)

SUBJECT_CHARACTERS = 72


async def publish(work: Work) -> tuple[JobOutcome, tuple[NewEvent, ...]]:
    """Brings the last checkpoint to where the task wants it.

    Once the intent is recorded, whoever drives the job pushes exactly that commit to
    exactly that branch. Returns what has become of it with the events that are still to be
    told, in the write that ends the job, so that they are told once.
    Raises CancelWins, JobFailed, LeaseLost.
    """
    executed = stage_event(Stage.EXECUTE, "finished", "All steps have succeeded.")
    if work.plan.publish_mode is PublishMode.NONE:
        return JobOutcome.PUBLISH_DISABLED, (executed,)
    if work.job.stage is not Stage.PUBLISH:
        await work.tools.store.enter(
            work.claim,
            Stage.PUBLISH,
            executed,
            stage_event(Stage.PUBLISH, "started", "The result is being published."),
        )
        work.told()
        await work.refresh()
    publication = await work.tools.store.publication(work.job.job_id)
    if publication is None:
        reach(Point.B1, StoreAway)
        publication = await _intend(work)
    if publication is None:
        skipped = NewEvent(
            type="task.publish.skipped",
            message="The steps left the tree as it was; there is nothing to publish.",
            payload={"reason": "NO_CHANGES"},
            stage=Stage.PUBLISH,
        )
        finished = stage_event(Stage.PUBLISH, "finished", "There was nothing to publish.")
        return JobOutcome.NO_CHANGES, (skipped, finished)
    await _push(work, publication)
    published = stage_event(Stage.PUBLISH, "finished", "The result is published.")
    return JobOutcome.BRANCH, (published,)


async def _intend(work: Work) -> Publication | None:
    """The recorded intent; None where there is nothing to publish."""
    job, mirror = work.job, await work.mirror()
    tree = job.steps[-1].checkpoint_tree
    if tree == await mirror.tree_of(job.base_commit):
        return None
    message = _message(work)
    commit = await make_commit(
        mirror,
        tree=tree,
        base=job.base_commit,
        message=message,
        job_id=job.job_id,
        time=job.create_time,
    )
    reach(Point.B2, GitTimedOut)
    starting = work.plan.starting_branch or job.default_branch
    intended = Publication(
        branch=job.working_branch,
        expected=job.base_commit if job.working_branch == starting else "",
        base_commit=job.base_commit,
        tree=tree,
        commit=commit,
        message=message,
    )
    recorded = await work.tools.store.intend(
        work.claim,
        intended,
        NewEvent(
            type="task.publish.intentRecorded",
            message=f"{commit[:12]} is to become {job.working_branch}.",
            payload={"branch": job.working_branch, "commit": commit, "tree": tree},
            stage=Stage.PUBLISH,
        ),
    )
    reach(Point.B3, StoreAway)
    work.told()
    return recorded


async def _push(work: Work, publication: Publication) -> None:
    mirror = await work.mirror()
    if publication.phase is Phase.INTENT:
        pushed = await push(
            mirror,
            commit=publication.commit,
            branch=publication.branch,
            expected=publication.expected or None,
            proceed=lambda: _still_ours(work),
        )
        reach(Point.B5, GitTimedOut)
        await work.tools.store.reach(
            work.claim,
            Phase.PUSHED,
            NewEvent(
                type="task.publish.branchPushed",
                message=f"{publication.branch} is at {publication.commit[:12]}.",
                payload={
                    "branch": publication.branch,
                    "commit": publication.commit,
                    "already": pushed.already,
                },
                stage=Stage.PUBLISH,
            ),
        )
        reach(Point.B6, StoreAway)
        work.told()
    await _keep_result(work, publication)


def _still_ours(work: Work) -> None:
    """The last look before something leaves: a stale owner must not send anything.

    A push may take longer than the lease has left. That is safe: it is of the one commit
    that was frozen with the intent, to a branch that must be where the intent expects it.
    """
    if not work.lease.fresh:
        raise LeaseLost


async def _keep_result(work: Work, publication: Publication) -> None:
    result = {
        "jobId": work.job.job_id,
        "repository": work.job.repository,
        "mode": work.plan.publish_mode.value,
        "branch": publication.branch,
        "commit": publication.commit,
        "tree": publication.tree,
        "baseCommit": publication.base_commit,
    }
    data = json.dumps(result, indent=2, sort_keys=True).encode()
    artifact = await work.tools.artifacts.put_bytes(work.job.job_id, "publish_result.json", data)
    await work.tools.store.keep(work.claim, [artifact])


def _message(work: Work) -> str:
    """The task's own message, or one made of its objective and its steps."""
    plan = work.plan
    if plan.commit_message:
        return plan.commit_message
    lines = plan.instructions.strip().splitlines()
    subject = lines[0].strip() if lines else "Apply the task"
    if len(subject) > SUBJECT_CHARACTERS:
        subject = subject[: SUBJECT_CHARACTERS - 1].rstrip() + "…"
    steps = "\n".join(f"- {step.title or step.id}" for step in plan.steps)
    return f"{subject}\n\n{steps}" if len(plan.steps) > 1 else subject
