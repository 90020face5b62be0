"""Builds what a job means to publish, and freezes it before anything leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.reporting import report_of
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.branches import Branches
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.jobs.forge import WantedPullRequest
from services.orchestrator.jobs.job import NewEvent
from services.orchestrator.jobs.plan import PublishMode, Stage
from services.orchestrator.jobs.publishing import Publication
from services.orchestrator.jobs.report import Report
from services.orchestrator.jobs.wording import body, commit_message, title
from services.orchestrator.screen.screen import screen
from services.orchestrator.source.commit import make_commit
from services.orchestrator.source.git import GitTimedOut
from services.orchestrator.source.push import told_as_publishing


async def intend(work: Work) -> Publication | None:
    """The recorded intent; None where there is nothing to publish.

    Everything that is ever sent is fixed by it. Raises CancelWins, JobFailed, LeaseLost.
    """
    job, mirror = work.job, await work.mirror()
    tree = job.steps[-1].checkpoint_tree
    if tree == await mirror.tree_of(job.base_commit):
        return None
    report = await report_of(work)
    message = commit_message(report)
    branches = branches_of(work)
    wanted = _pull_request(work, branches, report)
    verdict = await screen(
        mirror,
        base=job.base_commit,
        tree=tree,
        texts=_texts(work, report, message, wanted),
        known=_known(work),
        policy=work.tools.screen,
        drafts=wanted is not None,
    )
    told = replace(report, cautions=(*report.cautions, *verdict.draft_because, *verdict.cautions))
    wanted = _pull_request(work, branches, told, draft=bool(verdict.draft_because))
    commit = await make_commit(
        mirror,
        tree=tree,
        base=job.base_commit,
        message=message,
        job_id=job.job_id,
        time=job.create_time,
    )
    reach(Point.B2, GitTimedOut)
    intended = Publication(
        branch=branches.working,
        expected=job.base_commit if branches.continues else "",
        base_commit=job.base_commit,
        tree=tree,
        commit=commit,
        message=message,
        pull_request=wanted,
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
                **({"base": wanted.base_branch} if wanted else {}),
                "draftBecause": list(verdict.draft_because),
                "cautions": list(verdict.cautions),
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


def _pull_request(
    work: Work, branches: Branches, report: Report, *, draft: bool = False
) -> WantedPullRequest | None:
    plan = work.plan
    if plan.publish_mode is not PublishMode.PR:
        return None
    return WantedPullRequest(
        head_branch=branches.working,
        base_branch=pull_request_base(branches, plan.pr_base_branch),
        title=title(report),
        body=body(report),
        draft=draft,
    )


def _known(work: Work) -> Sequence[str]:
    """What the deployment reaches repositories and forge with."""
    forge = work.tools.forge
    try:
        return [*work.tools.mirrors.known(), *(forge.keys.known() if forge else ())]
    except JobFailed as stopped:
        raise told_as_publishing(stopped) from None


def _texts(
    work: Work, report: Report, message: str, wanted: WantedPullRequest | None
) -> Mapping[str, str]:
    """Whatever is sent beside the tree, by what to call it in a sentence.

    What is sent has signs put in to make it inert, which could part a secret: what it was made
    of is looked at, too.
    """
    texts = {
        "the commit message": message,
        "the branch's name": work.job.working_branch,
        "the objective": report.objective,
    }
    texts |= {f"the title of step {step.index}": step.title for step in report.steps}
    if wanted is not None:
        texts["the pull request's title"] = wanted.title
        texts["the pull request's text"] = wanted.body
        texts |= {f"what step {step.index} said last": step.summary for step in report.steps}
    return texts
