"""What happened and what was left behind, as it is read back."""

from collections.abc import Sequence

import sqlalchemy as sa

from services.orchestrator.jobs.job import Artifact, Event
from services.orchestrator.store import rows, tables


def after(connection: sa.Connection, job_id: str, sequence: int, *, limit: int) -> Sequence[Event]:
    """Events of a job with a higher number, in order."""
    table = tables.event
    found = connection.execute(
        sa.select(table)
        .where(table.c.job_id == job_id, table.c.sequence > sequence)
        .order_by(table.c.sequence)
        .limit(limit)
    )
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
