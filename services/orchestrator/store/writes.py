"""The first statement of every transaction that changes a job, with the events it numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from services.orchestrator.jobs.job import Artifact, JobId, JobState, NewEvent
from services.orchestrator.jobs.store import Claim, LeaseLost
from services.orchestrator.store import tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.rows import Row
from services.orchestrator.store.text import clean, payload

job = tables.job

CLAIMABLE = sa.case(
    (job.c.state == JobState.QUEUED, sa.func.coalesce(job.c.not_before, 0) <= now()),
    (job.c.state == JobState.RUNNING, job.c.lease_until < now()),
    else_=sa.false(),
)
"""What may be claimed now, by the database's clock.

As a case, not as an `or`: the planner would look up each side by itself and sort the
whole queue, where the index of open jobs has it in order.
"""

UNCOUNTED = sa.case((job.c.claims_without_progress > 0, job.c.claims_without_progress - 1), else_=0)
"""The count of claims without progress when this claim ends in good order."""


def fence(claim: Claim) -> sa.ColumnElement[bool]:
    """True for the job's row exactly while the claim is in force."""
    return sa.and_(
        job.c.job_id == claim.job_id,
        job.c.epoch == claim.epoch,
        job.c.owner == claim.owner,
        job.c.state == JobState.RUNNING,
    )


def driven(
    connection: sa.Connection,
    claim: Claim,
    events: Sequence[NewEvent] = (),
    changes: Mapping[str, Any] | None = None,
) -> Row:
    """Changes the job's row under its claim and stores the events; gives the row.

    The row is the changed one with the database's time as `now`. The events have
    the attempt the row has. Raises LeaseLost.
    """
    row = moved(connection, fence(claim), events, changes)
    if row is None:
        raise LeaseLost
    return row


def moved(
    connection: sa.Connection,
    where: sa.ColumnElement[bool],
    events: Sequence[NewEvent],
    changes: Mapping[str, Any] | None = None,
) -> Row | None:
    """The same for one job whose state is as `where` says; None where it is not."""
    statement = (
        sa.update(job)
        .where(where)
        .values(last_sequence=job.c.last_sequence + len(events), **(changes or {}))
        .returning(*job.c, now().label("now"))
    )
    row = (connection.execute(statement)).mappings().one_or_none()
    if row is not None and events:
        store_events(connection, row, events)
    return row


def store_events(connection: sa.Connection, row: Row, events: Sequence[NewEvent]) -> None:
    """Stores events under the last numbers that the job's row has just been given."""
    first = row["last_sequence"] - len(events) + 1
    connection.execute(
        sa.insert(tables.event),
        [
            {
                "job_id": row["job_id"],
                "sequence": first + position,
                "create_time": row["now"],
                "type": event.type,
                "epoch": row["epoch"],
                "attempt": row["attempt"],
                "stage": event.stage,
                "step_index": event.step_index,
                "message": clean(event.message),
                "payload": payload(event.payload, event.type),
            }
            for position, event in enumerate(events)
        ],
    )


def store_artifacts(connection: sa.Connection, row: Row, artifacts: Sequence[Artifact]) -> None:
    """Lists artifacts; one of an equal path and another digest takes the old one's place."""
    table = tables.artifact
    for artifact in artifacts:
        here = sa.and_(table.c.job_id == row["job_id"], table.c.path == artifact.path)
        digest = connection.scalar(sa.select(table.c.sha256).where(here))
        if digest == artifact.sha256:
            continue
        if digest is not None:
            connection.execute(sa.delete(table).where(here))
        connection.execute(
            sa.insert(table).values(
                job_id=row["job_id"],
                path=artifact.path,
                size=artifact.size,
                sha256=artifact.sha256,
                content_type=artifact.content_type,
                key=artifact.key,
                create_time=row["now"],
            )
        )


def named(job_id: str, state: JobState) -> sa.ColumnElement[bool]:
    """True for one job's row while it is in a state."""
    return sa.and_(job.c.job_id == JobId(job_id), job.c.state == state)
