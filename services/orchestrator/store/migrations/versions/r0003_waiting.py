"""Adds since when a job waits and when its agent was heard, and queues that can be passed over."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

OPEN = "end_time IS NULL"


def upgrade() -> None:
    """Jobs that were there before tell neither time until they wait, or write, again."""
    op.add_column("job", sa.Column("queued_time", sa.BigInteger(), nullable=True))
    op.add_column("job", sa.Column("output_time", sa.BigInteger(), nullable=True))
    op.drop_index("job_claimable", "job")
    op.create_index(
        "job_claimable",
        "job",
        ["claim_rank", "submit_order", "repository", "capabilities"],
        sqlite_where=sa.text(OPEN),
        postgresql_where=sa.text(OPEN),
    )
