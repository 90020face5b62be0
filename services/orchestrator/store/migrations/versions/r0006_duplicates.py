"""Adds what a reconciler finds and when it looked, and whose turn it is to look."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

PUBLISHED = "end_time IS NOT NULL AND published_commit <> ''"


def upgrade() -> None:
    """Jobs so far have not been looked at."""
    op.add_column("job", sa.Column("duplicate_pull_requests", sa.JSON(), nullable=True))
    op.create_index(
        "job_published",
        "job",
        ["end_time"],
        sqlite_where=sa.text(PUBLISHED),
        postgresql_where=sa.text(PUBLISHED),
    )
    op.add_column("publication", sa.Column("look_time", sa.BigInteger(), nullable=True))
    op.add_column("publication", sa.Column("try_time", sa.BigInteger(), nullable=True))
    op.add_column("publication", sa.Column("reported", sa.JSON(), nullable=True))
    turn = op.create_table(
        "turn",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(turn, [{"name": "reconcile", "number": 0, "owner": "", "until": 0}])
