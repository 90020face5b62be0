"""How a job comes into the store: once for a request id, with all that belongs to it."""

import sqlalchemy as sa

from services.orchestrator.jobs.accepting import NewJob
from services.orchestrator.jobs.job import Job, JobId, JobState, NewEvent, StepState
from services.orchestrator.store import jobs, listing, rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.text import clean
from services.orchestrator.store.writes import HEAD, store_events

job = tables.job


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
