"""Notes of a job that its owner waits for somebody who does not answer, and since when."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Of those that are being published meanwhile nothing is known yet."""
    op.add_column(
        "job", sa.Column("waiting", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("job", sa.Column("waited_since", sa.BigInteger()))
