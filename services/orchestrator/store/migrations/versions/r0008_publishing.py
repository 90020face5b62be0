"""Adds a way to those jobs that have nothing left but to publish."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

PUBLISHING = "end_time IS NULL AND stage = 'publish'"


def upgrade() -> None:
    """Which jobs these are has always been told."""
    op.create_index(
        "job_publishing",
        "job",
        ["claim_rank", "submit_order"],
        sqlite_where=sa.text(PUBLISHING),
        postgresql_where=sa.text(PUBLISHING),
    )
