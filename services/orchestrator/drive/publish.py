"""The publish stage: what was intended is pushed, and has its pull request."""

import json
from functools import partial
from typing import Any

import structlog

from pawl.wire.errors import Unavailable
from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.facts import stage_event
from services.orchestrator.drive.housing import vacate
from services.orchestrator.drive.intent import intend
from services.orchestrator.drive.labelling import see_to_labels
from services.orchestrator.drive.pauses import pauses, rest
from services.orchestrator.drive.pull_request import see_to_pull_request
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.claim import LeaseLost, StoreAway
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.job import JobOutcome, NewEvent
from services.orchestrator.jobs.plan import PublishMode, Stage
from services.orchestrator.jobs.publishing import Phase, Publication
from services.orchestrator.source.git import GitTimedOut
from services.orchestrator.source.push import push

logger = structlog.get_logger(__name__)


async def publish(work: Work) -> tuple[JobOutcome, tuple[NewEvent, ...]]:
    """Brings the last checkpoint to where the task wants it.

    Once the intent is recorded, whoever drives the job pushes exactly that commit to
    exactly that branch. Returns what has become of it with the events that are still to be
    told, in the write that ends the job, so that they are told once.
    Raises CancelWanted, CancelWins, JobFailed, LeaseLost.
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
    await vacate(work)
    publication = await work.tools.store.publication(work.job.job_id)
    if publication is None:
        reach(Point.B1, StoreAway)
        publication = await intend(work)
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
    unlabelled = ""
    if publication.pull_request is not None:
        await see_to_pull_request(work, await _recorded(work))
        await work.refresh()
        unlabelled = await see_to_labels(work, await _recorded(work))
    await _keep_result(work, await _recorded(work))
    published = stage_event(
        Stage.PUBLISH,
        "finished",
        f"The result is published, without its labels: {unlabelled}"
        if unlabelled
        else "The result is published.",
        **({"labelsMissing": unlabelled} if unlabelled else {}),
    )
    outcome = JobOutcome.PULL_REQUEST if publication.pull_request else JobOutcome.BRANCH
    return outcome, (published,)


async def _push(work: Work, publication: Publication) -> None:
    mirror = await work.mirror()
    if publication.phase is Phase.INTENT:
        pushed = await push(
            mirror,
            commit=publication.commit,
            branch=publication.branch,
            expected=publication.expected or None,
            refs=work.refs,
            proceed=lambda: _still_ours(work),
            pauses=pauses(work),
            apart=work.tools.pace.between_looks,
            rest=partial(rest, work),
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


async def _recorded(work: Work) -> Publication:
    recorded = await work.tools.store.publication(work.job.job_id)
    if recorded is None:
        raise LookupError(f"job {work.job.job_id} has lost its intent to publish")
    return recorded


def _still_ours(work: Work) -> None:
    """The last look before something leaves: a stale owner must not send anything.

    A push may take longer than the lease has left. That is safe: it is of the one commit
    that was frozen with the intent, to a branch that must be where the intent expects it.
    """
    if not work.lease.fresh:
        raise LeaseLost


async def _keep_result(work: Work, publication: Publication) -> None:
    result: dict[str, Any] = {
        "jobId": work.job.job_id,
        "repository": work.job.repository,
        "mode": work.plan.publish_mode.value,
        "branch": publication.branch,
        "commit": publication.commit,
        "tree": publication.tree,
        "baseCommit": publication.base_commit,
    }
    if publication.pull_request is not None:
        result["pullRequest"] = {
            "number": publication.pull_number,
            "url": work.job.pull_request_url,
            "base": publication.pull_request.base_branch,
        }
    data = json.dumps(result, indent=2, sort_keys=True).encode()
    try:
        artifact = await work.tools.artifacts.put_bytes(
            work.job.job_id, "publish_result.json", data
        )
    except (JobFailed, Unavailable) as error:
        # It retells the job's events: a full disk does not undo what people see on the forge.
        logger.warning("no_publish_result", job_id=work.job.job_id, why=str(error))
        return
    await work.tools.store.keep(work.claim, [artifact])
