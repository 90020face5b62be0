"""Jobs that have ended, their forge, and a reconciler that looks at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from structlog.typing import EventDict

from services.orchestrator.jobs.forge import (
    PullRequest,
    WantedPullRequest,
)
from services.orchestrator.jobs.job import Job, JobId, JobOutcome, JobState
from services.orchestrator.jobs.publishing import Phase, marker
from services.orchestrator.jobs.reconciling import Reconciliation
from services.orchestrator.reconciling import Reconciler
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.store.aging import aged
from tests.orchestrator.store.claiming import PUBLICATION, Rig, ended
from tests.support.jobs import fact, some_job, some_plan
from tests.support.repositories import git
from tests.support.scripted_forge import ScriptedForge

QUICK = Reconciliation(
    round=timedelta(0),
    between=timedelta(0),
    patience=timedelta(seconds=5),
    term=timedelta(seconds=8),
)
"""Without a distance between rounds, so that the next round looks again at once."""


def wanted(job_id: str, branch: str) -> WantedPullRequest:
    return WantedPullRequest(
        head_branch=branch, base_branch="main", title="T", body=f"Text.\n{marker(job_id)}"
    )


@dataclass
class House:
    """A store with jobs that have ended, and their forge."""

    store: SqlStore
    forge: ScriptedForge
    reconciler: Reconciler

    async def published(
        self, *, recorded: int | None = None, auth: dict[str, str] | None = None
    ) -> JobId:
        """A job of its own branch that asked for a pull request and has ended."""
        rig, plan = Rig(self.store), some_plan()
        plan = replace(plan, task={**plan.task, "auth": auth or {}})
        claim = await rig.claim(await rig.submit(some_job(plan)))
        branch = f"task/{claim.job_id}"
        git(self.forge.origin, "branch", branch, "main")
        publication = replace(PUBLICATION, pull_request=wanted(claim.job_id, branch))
        await self.store.intend(claim, publication, fact())
        await self.store.reach(claim, Phase.PUSHED, fact())
        await self.store.request_pull_request(claim)
        if recorded is None:
            state, outcome = JobState.FAILED, JobOutcome.FAILED
        else:
            state, outcome = JobState.SUCCEEDED, JobOutcome.PULL_REQUEST
            url = f"https://forge.example/o/r/pull/{recorded}"
            await self.store.opened_pull_request(claim, fact(), number=recorded, url=url)
        await self.store.end(claim, ended(), state=state, outcome=outcome)
        return claim.job_id

    async def twice(self) -> JobId:
        """A job with its pull request, and another that says it is the job's."""
        number = len(self.forge.pulls) + 1
        job_id = await self.published(recorded=number)
        self.open(job_id)
        self.open(job_id)
        return job_id

    def open(self, job_id: JobId, **how: bool) -> PullRequest:
        """Somebody opens a pull request that says it is the job's."""
        return self.forge.add(wanted(job_id, f"task/{job_id}"), **how)

    async def later(self, job_id: JobId) -> None:
        """So long after the last look that the job is due again."""
        hour = timedelta(hours=1)
        await aged(self.store, job_id, end_time=hour, look_time=hour, try_time=hour)

    async def job(self, job_id: JobId) -> Job:
        job = await self.store.job(job_id)
        assert job is not None
        return job

    def changed(self, **policy: bool | int | timedelta) -> Reconciler:
        """The same reconciler with another policy."""
        return replace(self.reconciler, policy=replace(QUICK, **policy))  # type: ignore[arg-type]

    @property
    def reports(self) -> list[str]:
        return [one for one in self.forge.asked if one.startswith("report")]


def told(logs: Sequence[EventDict], event: str) -> list[EventDict]:
    return [one for one in logs if one["event"] == event]
