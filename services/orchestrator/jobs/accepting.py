"""The store as those see it who submit, cancel or retry a job: they hold no claim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from pawl.wire.errors import AlreadyExists
from services.orchestrator.jobs.job import Artifact, Job, JobId
from services.orchestrator.jobs.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to store."""

    job_id: JobId
    principal: str
    request_id: str
    """Empty when the caller gave none."""
    submit_digest: str
    plan: Plan
    priority: int
    max_attempts: int
    labels: Mapping[str, str]


def same_job(earlier: tuple[str, JobId], request_id: str, submit_digest: str) -> JobId:
    """The job that `submitted` found for a request id, if it was asked for in the same words.

    Raises AlreadyExists REQUEST_ID_REUSED when it was not.
    """
    digest, job_id = earlier
    if digest != submit_digest:
        raise AlreadyExists(
            "REQUEST_ID_REUSED",
            f"request_id {request_id} names job {job_id}, which was submitted with another "
            "payload, priority, attempt limit or label set; choose a new request_id",
            metadata={"job_id": job_id},
        )
    return job_id


class Accepting(Protocol):
    """Writes by those who hold no claim."""

    async def submitted(self, principal: str, request_id: str) -> tuple[str, JobId] | None:
        """The submit digest and the job under a request id, if there is one."""

    async def submit(self, new: NewJob) -> tuple[Job, bool]:
        """Stores the job with `job.submitted`; True for a job that was there already.

        Two submits of one request id make one job, however they race. Raises
        AlreadyExists REQUEST_ID_REUSED when the digests differ.
        """

    async def request_cancel(
        self, job_id: str, *, by: str, reason: str, receipt: Artifact | None = None
    ) -> Job | None:
        """Cancels a queued job at once, or records the request; None for no such job.

        `receipt` is listed where the job was queued.

        Idempotent: a second request, or one for a CANCELLED job, changes nothing.
        Writes `job.cancel.requested`, and for a queued job `job.cancelled`. Raises
        FailedPrecondition TOO_LATE once the intent is recorded, together with the
        event `job.cancel.tooLate` the first time, and JOB_ENDED after the end.
        """

    async def retry(
        self,
        job_id: str,
        *,
        by: str,
        from_step: int | None,
        ended_attempt: int,
        settle: timedelta,
    ) -> Job | None:
        """Opens a FAILED or DEAD_LETTER job again with `job.retried`; None for no such job.

        It is QUEUED, in its next attempt; the steps from `from_step` on are PENDING and what
        they left is below ``attempts/<n>/``, what they consumed in `spent`. One that was
        POISONED waits for `settle` from its end. Raises what RetryJob refuses, and then
        nothing has changed.
        """

    async def expire_queued(self) -> Sequence[JobId]:
        """Fails jobs whose queue time is over with QUEUE_EXPIRED."""
