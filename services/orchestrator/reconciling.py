"""Looks, now and then, for second pull requests of jobs that have ended, and tells of them.

See `jobs.reconciling` for what is asked of the store, docs/decisions/duplicates.md for why.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from pawl.rounds import FIRST, rounds
from services.orchestrator.drive.forge_access import ForgeAccess
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.forge import ForgeAway, PullRequest, PullState, TokenRefused
from services.orchestrator.jobs.job import JobId
from services.orchestrator.jobs.publishing import Choice, compare, marker
from services.orchestrator.jobs.reading import Reading
from services.orchestrator.jobs.reconciling import Reconciliation, Reconciling, Turn, TurnLost
from services.orchestrator.source.location import Location

logger = structlog.get_logger(__name__)

AWAY = 3
"""So many jobs in a row that the forge does not answer for end a round."""


class Store(Reading, Reconciling, Protocol):
    """What a reconciler asks of the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """One of a process; of those that share a store one works at a time."""

    store: Store
    access: ForgeAccess
    locate: Callable[[str], Location]
    """Where a task's repository lies. May raise JobFailed."""
    policy: Reconciliation
    owner: str
    """A name that no other process has."""

    async def round(self) -> None:
        """Looks at the jobs that are due, where nobody else does.

        A store that is away ends the round, and the next begins anew.
        """
        try:
            turn = await self.store.take_turn(self.owner, term=self.policy.term)
            if turn is None:
                return
            rest = timedelta()
            try:
                rest = await self._go_through(turn)
            finally:
                await self._end(turn, rest)
        except (StoreAway, TurnLost) as trouble:
            why = str(trouble) or "another process has taken over"
            logger.warning("reconciliation_broken_off", why=why)

    async def _end(self, turn: Turn, rest: timedelta) -> None:
        # Raised from here, it would take the place of a cancellation, and leaving would never end.
        try:
            await self.store.end_turn(turn, rest=rest)
        except StoreAway as away:
            logger.warning("turn_not_ended", why=str(away), remedy="it ends by itself")

    async def _go_through(self, turn: Turn) -> timedelta:
        """Looks at one job after the other; gives how long the forge asks to be left alone."""
        policy, away = self.policy, 0
        due = await self.store.unreconciled(
            back=policy.back, spacing=policy.round, limit=policy.jobs
        )
        for job_id in due:
            if not await self.store.try_job(turn, job_id, term=policy.term):
                continue
            trouble = await self._looked_at(turn, job_id)
            away = away + 1 if trouble else 0
            if trouble and (trouble.retry_after or away == AWAY):
                return trouble.retry_after or timedelta()
            await asyncio.sleep(policy.between.total_seconds())
        return timedelta()

    async def _looked_at(self, turn: Turn, job_id: JobId) -> ForgeAway | None:
        """Looks at one job; gives what kept the forge from answering, if anything did.

        Raises TurnLost and StoreAway.
        """
        patience = self.policy.patience
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._look_with_renewal(turn, job_id)
        except ForgeAway as away:
            logger.warning("reconciliation_put_off", job_id=job_id, why=away.words)
            return away
        except TimeoutError:
            late = ForgeAway(f"the look-up took longer than {patience.total_seconds():g} s")
            logger.warning("reconciliation_put_off", job_id=job_id, why=late.words)
            return late
        except TokenRefused as refused:
            logger.warning("reconciliation_put_off", job_id=job_id, why=str(refused))
        except JobFailed as stopped:
            # Asking again soon would not change it.
            logger.warning("reconciliation_refused", job_id=job_id, why=str(stopped))
            await self.store.looked(turn, job_id)
        except (StoreAway, TurnLost):
            raise
        except Exception:
            # The job boundary: a defect that one job brings up must not reach the others.
            logger.exception("reconciliation_broke", job_id=job_id)
        return None

    async def _look_with_renewal(self, turn: Turn, job_id: JobId) -> None:
        try:
            await self._look(turn, job_id, fresh=False)
        except TokenRefused:
            await self._look(turn, job_id, fresh=True)
        finally:
            self.access.keys.release(_holder(turn, job_id))

    async def _look(self, turn: Turn, job_id: JobId, *, fresh: bool) -> None:
        job, publication = await self.store.job(job_id), await self.store.publication(job_id)
        if job is None or job.plan is None or publication is None:
            raise LookupError(f"job {job_id} is due without its plan or its publication")
        if publication.pull_request is None:
            raise LookupError(f"job {job_id} is due without a pull request")
        repository = await self.access.repository(
            self.locate(job.plan.repository),
            job.plan,
            holder=_holder(turn, job_id),
            fresh=fresh,
        )
        found = await repository.pull_requests(
            head_branch=publication.pull_request.head_branch, marker=marker(job_id)
        )
        choice = compare(found, publication)
        if choice.duplicates:
            kept = publication.pull_number or (choice.ours.number if choice.ours else 0)
            untold = await self.store.found(turn, job_id, duplicates=choice.duplicates)
            if new := sorted(set(choice.duplicates) - set(job.duplicate_pull_requests)):
                logger.warning("duplicate_pull_requests", job_id=job_id, kept=kept, duplicates=new)
            closable = self._closable(found, choice)
            for number in untold:
                close = number in closable
                try:
                    await repository.report_duplicate(number, of=kept, close=close)
                except JobFailed as stopped:
                    # It alone may take no comments, as where people have locked it.
                    why = str(stopped)
                    logger.warning("duplicate_not_told", job_id=job_id, number=number, why=why)
                else:
                    await self.store.reported(turn, job_id, number)
        await self.store.looked(turn, job_id)

    def _closable(self, found: Sequence[PullRequest], choice: Choice) -> Collection[int]:
        """What may be closed of those that repeat another.

        Nothing where people have closed the one that is kept: they may have gone on with what
        repeats it.
        """
        ours = choice.ours
        if not self.policy.close or ours is None or ours.state is PullState.CLOSED:
            return ()
        return [one.number for one in found if one.state is PullState.OPEN]


def _holder(turn: Turn, job_id: JobId) -> str:
    """Whose the keys are that are made for one look."""
    return f"{job_id}/reconcile-{turn.number}"


def reconciling(
    reconciler: Reconciler, *, first: timedelta = FIRST
) -> AbstractAsyncContextManager[None]:
    """Looks again and again for the length of the block."""
    every = reconciler.policy.round
    return rounds(reconciler.round, every=every, first=first, name="reconciler")
