"""What happened and what was left behind, as it is read back."""

from collections.abc import Sequence

import sqlalchemy as sa

from services.orchestrator.jobs.job import Artifact, Event
from services.orchestrator.store import rows, tables

# Built once: every watcher asks it at every wake-up.
_AFTER = (
    sa.select(tables.event)
    .where(
        tables.event.c.job_id == sa.bindparam("job"),
        tables.event.c.sequence > sa.bindparam("seen"),
    )
    .order_by(tables.event.c.sequence)
    .limit(sa.bindparam("most"))
)


def after(connection: sa.Connection, job_id: str, sequence: int, *, limit: int) -> Sequence[Event]:
    """Events of a job with a higher number, in order."""
    found = connection.execute(_AFTER, {"job": job_id, "seen": sequence, "most": limit})
    return [rows.event(row) for row in found.mappings()]


def artifacts(connection: sa.Connection, job_id: str) -> Sequence[Artifact]:
    """Every artifact of a job, by path."""
    table = tables.artifact
    found = connection.execute(
        sa.select(table).where(table.c.job_id == job_id).order_by(table.c.path)
    )
    return [rows.artifact(row) for row in found.mappings()]


def artifact(connection: sa.Connection, job_id: str, path: str) -> Artifact | None:
    """One artifact of a job."""
    table = tables.artifact
    found = connection.execute(
        sa.select(table).where(table.c.job_id == job_id, table.c.path == path)
    )
    row = found.mappings().one_or_none()
    return None if row is None else rows.artifact(row)
