"""Finds jobs that can run, claims them, and owns the drivers that carry them."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from pawl.wire.errors import Unavailable
from services.orchestrator.drive.driver import Driver
from services.orchestrator.drive.lease import FENCE_SHARE
from services.orchestrator.drive.ports import Runner
from services.orchestrator.drive.tidying import tidying
from services.orchestrator.drive.work import Tools
from services.orchestrator.jobs.claim import Candidate, Claim, StoreAway
from services.orchestrator.jobs.eligibility import Hold, Process, judge
from services.orchestrator.jobs.job import JobId, JobState

logger = structlog.get_logger(__name__)

PAGE = 100
HOPELESS = 100
"""Sets of capabilities that one look at the queue learns to pass over."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One claim as it was asked for."""

    candidate: Candidate
    housed: bool
    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)
    sent: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> timedelta:
        """Since it was asked for."""
        return timedelta(seconds=time.monotonic() - self.sent)


class Claimer:
    """One per process. Nothing else claims a job, starts a driver, or ends one."""

    def __init__(
        self,
        tools: Tools,
        drivers: asyncio.TaskGroup,
        *,
        max_jobs: int,
        per_repository: int = 0,
    ) -> None:
        self.owner = uuid.uuid4().hex
        self._tools = tools
        self._tasks = drivers
        self._max_jobs = max_jobs
        self._per_repository = per_repository
        self._drivers: dict[JobId, Driver] = {}
        self._unanswered: list[_Asked] = []
        """Claims that may have been made: the database was away when they were."""
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something changed that may let a job run: look now, not at the next poll."""
        self._woken.set()

    def process(self) -> Process:
        """What this process has on its hands now."""
        return Process(
            driving=self._drivers.keys(),
            max_jobs=self._max_jobs,
            per_repository=self._per_repository,
        )

    def cancel(self, job_id: str) -> None:
        """A cancel request was stored; its owner, if that is us, acts at once."""
        if driver := self._drivers.get(JobId(job_id)):
            driver.cancel()

    async def run(self, poll: timedelta) -> None:
        """Claims until it is cancelled."""
        while True:
            self._woken.clear()
            try:
                await self._look()
            except StoreAway as error:
                logger.warning("store_away", error=str(error))
            try:
                async with asyncio.timeout(poll.total_seconds()):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        """Claims what fits; jobs whose owner was lost come first: they hold slots already."""
        while await self._tools.store.expire_queued():
            pass
        await self._look_up_claims()
        await self._claim(JobState.RUNNING, while_=lambda: True)
        await self._claim(JobState.QUEUED, while_=lambda: True, publishing=True)
        # A full fleet is no reason to read a queue of thousands.
        await self._claim(JobState.QUEUED, while_=self._tools.fleet.roomy)

    async def _claim(
        self, state: JobState, *, while_: Callable[[], bool], publishing: bool = False
    ) -> None:
        after = ""
        hopeless: set[tuple[str, ...]] = set()
        """Capabilities that no runner offers together, or not with a free slot."""
        while while_():
            page = await self._tools.store.candidates(
                state=state,
                limit=PAGE,
                after=after,
                per_repository=self._per_repository,
                without=hopeless,
                publishing=publishing,
            )
            asked: Counter[str] = Counter()
            for candidate in page:
                if self.process().full:
                    return
                if candidate.capabilities in hopeless:
                    continue
                left = candidate
                if candidate.room is not None:
                    # As the page was read; what was claimed of it since counts, whoever got it.
                    left = replace(candidate, room=candidate.room - asked[candidate.repository])
                holds = await self._consider(left)
                if not holds:
                    asked[candidate.repository] += 1
                elif Hold.NO_TAKER in holds and len(hopeless) < HOPELESS:
                    hopeless.add(candidate.capabilities)
            if len(page) < PAGE:
                return
            after = page[-1].job_id

    async def _consider(self, candidate: Candidate) -> tuple[Hold, ...]:
        """Claims a job that nothing holds; gives what does, without having asked the store."""
        verdict = judge(candidate, self._tools.fleet.offers(), self.process())
        if verdict.holds:
            return verdict.holds
        reserved: Runner | None = None
        if not verdict.housed:
            reserved = self._tools.fleet.reserve(candidate.capabilities)
        claim: Claim | None = None
        asked = _Asked(candidate, verdict.housed)
        try:
            claim = await self._tools.store.claim(
                candidate.job_id,
                owner=self.owner,
                term=self._tools.pace.lease,
                per_repository=self._per_repository,
                nonce=asked.nonce,
            )
        except StoreAway:
            self._unanswered.append(asked)
            raise
        finally:
            if claim is None and reserved is not None:
                self._tools.fleet.free(reserved)
        if claim is not None:
            self._begin(claim, reserved, sent=asked.sent)
        return ()

    async def _look_up_claims(self) -> None:
        """Drives the jobs whose claim was made although the answer to it was lost."""
        while self._unanswered:
            asked = self._unanswered[-1]
            claim = await self._tools.store.claimed(
                asked.candidate.job_id, owner=self.owner, nonce=asked.nonce
            )
            self._unanswered.pop()
            # One whose time is up is claimed again like any other, once its lease has run out.
            left = self._tools.pace.lease * FENCE_SHARE - asked.age
            if claim is not None and left > timedelta():
                reserved: Runner | None = None
                if not asked.housed:
                    reserved = self._tools.fleet.reserve(asked.candidate.capabilities)
                self._begin(claim, reserved, sent=asked.sent)

    def _begin(self, claim: Claim, reserved: Runner | None, *, sent: float) -> None:
        self._tools.live.wake(claim.job_id)
        logger.info("job_claimed", job_id=claim.job_id, epoch=claim.epoch)
        driver = self._drivers[claim.job_id] = Driver(claim, self._tools, reserved, sent=sent)
        self._tasks.create_task(self._drive(driver), name=f"job {claim.job_id}")

    async def _drive(self, driver: Driver) -> None:
        try:
            await driver.run()
        except Unavailable as error:
            # Its lease runs out, and whoever can reach what is away goes on from there.
            logger.warning("driver_stopped", job_id=driver.claim.job_id, why=str(error))
        except Exception:
            # The job boundary: a defect in driving one job must not reach the others. Its
            # lease runs out, the next claim goes on from there, and the fifth without
            # progress ends the job as poison.
            logger.exception("driver_broke", job_id=driver.claim.job_id)
        finally:
            del self._drivers[driver.claim.job_id]
            self.wake()


@asynccontextmanager
async def claiming(
    tools: Tools, *, max_jobs: int, poll: timedelta, per_repository: int = 0
) -> AsyncIterator[Claimer]:
    """Claims for the length of the block.

    At its end the drivers are let go and their leases ended: the runs go on under their
    keepers, and whoever claims next adopts them.
    """
    async with asyncio.TaskGroup() as tasks:
        claimer = Claimer(tools, tasks, max_jobs=max_jobs, per_repository=per_repository)
        looking = tasks.create_task(claimer.run(poll), name="claimer")
        # By itself: a runner may take minutes to remove a workspace, or not answer at all.
        sweeping = tasks.create_task(tidying(tools), name="tidying")
        try:
            yield claimer
        finally:
            looking.cancel()
            sweeping.cancel()
            for driver in tuple(claimer._drivers.values()):  # noqa: SLF001
                driver.leave()
    await tools.store.give_up(claimer.owner)
