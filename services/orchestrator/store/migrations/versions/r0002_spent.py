"""Adds what lost attempts have spent, and what a claim and a batch are known by afterwards."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Jobs of the first version have spent what nobody noted."""
    op.add_column("job", sa.Column("claim_nonce", sa.Text(), nullable=False, server_default=""))
    op.add_column("job", sa.Column("spent", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "batch",
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("writer"),
    )
