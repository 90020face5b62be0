"""Gives lists that ask for what is short an index of their own, and no other is by state."""

from alembic import op

revision = "0011"
down_revision = "0010"

LISTED = ("state", "submit_order", "runtime", "publish_mode", "repository")


def upgrade() -> None:
    """What lists find jobs by stays what it is."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.drop_index("job_state", "job")
    if sqlite:
        op.drop_index("job_listed", "job")
        op.create_index("job_found", "job", [*LISTED, "skills", "failure_reason", "found_by"])
    op.create_index("job_listed", "job", list(LISTED))
