"""Builds what a job means to publish, and freezes it before anything leaves."""

from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.branches import Branches
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.jobs.forge import WantedPullRequest
from services.orchestrator.jobs.job import NewEvent
from services.orchestrator.jobs.plan import PublishMode, Stage
from services.orchestrator.jobs.publishing import Publication, marker
from services.orchestrator.source.commit import make_commit
from services.orchestrator.source.git import GitTimedOut

SUBJECT_CHARACTERS = 72


async def intend(work: Work) -> Publication | None:
    """The recorded intent; None where there is nothing to publish.

    Everything that is ever sent is fixed by it. Raises CancelWins, JobFailed, LeaseLost.
    """
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
    branches = branches_of(work)
    intended = Publication(
        branch=branches.working,
        expected=job.base_commit if branches.continues else "",
        base_commit=job.base_commit,
        tree=tree,
        commit=commit,
        message=message,
        pull_request=_pull_request(work, branches, message),
    )
    recorded = await work.tools.store.intend(
        work.claim,
        intended,
        NewEvent(
            type="task.publish.intentRecorded",
            message=f"{commit[:12]} is to become {job.working_branch}.",
            payload={
                "branch": job.working_branch,
                "commit": commit,
                "tree": tree,
                **({"base": one.base_branch} if (one := intended.pull_request) else {}),
            },
            stage=Stage.PUBLISH,
        ),
    )
    reach(Point.B3, StoreAway)
    work.told()
    return recorded


def branches_of(work: Work) -> Branches:
    """The branches of a job whose base is pinned."""
    job, plan = work.job, work.plan
    return Branches(
        default=job.default_branch,
        starting=plan.starting_branch or job.default_branch,
        working=job.working_branch,
    )


def pull_request_base(branches: Branches, wished: str | None) -> str:
    """The branch a pull request goes to. Raises `JobFailed` with PUBLISH_REJECTED."""
    base = branches.pull_request_base(wished)
    if base is None:
        raise failed(
            Reason.PUBLISH_REJECTED,
            f"a pull request cannot go from {branches.working} to {branches.working}",
            "Choose another task.publish.prBaseBranch or task.git.newBranch, or publish.mode: "
            "branch.",
        )
    return base


def _pull_request(work: Work, branches: Branches, message: str) -> WantedPullRequest | None:
    plan = work.plan
    if plan.publish_mode is not PublishMode.PR:
        return None
    text = plan.pr_body or f"Made by Pawl in {len(plan.steps)} steps."
    return WantedPullRequest(
        head_branch=branches.working,
        base_branch=pull_request_base(branches, plan.pr_base_branch),
        title=plan.pr_title or message.partition("\n")[0],
        body=f"{text.rstrip()}\n\n{marker(work.job.job_id)} {plan.digest}",
    )


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
