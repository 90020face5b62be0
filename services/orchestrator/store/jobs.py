"""Which jobs there are: reads of jobs with what belongs to them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from pawl.wire.errors import InvalidArgument, Violation
from services.orchestrator.jobs.job import Job
from services.orchestrator.jobs.reading import JobFilter
from services.orchestrator.store import listing, rows, tables

job = tables.job


def read(connection: sa.Connection, job_id: str, *, with_plan: bool) -> Job | None:
    """One job; None where there is none of this id."""
    found = connection.execute(sa.select(job).where(job.c.job_id == job_id))
    row = found.mappings().one_or_none()
    if row is None:
        return None
    document = None
    if with_plan:
        document = connection.scalar(
            sa.select(tables.plan.c.document).where(tables.plan.c.job_id == job_id)
        )
    return (_whole(connection, [row], {job_id: document}))[0]


def sure(connection: sa.Connection, job_id: str, *, with_plan: bool) -> Job:
    """One job that must be there."""
    found = read(connection, job_id, with_plan=with_plan)
    if found is None:
        raise LookupError(f"job {job_id} was stored and is not there")
    return found


def page(
    connection: sa.Connection, matching: JobFilter, *, size: int, after: str
) -> tuple[Sequence[Job], str]:
    """A page, newest first, without plans, and the token of the next page or ""."""
    before = _position(after) if after else None
    orders = listing.orders(connection, matching, before=before, limit=size + 1)
    shown = orders[:size]
    query = sa.select(job).where(job.c.submit_order.in_(shown))
    found = (connection.execute(query.order_by(job.c.submit_order.desc()))).mappings().all()
    return _whole(connection, found, {}), str(shown[-1]) if len(orders) > size else ""


def _whole(
    connection: sa.Connection, found: Sequence[rows.Row], plans: dict[str, Any]
) -> list[Job]:
    ids = [row["job_id"] for row in found]
    steps: dict[str, list[rows.Row]] = defaultdict(list)
    of_these = sa.select(tables.step).where(tables.step.c.job_id.in_(ids))
    for step in (connection.execute(of_these.order_by(tables.step.c.step_index))).mappings():
        steps[step["job_id"]].append(step)
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    theirs = sa.select(tables.label).where(tables.label.c.job_id.in_(ids))
    for label in (connection.execute(theirs.order_by(tables.label.c.key))).mappings():
        labels[label["job_id"]][label["key"]] = label["value"]
    return [
        rows.job(
            row,
            steps=steps[row["job_id"]],
            labels=labels[row["job_id"]],
            plan_document=plans.get(row["job_id"]),
        )
        for row in found
    ]


def _position(token: str) -> int:
    if len(token) > 18 or not (token.isascii() and token.isdecimal()):
        raise InvalidArgument(
            [Violation("page_token", "PAGE_TOKEN", "take it from the page before, unchanged")]
        )
    return int(token)
