"""Adds what lists find jobs by, for those that are there from their plans."""

import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

TEXTS = ("objective", "publish_mode", "skills", "found_by")
LISTED = ("runtime", "publish_mode", "repository", "failure_reason", "skills", "found_by")
AT_ONCE = 1000

job = sa.table(
    "job",
    *map(sa.column, ("submit_order", "job_id", "repository", "working_branch", *TEXTS)),
)
plan = sa.table("plan", sa.column("job_id"), sa.column("document", sa.JSON))

_KNOWN = (job.c.submit_order, job.c.job_id, job.c.repository, job.c.working_branch)
_FILL = (
    sa.update(job)
    .where(job.c.submit_order == sa.bindparam("number"))
    .values({name: sa.bindparam(name) for name in TEXTS})
)


def upgrade() -> None:
    """A job without a plan, which no version has written, is found by its id alone."""
    for name in TEXTS:
        op.add_column("job", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    connection = op.get_bind()
    after = 0
    while found := _found(connection, after):
        connection.execute(_FILL, found)
        after = found[-1]["number"]
    if connection.dialect.name == "sqlite":
        op.create_index("job_listed", "job", ["state", "submit_order", *LISTED])
    _number_labels()


def _number_labels() -> None:
    number = sa.Column("submit_order", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("label", number)
    op.execute(
        "UPDATE label SET submit_order ="
        " (SELECT job.submit_order FROM job WHERE job.job_id = label.job_id)"
    )
    op.drop_index("label_value", "label")
    op.create_index("label_listed", "label", ["key", "submit_order", "value"])


def _found(connection: sa.Connection, after: int) -> list[dict[str, Any]]:
    query = (
        sa.select(*_KNOWN, plan.c.document)
        .outerjoin(plan, plan.c.job_id == job.c.job_id)
        .where(job.c.submit_order > after)
        .order_by(job.c.submit_order)
        .limit(AT_ONCE)
    )
    # One is held at a time: a plan may be of megabytes.
    return [
        {"number": row["submit_order"], **_found_by(row, row["document"] or {})}
        for row in connection.execute(query).mappings()
    ]


def _found_by(row: sa.RowMapping, document: dict[str, Any]) -> dict[str, str]:
    task = document.get("task", {}).get("task", {})
    steps = document.get("steps", [])
    instructions = str(task.get("instructions", ""))
    titles = " ".join(step["title"] for step in steps if step["title"])
    skills = ((task.get("skill") or {}).get("id", "auto"), *(one["skill"]["id"] for one in steps))
    parts = (
        row["job_id"],
        row["repository"],
        instructions[:400],
        titles[:600],
        row["working_branch"],
    )
    return {
        "objective": _objective(instructions),
        "publish_mode": (task.get("publish") or {}).get("mode", "pr"),
        "skills": f" {' '.join(dict.fromkeys(skills))} ",
        "found_by": " ".join(_folded(part) for part in parts if part),
    }


def _objective(instructions: str) -> str:
    first = next(iter(instructions.strip().splitlines()), "")
    return first if len(first) <= 120 else first[:119].rstrip(" \u2060") + "…"


def _folded(text: str) -> str:
    composed = unicodedata.normalize("NFC", text).casefold()
    return " ".join(unicodedata.normalize("NFC", composed).split())
