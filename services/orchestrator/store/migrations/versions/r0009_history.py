"""Adds since when a job has been open, and ways to what became of jobs in a span of time."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

ENDED = "end_time IS NOT NULL"


def upgrade() -> None:
    """Of jobs that are there already, their events tell whether they were opened again."""
    op.add_column("job", sa.Column("opened_time", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE job SET opened_time = coalesce((SELECT max(event.create_time) FROM event "
        "WHERE event.job_id = job.job_id AND event.type = 'job.retried'), create_time)"
    )
    op.create_index("job_created", "job", ["create_time"])
    op.create_index(
        "job_ended",
        "job",
        ["end_time", "state", "start_time", "opened_time"],
        sqlite_where=sa.text(ENDED),
        postgresql_where=sa.text(ENDED),
    )
