"""How jobs end that have waited for too long."""

from collections.abc import Sequence

import sqlalchemy as sa

from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import JobId, JobOutcome, JobState, NewEvent
from services.orchestrator.store import tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.writes import GONE, moved, named

job = tables.job

EXPIRED_AT_ONCE = 100
"""Jobs that one look ends for having waited too long."""

# Only a job that is QUEUED has a deadline; to name the state here, too, would make the
# planner look through the queue for it.
OVERDUE = sa.and_(
    job.c.queue_deadline.is_not(None),
    job.c.queue_deadline < now(),
    # What is to be published waits for nobody's limit.
    job.c.intent_recorded.is_(False),
)


def overdue(connection: sa.Connection) -> Sequence[JobId]:
    """Jobs that have waited longer than their task allows."""
    found = connection.scalars(sa.select(job.c.job_id).where(OVERDUE).limit(EXPIRED_AT_ONCE))
    return [JobId(job_id) for job_id in found]


def expire(connection: sa.Connection, job_id: JobId) -> bool:
    """Fails a job that has waited for too long; False where it no longer waits."""
    message = "the job waited in the queue for longer than its task allows"
    event = NewEvent(
        type="job.failed",
        message="The job waited in the queue for too long.",
        payload={"reason": Reason.QUEUE_EXPIRED, "failure": message},
    )
    changes = {
        "state": JobState.FAILED,
        "outcome": JobOutcome.FAILED,
        "failure_reason": Reason.QUEUE_EXPIRED,
        "failure_message": message,
        "failure_remedy": "Raise task.limits.queueTimeoutSeconds, or add a runner that fits.",
        **GONE,
    }
    waiting = sa.and_(named(job_id, JobState.QUEUED), OVERDUE)
    return moved(connection, waiting, [event], changes) is not None
