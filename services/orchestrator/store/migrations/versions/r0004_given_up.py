"""Adds when a job's checkpoints and its artifacts were given up."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Jobs so far have given up neither."""
    for kind in ("checkpoints", "artifacts"):
        gone = f"{kind}_removed_time"
        op.add_column("job", sa.Column(gone, sa.BigInteger(), nullable=True))
        kept = sa.text(f"end_time IS NOT NULL AND {gone} IS NULL")
        op.create_index(
            f"job_{kind}_kept", "job", ["end_time"], sqlite_where=kept, postgresql_where=kept
        )
