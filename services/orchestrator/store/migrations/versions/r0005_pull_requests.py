"""Adds what a job's pull request is to say, and what has become of it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Publications so far ask for none."""
    op.add_column("publication", sa.Column("pull_request", sa.JSON(), nullable=True))
    op.add_column("publication", sa.Column("request_time", sa.BigInteger(), nullable=True))
    op.add_column("publication", sa.Column("pull_number", sa.BigInteger(), nullable=True))
