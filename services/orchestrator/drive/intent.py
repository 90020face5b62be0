"""Builds what a job means to publish, and freezes it before anything leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.pauses import pauses, rest
from services.orchestrator.drive.reporting import report_of
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.branches import Branches
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.jobs.forge import WantedPullRequest
from services.orchestrator.jobs.job import NewEvent
from services.orchestrator.jobs.plan import PublishMode, Stage
from services.orchestrator.jobs.publishing import Publication, trailer
from services.orchestrator.jobs.report import Report
from services.orchestrator.jobs.wording import body, commit_message, title
from services.orchestrator.screen.policy import Verdict
from services.orchestrator.screen.screen import screen
from services.orchestrator.source.commit import make_commit
from services.orchestrator.source.git import GitTimedOut
from services.orchestrator.source.key_files import once_there
from services.orchestrator.source.keys import Purpose
from services.orchestrator.source.push import told_as_publishing


async def intend(work: Work) -> Publication | None:
    """The recorded intent; None where there is nothing to publish.

    Everything that is ever sent is fixed by it. Raises CancelWanted, CancelWins, JobFailed,
    LeaseLost.
    """
    async with work.stop.watching():
        judged = await _judged(work)
    if judged is None:
        return None
    wanted, verdict = judged
    recorded = await work.tools.store.intend(
        work.claim,
        wanted,
        NewEvent(
            type="task.publish.intentRecorded",
            message=f"{wanted.commit[:12]} is to become {wanted.branch}.",
            payload={
                "branch": wanted.branch,
                "commit": wanted.commit,
                "tree": wanted.tree,
                **({"base": pull.base_branch} if (pull := wanted.pull_request) else {}),
                "draftBecause": list(verdict.draft_because),
                "cautions": list(verdict.cautions),
            },
            stage=Stage.PUBLISH,
        ),
    )
    reach(Point.B3, StoreAway)
    work.told()
    return recorded


async def _judged(work: Work) -> tuple[Publication, Verdict] | None:
    """What is to be published, with what reviewers are told; None where nothing has changed."""
    job, mirror = work.job, await work.mirror()
    tree = job.steps[-1].checkpoint_tree
    if tree == await mirror.tree_of(job.base_commit):
        return None
    report = await report_of(work)
    message = commit_message(report)
    branches = branches_of(work)
    wanted = _pull_request(work, branches, report)
    known = await _known(work)
    verdict = await screen(
        mirror,
        base=job.base_commit,
        tree=tree,
        texts=_texts(work, report, message, wanted),
        known=known,
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
        trailer=trailer(job.job_id, work.plan.digest),
        time=job.create_time,
        author=work.tools.author,
    )
    reach(Point.B2, GitTimedOut)
    publication = Publication(
        branch=branches.working,
        expected=job.base_commit if branches.continues else "",
        base_commit=job.base_commit,
        tree=tree,
        commit=commit,
        message=message,
        pull_request=wanted,
    )
    return publication, verdict


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
        labels=work.tools.labels,
    )


async def _known(work: Work) -> Sequence[str]:
    """What the deployment reaches repositories and forge with, and this job its own."""
    forge, refs = work.tools.forge, work.refs
    try:
        if refs.of(Purpose.PUBLISH):
            # So that what the task names is among the values given out lately, whoever had it
            # last; and a job that cannot publish ends before it means to.
            origin = (await work.mirror()).origin
            await origin.access(
                refs, Purpose.PUBLISH, pauses=pauses(work), rest=partial(rest, work)
            )
        keys = [work.tools.mirrors.known, *([forge.keys.known] if forge else [])]
        return await once_there(
            lambda: [value for known in keys for value in known()],
            pauses=(await work.mirror()).origin.limits.pauses,
        )
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
