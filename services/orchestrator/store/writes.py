"""The first statement of every transaction that changes a job, with the events it numbers.

No other module updates the table `job`.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from services.orchestrator.jobs.claim import Claim, LeaseLost
from services.orchestrator.jobs.job import Artifact, JobId, JobState, NewEvent
from services.orchestrator.store import tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.rows import Row, micros
from services.orchestrator.store.text import clean, payload

logger = structlog.get_logger(__name__)

job = tables.job

HEAD = (
    job.c.job_id,
    job.c.epoch,
    job.c.attempt,
    job.c.last_sequence,
    job.c.base_commit,
    job.c.intent_recorded,
    job.c.cancel_time,
    job.c.claimed_from,
    now().label("now"),
)
"""What the writes go on with; the rest of the row would cost more than the write."""

FARTHEST_LEASE = micros(timedelta(minutes=20))
"""No lease runs that long, unless the clock was set back since."""

CLAIMABLE = sa.case(
    (job.c.state == JobState.QUEUED, sa.func.coalesce(job.c.not_before, 0) <= now()),
    (
        job.c.state == JobState.RUNNING,
        sa.not_(job.c.lease_until.between(now(), now() + FARTHEST_LEASE)),
    ),
    else_=sa.false(),
)
"""What may be claimed now, by the database's clock.

As a case, not as an `or`: the planner would look up each side by itself and sort the
whole queue, where the index of open jobs has it in order.
"""

UNCOUNTED = sa.case((job.c.claims_without_progress > 0, job.c.claims_without_progress - 1), else_=0)
"""The count of claims without progress when this claim ends in good order."""


IN_ORDER: Mapping[str, Any] = {"claims_without_progress": UNCOUNTED, "waiting": False}
"""What a write adds that ends a claim in good order."""

PROGRESS: Mapping[str, Any] = {
    "claims_without_progress": 0,
    "waiting": False,
    "waited_since": None,
}
"""What a write adds that cannot repeat for ever: its job is no poison.

A long step that loses its owner time and again, and prints all the while, is not what
kills them.
"""

GONE: dict[str, Any] = {
    "end_time": now(),
    "not_before": None,
    "owner": "",
    "lease_until": None,
    "queue_deadline": None,
}
"""What every end of a job has in common."""

_INSERT_EVENTS = sa.insert(tables.event)

# Built once: building it costs more than executing it, and every write begins with it.
_DRIVEN = (
    sa.update(job)
    .where(
        job.c.job_id == sa.bindparam("job"),
        job.c.epoch == sa.bindparam("held"),
        job.c.owner == sa.bindparam("by"),
        job.c.state == JobState.RUNNING,
        # An owner whose time is up writes nothing more, even where nobody has taken the job yet.
        job.c.lease_until >= now(),
    )
    .values(last_sequence=job.c.last_sequence + sa.bindparam("more"))
    .returning(*HEAD)
)


def driven(
    connection: sa.Connection,
    claim: Claim,
    events: Sequence[NewEvent] = (),
    changes: Mapping[str, Any] | None = None,
) -> Row:
    """Changes the job's row under its claim and stores the events; gives the row.

    The row is HEAD of the changed one. The events have the attempt the row has.
    Raises LeaseLost.
    """
    statement = _DRIVEN.values(**changes) if changes else _DRIVEN
    values = {"job": claim.job_id, "held": claim.epoch, "by": claim.owner, "more": len(events)}
    row = connection.execute(statement, values).mappings().one_or_none()
    if row is None:
        logger.warning("fence_refused", job_id=claim.job_id, epoch=claim.epoch)
        raise LeaseLost
    if events:
        store_events(connection, row, events)
    return row


def moved(
    connection: sa.Connection,
    where: sa.ColumnElement[bool],
    events: Sequence[NewEvent],
    changes: Mapping[str, Any] | None = None,
    *,
    later: int = 0,
) -> Row | None:
    """The same for one job whose state is as `where` says; None where it is not.

    As many events as are to come `later` are numbered too: those that tell what only the
    row says. The caller stores them with `store_events`.
    """
    more = len(events) + later
    statement = (
        sa.update(job)
        .where(where)
        .values(last_sequence=job.c.last_sequence + more, **(changes or {}))
        .returning(*HEAD)
    )
    row = (connection.execute(statement)).mappings().one_or_none()
    if row is not None and events:
        store_events(connection, row, events)
    return row


def all_moved(
    connection: sa.Connection, where: sa.ColumnElement[bool], changes: Mapping[str, Any]
) -> None:
    """The same for every job whose state is as `where` says, where no event tells of it."""
    connection.execute(
        sa.update(job).where(where).values(last_sequence=job.c.last_sequence, **changes)
    )


def store_events(connection: sa.Connection, row: Row, events: Sequence[NewEvent]) -> None:
    """Stores events under the last numbers that the job's row has just been given."""
    first = row["last_sequence"] - len(events) + 1
    connection.execute(
        _INSERT_EVENTS,
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
