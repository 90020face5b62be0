"""Sees to it that a published branch has its one pull request.

The forge may have opened it although nobody heard so: an answer was lost, an owner died, a
look-up lags behind. So it is looked for before it is asked for, what was asked for is noted
first, and a look-up that fails is never taken for one that finds nothing. See
docs/decisions/pull-requests.md.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

import structlog

from pawl.wire.faultpoints import Point, answered, begin, reach
from services.orchestrator.drive.pauses import patience, rest
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.claim import LeaseLost, StoreAway
from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.jobs.forge import (
    AskedTooSoon,
    ForgeAway,
    ForgeRepository,
    PullRequest,
    PullRequestExists,
    TokenRefused,
    WantedPullRequest,
)
from services.orchestrator.jobs.job import NewEvent
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.publishing import Choice, Phase, Publication, choose, marker

logger = structlog.get_logger(__name__)

LOOKS = 3
"""Before a pull request is asked for that may have been asked for already."""
REFUSALS = 3
"""So many that a moment may cure are believed."""
RETRY = "Retry the job when the forge answers: no step runs again."


async def see_to_pull_request(work: Work, publication: Publication) -> None:
    """Records the pull request of a branch that has been pushed.

    Raises `JobFailed` with PUBLISH_AUTH, PUBLISH_REJECTED or PUBLISH_UNAVAILABLE; LeaseLost.
    """
    if publication.phase is not Phase.PUSHED or publication.pull_request is None:
        return
    opening = _Opening(work, publication, publication.pull_request)
    while True:
        try:
            await opening.step()
        except ForgeAway as away:
            await opening.wait(away)
        except TokenRefused as refused:
            await opening.renew(refused)
        except AskedTooSoon as refused:
            await opening.endure(refused)
        else:
            return


class _Opening:
    """One owner's tries; `step` is begun anew after each that tells nothing."""

    def __init__(self, work: Work, publication: Publication, wanted: WantedPullRequest) -> None:
        self._work = work
        self._publication = publication
        self._wanted = wanted
        self._marker = marker(work.job.job_id)
        self._repository: ForgeRepository | None = None
        self._renewed = False
        self._refused = False
        """The token is, and no other has been got since."""
        self._asked = publication.request_time is not None
        """Somebody may have asked for it without being heard."""
        self._waited = False
        """Since then, for as long as a request takes to settle."""
        self._seen_none = 0
        """Look-ups in a row that have shown none; one that fails is made again, and counts not."""
        self._refusals = 0
        self._pause = work.tools.pace.back_off
        self._end = asyncio.get_running_loop().time() + patience(work).total_seconds()

    async def step(self) -> None:
        """Finds the pull request or opens it, and records it."""
        repository = await self._reached()
        await self._settled()
        choice = await self._look(repository, LOOKS if self._asked else 1)
        if choice.ours is not None:
            await self._record(choice.ours, adopted=True, duplicates=choice.duplicates)
            return
        await self._work.tools.store.request_pull_request(self._work.claim)
        self._asked, self._waited, self._seen_none = True, False, 0
        if not self._work.lease.fresh:
            raise LeaseLost
        begin(Point.B7)
        try:
            opened = await repository.open(self._wanted)
        except PullRequestExists:
            choice = await self._look(repository, LOOKS)
            if choice.ours is None:
                raise ForgeAway(
                    "it says that there is a pull request, and does not show it"
                ) from None
            await self._record(choice.ours, adopted=True, duplicates=choice.duplicates)
            return
        except (TokenRefused, JobFailed):
            self._waited = True  # It was heard, and nothing was done.
            raise
        answered(Point.B7, ForgeAway)
        reach(Point.B8, StoreAway)
        await self._record(opened, adopted=False)

    async def wait(self, away: ForgeAway) -> None:
        """Until the forge may be asked again. Raises PUBLISH_UNAVAILABLE when time is up."""
        logger.warning("forge_away", job_id=self._work.job.job_id, why=away.words)
        pause = max(self._pause, away.retry_after or timedelta())
        self._pause = min(2 * self._pause, self._work.tools.pace.longest_pause)
        pause *= random.uniform(1, 1.25)  # noqa: S311 - spreads callers
        if asyncio.get_running_loop().time() + pause.total_seconds() > self._end:
            raise failed(
                Reason.PUBLISH_UNAVAILABLE,
                f"{self._place} does not answer so that a pull request could be seen to: "
                f"{away.words}",
                RETRY,
            )
        await rest(self._work, pause)
        self._repository = None  # Its token may have run out meanwhile.

    async def renew(self, refused: TokenRefused) -> None:
        """Has the next step take another token, once. Raises PUBLISH_AUTH.

        A forge may take a token only some seconds after it has made it.
        """
        self._repository = None
        if not self._renewed:
            self._renewed = self._refused = True
            return
        await self.endure(
            failed(
                Reason.PUBLISH_AUTH,
                f"{self._place} does not take the token: {refused}",
                "Give the orchestrator a token that may push and open pull requests, then retry "
                "the job: no step runs again.",
            )
        )

    async def endure(self, refusal: JobFailed) -> None:
        """Waits for what the forge may see late. Raises a `refusal` that has come too often."""
        self._refusals += 1
        if self._refusals == REFUSALS:
            raise refusal
        logger.warning("forge_refuses", job_id=self._work.job.job_id, why=str(refusal))
        await rest(self._work, self._work.tools.pace.between_looks)

    async def _reached(self) -> ForgeRepository:
        if self._repository is None:
            self._repository = await self._open_repository()
            self._refused = False
        return self._repository

    async def _open_repository(self) -> ForgeRepository:
        access = self._work.tools.forge
        if access is None:
            raise failed(
                Reason.PUBLISH_AUTH,
                "this orchestrator has no token for the forge",
                "Set PAWL_GITHUB_TOKEN_FILE or PAWL_GITHUB_APP_ID, then retry the job: no step "
                "runs again.",
            )
        location = (await self._work.mirror()).location
        return await access.repository(
            location, self._work.plan, holder=self._work.refs.holder, fresh=self._refused
        )

    async def _settled(self) -> None:
        """What was asked for without an answer has been done, or will never be.

        The whole time from here: another owner may have asked, and its clock is not ours. Once
        for a request: a forge that fails often would else hardly ever be looked at to the end.
        """
        if self._asked and not self._waited:
            await rest(self._work, self._work.tools.pace.request_settles, asked=False)
            self._waited, self._seen_none = True, 0

    async def _look(self, repository: ForgeRepository, looks: int) -> Choice:
        while self._seen_none < looks:
            if self._seen_none:
                await rest(self._work, self._work.tools.pace.between_looks, asked=False)
            choice = choose(await self._found(repository), self._wanted, self._publication.commit)
            if choice.ours is not None:
                return choice
            self._seen_none += 1
        return Choice()

    async def _found(self, repository: ForgeRepository) -> Sequence[PullRequest]:
        return await repository.pull_requests(
            head_branch=self._wanted.head_branch, marker=self._marker
        )

    async def _record(
        self, one: PullRequest, *, adopted: bool, duplicates: Sequence[int] = ()
    ) -> None:
        events = [
            NewEvent(
                type="task.publish.pullRequestOpened",
                message=f"Pull request {one.number} is {one.state.value}: {one.url}"
                if adopted
                else f"Pull request {one.number} is opened: {one.url}",
                payload={
                    "number": one.number,
                    "url": one.url,
                    "adopted": adopted,
                    "state": one.state.value,
                    "draft": one.draft,
                    "base": one.base_branch,
                },
                stage=Stage.PUBLISH,
            )
        ]
        if duplicates:
            numbers = ", ".join(map(str, duplicates))
            events.append(
                NewEvent(
                    type="task.publish.duplicateDetected",
                    message=f"Pull requests {numbers} say that they are of this job, too.",
                    payload={"kept": one.number, "duplicates": list(duplicates)},
                    stage=Stage.PUBLISH,
                )
            )
        await self._work.tools.store.opened_pull_request(
            self._work.claim, *events, number=one.number, url=one.url
        )
        self._work.told()

    @property
    def _place(self) -> str:
        mirror = self._work.open_mirror
        return mirror.location.url if mirror else self._work.job.repository
