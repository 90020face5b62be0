"""How a job is asked to stop: at once while it is queued, else by a request its owner sees."""

from typing import Any

import sqlalchemy as sa

from pawl.wire.errors import FailedPrecondition
from services.orchestrator.jobs.job import Artifact, Job, JobOutcome, JobState, NewEvent
from services.orchestrator.jobs.receipts import Receipt, told
from services.orchestrator.store import jobs, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.text import clean
from services.orchestrator.store.writes import GONE, moved, named, store_artifacts

job = tables.job


def cancel(
    connection: sa.Connection, job_id: str, *, by: str, reason: str, receipt: Artifact | None
) -> tuple[Job | None, FailedPrecondition | None]:
    """Records a cancel request where there is still something to stop; gives the job.

    Gives, not raises, the refusal of one that comes too late: the event that tells
    of it is to be committed.
    """
    refusal = _cancel(connection, job_id, by=by, reason=reason, receipt=receipt)
    return jobs.read(connection, job_id, with_plan=False), refusal


def _cancel(
    connection: sa.Connection, job_id: str, *, by: str, reason: str, receipt: Artifact | None
) -> FailedPrecondition | None:
    request: dict[str, Any] = {
        "cancel_time": now(),
        "cancel_by": clean(by),
        "cancel_reason": clean(reason),
    }
    requested = NewEvent(
        type="job.cancel.requested",
        message=f"{by} asked for the job to be cancelled.",
        payload={"by": by, "reason": reason},
    )
    cancelled = NewEvent(
        type="job.cancelled",
        message=f"Cancelled by {by}; nothing of it was running.",
        payload={"reason": reason, "receipt": told(Receipt())},
    )
    ended = {"state": JobState.CANCELLED, "outcome": JobOutcome.CANCELLED, **GONE}
    stoppable = job.c.intent_recorded.is_(False)
    queued = sa.and_(named(job_id, JobState.QUEUED), stoppable)
    row = moved(connection, queued, [requested, cancelled], {**request, **ended})
    if row is not None:
        if receipt is not None:
            store_artifacts(connection, row, [receipt])
        return None
    running = named(job_id, JobState.RUNNING)
    untold = sa.and_(running, job.c.cancel_time.is_(None), stoppable)
    if moved(connection, untold, [requested], request):
        return None
    found = connection.execute(sa.select(job).where(job.c.job_id == job_id))
    row = found.mappings().one_or_none()
    if row is None or row["cancel_time"] is not None:
        return None
    if JobState(row["state"]).terminal:
        return FailedPrecondition(
            "JOB_ENDED",
            f"job {job_id} ended before it was asked to: {row['outcome']}",
            metadata={"state": row["state"]},
        )
    too_late = NewEvent(
        type="job.cancel.tooLate",
        message=f"{by} asked for the job to be cancelled, but its result is being published.",
        payload={"by": by, "reason": reason},
    )
    unheard = sa.and_(named(job_id, row["state"]), job.c.cancel_too_late_told.is_(False))
    moved(connection, unheard, [too_late], {"cancel_too_late_told": True})
    return FailedPrecondition(
        "TOO_LATE", f"the result of job {job_id} is being published; wait for it to end"
    )
