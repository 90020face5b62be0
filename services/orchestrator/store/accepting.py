"""Writes by those who hold no claim: submits, cancel requests, ends of patience."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from pawl.wire.errors import FailedPrecondition
from services.orchestrator.jobs.accepting import NewJob
from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import (
    Artifact,
    Job,
    JobId,
    JobOutcome,
    JobState,
    NewEvent,
    StepState,
)
from services.orchestrator.jobs.receipts import Receipt, told
from services.orchestrator.store import jobs, listing, rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.text import clean
from services.orchestrator.store.writes import HEAD, moved, named, store_artifacts, store_events

job = tables.job

EXPIRED_AT_ONCE = 100
"""Jobs that one look ends for having waited too long."""


def submitted(
    connection: sa.Connection, principal: str, request_id: str
) -> tuple[str, JobId] | None:
    """The submit digest and the job under a caller's request id."""
    found = connection.execute(
        sa.select(job.c.submit_digest, job.c.job_id).where(
            job.c.principal == principal,
            job.c.request_id == request_id,
            # Also what tells the planner that the partial index holds the answer.
            sa.text("request_id <> ''"),
        )
    )
    row = found.one_or_none()
    return None if row is None else (row.submit_digest, JobId(row.job_id))


def insert(connection: sa.Connection, new: NewJob) -> Job:
    """Stores a job with everything that belongs to it from the start."""
    patience = new.plan.limits.queue_timeout
    queue_left = None if patience is None else rows.micros(patience)
    event = NewEvent(
        type="job.submitted",
        message="The job was submitted.",
        payload={"planDigest": new.plan.digest, "priority": new.priority},
    )
    statement = (
        sa.insert(job)
        .values(
            job_id=new.job_id,
            principal=new.principal,
            request_id=new.request_id,
            submit_digest=new.submit_digest,
            state=JobState.QUEUED,
            repository=new.plan.repository,
            runtime=new.plan.runtime,
            capabilities=[capability.name for capability in new.plan.capabilities],
            priority=new.priority,
            claim_rank=-new.priority,
            attempt=1,
            max_attempts=new.max_attempts,
            losses=0,
            cancel_too_late_told=False,
            create_time=now(),
            opened_time=now(),
            queued_time=now(),
            queue_left=queue_left,
            queue_deadline=None if queue_left is None else now() + queue_left,
            intent_recorded=False,
            last_sequence=1,
            epoch=0,
            claims_without_progress=0,
            workspace_count=0,
            **listing.columns(new),
            **dict.fromkeys(_EMPTY, ""),
        )
        .returning(job.c.submit_order, *HEAD)
    )
    row = (connection.execute(statement)).mappings().one()
    store_events(connection, row, [event])
    connection.execute(
        sa.insert(tables.plan).values(job_id=new.job_id, document=rows.plan_document(new.plan))
    )
    connection.execute(
        sa.insert(tables.step),
        [
            {
                "job_id": new.job_id,
                "step_index": step.index,
                "id": step.id,
                "title": step.title,
                "state": StepState.PENDING,
                "attempt": 0,
                **_NO_RUN,
            }
            for step in new.plan.steps
        ],
    )
    if new.labels:
        connection.execute(
            sa.insert(tables.label),
            [
                {
                    "job_id": new.job_id,
                    "key": clean(key),
                    "value": clean(value),
                    "submit_order": row["submit_order"],
                }
                for key, value in new.labels.items()
            ],
        )
    return jobs.sure(connection, new.job_id, with_plan=True)


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


GONE: dict[str, Any] = {
    "end_time": now(),
    "not_before": None,
    "owner": "",
    "lease_until": None,
    "queue_deadline": None,
}
"""What every end of a job has in common."""

_EMPTY = (
    "default_branch",
    "base_commit",
    "working_branch",
    "published_commit",
    "pull_request_url",
    "owner",
    "workspace_id",
    "runner_id",
    "incarnation",
    "claim_nonce",
)
_NO_RUN = dict.fromkeys(
    (
        "run_id",
        "runner_id",
        "incarnation",
        "workspace_id",
        "version",
        "summary",
        "checkpoint_commit",
        "checkpoint_tree",
    ),
    "",
)
