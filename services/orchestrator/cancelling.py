"""Takes a request to stop a job in; one that waits is stopped by that alone."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog

from pawl.wire.errors import Unavailable
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.job import Artifact, Job, JobId, JobState
from services.orchestrator.jobs.paths import RECEIPT
from services.orchestrator.jobs.receipts import Receipt, document
from services.orchestrator.jobs.store import Store

logger = structlog.get_logger(__name__)


class Place(Protocol):
    """Where the bytes of artifacts go."""

    async def put_bytes(self, job_id: JobId, path: str, data: bytes) -> Artifact:
        """Stores bytes as the artifact `path`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling:
    """Asks for jobs to be stopped."""

    store: Store
    artifacts: Place

    async def cancel(self, job_id: str, *, by: str, reason: str) -> Job | None:
        """The job with its request, CANCELLED if it was QUEUED; None for no such job.

        Raises what CancelJob refuses.
        """
        job = await self.store.job(job_id, with_plan=False)
        receipt: Artifact | None = None
        if job is not None and job.state is JobState.QUEUED:
            receipt = await self._receipt(job, by=by, reason=reason)
        return await self.store.request_cancel(job_id, by=by, reason=reason, receipt=receipt)

    async def _receipt(self, job: Job, *, by: str, reason: str) -> Artifact | None:
        facts = document(
            Receipt(), job_id=job.job_id, run_id="", by=by, time=datetime.now(UTC), reason=reason
        )
        data = json.dumps(facts, indent=2).encode()
        try:
            return await self.artifacts.put_bytes(job.job_id, RECEIPT, data)
        except (JobFailed, Unavailable) as error:
            # The event has it, too: a place that is full or away must not keep a job from ending.
            logger.warning("no_receipt", job_id=job.job_id, why=str(error))
            return None
