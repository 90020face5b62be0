"""The part of the store that is open to those who hold no claim."""

from collections.abc import Collection, Sequence
from datetime import timedelta

import sqlalchemy as sa

from pawl.wire.faultpoints import Point, answered
from services.orchestrator.jobs.accepting import NewJob, same_job
from services.orchestrator.jobs.claim import Candidate, Claim, StoreAway
from services.orchestrator.jobs.history import History
from services.orchestrator.jobs.job import (
    Artifact,
    CancelRequest,
    Event,
    Job,
    JobId,
    JobState,
    Segment,
    Stream,
)
from services.orchestrator.jobs.publishing import Publication
from services.orchestrator.jobs.reading import JobFilter, Stretch
from services.orchestrator.jobs.standing import Queue, Standing
from services.orchestrator.store import (
    cancels,
    claims,
    events,
    expiring,
    history,
    jobs,
    output,
    publishing,
    reopening,
    standing,
    submits,
)
from services.orchestrator.store.threads import Threads


class SqlReading:
    """Questions that change nothing."""

    _threads: Threads

    async def job(self, job_id: str, *, with_plan: bool = True) -> Job | None:
        """See Reading."""
        return await self._threads.read(jobs.read, job_id, with_plan=with_plan)

    async def jobs(
        self, matching: JobFilter, *, size: int, after: str
    ) -> tuple[Sequence[Job], str]:
        """See Reading. Raises InvalidArgument for a token that no page gave."""
        return await self._threads.read(jobs.page, matching, size=size, after=after)

    async def events(self, job_id: str, *, after: int, limit: int) -> Sequence[Event]:
        """See Reading."""
        return await self._threads.read(events.after, job_id, after, limit=limit)

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """See Reading."""
        return await self._threads.read(events.artifacts, job_id)

    async def artifact(self, job_id: str, path: str) -> Artifact | None:
        """See Reading."""
        return await self._threads.read(events.artifact, job_id, path)

    async def segments(
        self, job_id: str, *, step_index: int, attempt: int, after_order: int, limit: int
    ) -> Sequence[Segment]:
        """See Reading."""
        return await self._threads.read(
            output.segments,
            job_id,
            step_index=step_index,
            attempt=attempt,
            after_order=after_order,
            limit=limit,
        )

    async def unjoined(self, job_id: str, *, step_index: int) -> Sequence[int]:
        """See Reading."""
        return await self._threads.read(output.unjoined, job_id, step_index=step_index)

    async def stretches(
        self, job_id: str, *, step_index: int, attempt: int, from_position: int, limit: int
    ) -> Sequence[Stretch]:
        """See Reading."""
        return await self._threads.read(
            output.stretches,
            job_id,
            step_index=step_index,
            attempt=attempt,
            from_position=from_position,
            limit=limit,
        )

    async def received(self, job_id: str, *, step_index: int, attempt: int) -> dict[Stream, int]:
        """See Reading."""
        return await self._threads.read(
            output.received, job_id, step_index=step_index, attempt=attempt
        )

    async def standing(self, job_id: str, *, per_repository: int) -> Standing | None:
        """See Reading."""
        return await self._threads.read(standing.read, job_id, per_repository=per_repository)

    async def queue(self) -> Queue:
        """See Reading."""
        return await self._threads.read(standing.queue)

    async def history(self, *, length: timedelta, buckets: int) -> History:
        """See Reading."""
        return await self._threads.read(history.read, length=length, buckets=buckets)

    async def next_order(self, job_id: str, *, step_index: int, attempt: int) -> int:
        """See Reading."""
        return await self._threads.read(
            output.next_order, job_id, step_index=step_index, attempt=attempt
        )

    async def publication(self, job_id: str) -> Publication | None:
        """See Reading."""
        return await self._threads.read(publishing.read, job_id)


class SqlAccepting:
    """Writes that are predicated on a job's state."""

    _threads: Threads

    async def submitted(self, principal: str, request_id: str) -> tuple[str, JobId] | None:
        """See Accepting."""
        if not request_id:
            return None
        return await self._threads.read(submits.submitted, principal, request_id)

    async def submit(self, new: NewJob) -> tuple[Job, bool]:
        """See Accepting."""
        try:
            return await self._threads.write(submits.insert, new), False
        except sa.exc.IntegrityError:
            # Somebody was here first, or the job id is not new, which is a defect.
            earlier = await self.submitted(new.principal, new.request_id)
            if earlier is None:
                raise
            job_id = same_job(earlier, new.request_id, new.submit_digest)
            return await self._threads.read(jobs.sure, job_id, with_plan=True), True

    async def request_cancel(
        self, job_id: str, *, by: str, reason: str, receipt: Artifact | None = None
    ) -> Job | None:
        """See Accepting."""
        found, refusal = await self._threads.write(
            cancels.cancel, job_id, by=by, reason=reason, receipt=receipt
        )
        if refusal is not None:
            raise refusal
        return found

    async def retry(
        self,
        job_id: str,
        *,
        by: str,
        from_step: int | None,
        ended_attempt: int,
        settle: timedelta,
    ) -> Job | None:
        """See Accepting."""
        return await self._threads.write(
            reopening.retry,
            job_id,
            by=by,
            from_step=from_step,
            ended_attempt=ended_attempt,
            settle=settle,
        )

    async def expire_queued(self) -> Sequence[JobId]:
        """See Accepting."""
        overdue = await self._threads.read(expiring.overdue)
        return [one for one in overdue if await self._threads.write(expiring.expire, one)]


class SqlClaiming:
    """How jobs find an owner."""

    _threads: Threads

    async def candidates(
        self,
        *,
        limit: int,
        after: str = "",
        state: JobState | None = None,
        per_repository: int = 0,
        without: Collection[tuple[str, ...]] = (),
        publishing: bool = False,
    ) -> Sequence[Candidate]:
        """See Claiming."""
        return await self._threads.read(
            claims.candidates,
            limit=limit,
            after=after,
            state=state,
            per_repository=per_repository,
            without=without,
            publishing=publishing,
        )

    async def claim(
        self,
        job_id: JobId,
        *,
        owner: str,
        term: timedelta,
        per_repository: int = 0,
        nonce: str = "",
    ) -> Claim | None:
        """See Claiming."""
        claim = await self._threads.write(
            claims.claim,
            job_id,
            owner=owner,
            term=term,
            per_repository=per_repository,
            nonce=nonce,
        )
        if claim is not None:
            answered(Point.C1, StoreAway)
        return claim

    async def claimed(self, job_id: JobId, *, owner: str, nonce: str) -> Claim | None:
        """See Claiming."""
        return await self._threads.read(claims.claimed, job_id, owner=owner, nonce=nonce)

    def renew(self, claim: Claim, *, term: timedelta) -> CancelRequest | None:
        """See Claiming."""
        return claims.renew(self._threads.renewing, claim, term=term)

    async def give_up(self, owner: str) -> None:
        """See Claiming."""
        await self._threads.write(claims.give_up, owner)
