"""The part of the store that is open to those who hold no claim."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orchestrator.jobs.job import (
    Artifact,
    CancelRequest,
    Event,
    Job,
    JobId,
    Segment,
    Stream,
)
from services.orchestrator.jobs.publishing import Publication
from services.orchestrator.jobs.store import Candidate, Claim, JobFilter, NewJob, Stretch
from services.orchestrator.store import accepting, claims, events, jobs, output, publishing
from services.orchestrator.store.engine import Engines


class SqlReading:
    """Questions that change nothing."""

    _engines: Engines

    async def job(self, job_id: str, *, with_plan: bool = True) -> Job | None:
        """See Reading."""
        async with self._engines.reading() as connection:
            return await jobs.read(connection, job_id, with_plan=with_plan)

    async def jobs(
        self, matching: JobFilter, *, size: int, after: str
    ) -> tuple[Sequence[Job], str]:
        """See Reading. Raises InvalidArgument for a token that no page gave."""
        async with self._engines.reading() as connection:
            return await jobs.page(connection, matching, size=size, after=after)

    async def events(self, job_id: str, *, after: int, limit: int) -> Sequence[Event]:
        """See Reading."""
        async with self._engines.reading() as connection:
            return await events.after(connection, job_id, after, limit=limit)

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """See Reading."""
        async with self._engines.reading() as connection:
            return await events.artifacts(connection, job_id)

    async def artifact(self, job_id: str, path: str) -> Artifact | None:
        """See Reading."""
        async with self._engines.reading() as connection:
            return await events.artifact(connection, job_id, path)

    async def segments(
        self, job_id: str, *, step_index: int, attempt: int, after_order: int, limit: int
    ) -> Sequence[Segment]:
        """See Reading."""
        async with self._engines.reading() as connection:
            return await output.segments(
                connection,
                job_id,
                step_index=step_index,
                attempt=attempt,
                after_order=after_order,
                limit=limit,
            )

    async def stretches(
        self, job_id: str, *, step_index: int, attempt: int, from_position: int, limit: int
    ) -> Sequence[Stretch]:
        """See Reading."""
        async with self._engines.reading() as connection:
            return await output.stretches(
                connection,
                job_id,
                step_index=step_index,
                attempt=attempt,
                from_position=from_position,
                limit=limit,
            )

    async def received(self, job_id: str, *, step_index: int, attempt: int) -> dict[Stream, int]:
        """See Reading."""
        async with self._engines.reading() as connection:
            return await output.received(connection, job_id, step_index=step_index, attempt=attempt)

    async def publication(self, job_id: str) -> Publication | None:
        """See Reading."""
        async with self._engines.reading() as connection:
            return await publishing.read(connection, job_id)


class SqlAccepting:
    """Writes that are predicated on a job's state."""

    _engines: Engines

    async def submitted(self, principal: str, request_id: str) -> tuple[str, JobId] | None:
        """See Accepting."""
        if not request_id:
            return None
        async with self._engines.reading() as connection:
            return await accepting.submitted(connection, principal, request_id)

    async def submit(self, new: NewJob) -> tuple[Job, bool]:
        """See Accepting."""
        try:
            async with self._engines.writing() as connection:
                await accepting.insert(connection, new)
                return await _stored(connection, new.job_id), False
        except sa.exc.IntegrityError:
            # Somebody was here first, or the job id is not new, which is a defect.
            async with self._engines.reading() as connection:
                earlier = await accepting.submitted(connection, new.principal, new.request_id)
                if earlier is None:
                    raise
                job_id = accepting.same(earlier, new)
                return await _stored(connection, job_id), True

    async def request_cancel(self, job_id: str, *, by: str, reason: str) -> Job | None:
        """See Accepting."""
        async with self._engines.writing() as connection:
            refusal = await accepting.cancel(connection, job_id, by=by, reason=reason)
            found = await jobs.read(connection, job_id, with_plan=False)
        if refusal is not None:
            raise refusal
        return found

    async def expire_queued(self) -> Sequence[JobId]:
        """See Accepting."""
        async with self._engines.writing() as connection:
            return await accepting.expire(connection)


class SqlClaiming:
    """How jobs find an owner."""

    _engines: Engines

    async def candidates(self, *, limit: int, after: str = "") -> Sequence[Candidate]:
        """See Claiming."""
        async with self._engines.reading() as connection:
            return await claims.candidates(connection, limit=limit, after=after)

    async def claim(self, job_id: JobId, *, owner: str, term: timedelta) -> Claim | None:
        """See Claiming."""
        async with self._engines.writing() as connection:
            return await claims.claim(connection, job_id, owner=owner, term=term)

    def renew(self, claim: Claim, *, term: timedelta) -> CancelRequest | None:
        """See Claiming."""
        return claims.renew(self._engines.blocking, claim, term=term)

    async def give_up(self, owner: str) -> None:
        """See Claiming."""
        async with self._engines.writing() as connection:
            await claims.give_up(connection, owner)


async def _stored(connection: AsyncConnection, job_id: str) -> Job:
    found = await jobs.read(connection, job_id, with_plan=True)
    if found is None:
        raise LookupError(f"job {job_id} was stored and is not there")
    return found
