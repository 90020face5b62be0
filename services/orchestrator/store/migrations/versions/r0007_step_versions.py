"""Adds which version of its CLI a step ran with."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Steps so far tell none."""
    op.add_column("step", sa.Column("version", sa.Text(), nullable=False, server_default=""))
