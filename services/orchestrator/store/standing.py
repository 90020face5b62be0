"""Where a job stands among the others, and how many there are."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.orchestrator.jobs.claim import Candidate
from services.orchestrator.jobs.job import Event, Job, JobId, JobState
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.standing import Count, Queue, Required, Standing
from services.orchestrator.store import claims, events, jobs, rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.expiring import OVERDUE
from services.orchestrator.store.writes import CLAIMABLE

job = tables.job
event = tables.event

NEIGHBOURS = 20
LOSSES = 20

_QUEUED_BY = ("job.submitted", "job.requeued", "job.retried")
_PROGRESS = ("task.step.finished", "job.retried")

_SINCE = sa.case(
    (
        sa.func.coalesce(job.c.not_before, 0) > sa.func.coalesce(job.c.queued_time, 0),
        job.c.not_before,
    ),
    else_=sa.func.coalesce(job.c.queued_time, job.c.create_time),
)
"""Since when a job could have been claimed."""

_AROUND = sa.select(
    now().label("now"),
    CLAIMABLE.label("claimable"),
    claims.POISONED.label("poisoned"),
    sa.and_(job.c.state == JobState.QUEUED, OVERDUE).label("overdue"),
    sa.func.coalesce(job.c.queued_time, job.c.create_time).label("queued_time"),
    *(job.c.owner, job.c.lease_until, job.c.queue_deadline, job.c.output_time),
    *(job.c.claim_rank, job.c.submit_order),
)


def read(connection: sa.Connection, job_id: str, *, per_repository: int) -> Standing | None:
    """The job and what stands around it; None where there is none of this id."""
    found = jobs.read(connection, job_id, with_plan=True)
    if found is None:
        return None
    around = connection.execute(_AROUND.where(job.c.job_id == job_id)).mappings().one()
    running = claims.running(connection)
    number = running.get(found.repository, 0)
    full = claims.full(running, per_repository)
    return Standing(
        job=found,
        candidate=Candidate(
            job_id=found.job_id,
            state=found.state,
            capabilities=found.capabilities,
            runner_id=found.runner_id,
            repository=found.repository,
            publishing=found.stage is Stage.PUBLISH,
            room=per_repository - number if per_repository else None,
            claimable=bool(
                around["claimable"] and not around["poisoned"] and not around["overdue"]
            ),
        ),
        now=rows.sure_time(around["now"]),
        owner=around["owner"],
        lease_until=rows.time(around["lease_until"]),
        lease_expired=found.state is JobState.RUNNING and bool(around["claimable"]),
        poisoned=bool(around["poisoned"]),
        overdue=bool(around["overdue"]),
        queue_deadline=rows.time(around["queue_deadline"]),
        queued_time=rows.sure_time(around["queued_time"]),
        output_time=rows.time(around["output_time"]),
        ahead=_ahead(connection, around, full) if found.state is JobState.QUEUED else 0,
        repository_running=number,
        neighbours=_neighbours(connection, found),
        last=_newest(connection, job_id),
        queued_by=_newest(connection, job_id, _QUEUED_BY),
        losses=_losses(connection, job_id) if found.state is JobState.DEAD_LETTER else (),
    )


def queue(connection: sa.Connection) -> Queue:
    """How many jobs there are that have not ended."""
    held = sa.case((sa.func.coalesce(job.c.not_before, 0) > now(), 1), else_=0)
    # What they require first: by their states, the planner would group all jobs that ever were.
    kind = (job.c.capabilities, job.c.state, job.c.runtime)
    counted = connection.execute(
        sa.select(*kind, sa.func.count().label("jobs"), sa.func.sum(held).label("held"))
        .where(sa.text(tables.OPEN))
        .group_by(*kind)
    ).all()
    longest = connection.execute(
        sa.select(job.c.job_id, _SINCE.label("since"))
        .where(sa.text(tables.OPEN), claims.CLAIMABLE_IN[JobState.QUEUED])
        .order_by(sa.text("since"), job.c.submit_order)
        .limit(1)
    ).one_or_none()
    return Queue(
        counts=_counts(counted),
        required=_required(counted),
        longest=JobId(longest.job_id) if longest else None,
        since=rows.sure_time(longest.since) if longest else None,
        now=rows.sure_time(connection.scalar(sa.select(now())) or 0),
    )


def _counts(counted: Sequence[sa.Row[Any]]) -> tuple[Count, ...]:
    jobs: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str]] = Counter()
    for row in counted:
        jobs[row.state, row.runtime] += row.jobs
        held[row.state, row.runtime] += row.held
    return tuple(
        Count(state=JobState(state), runtime=runtime, jobs=number, held=held[state, runtime])
        for (state, runtime), number in sorted(jobs.items())
    )


def _required(counted: Sequence[sa.Row[Any]]) -> tuple[Required, ...]:
    jobs: Counter[tuple[str, str]] = Counter()
    for row in counted:
        for capability in row.capabilities:
            jobs[capability, row.state] += row.jobs
    return tuple(
        Required(
            capability=one, queued=jobs[one, JobState.QUEUED], running=jobs[one, JobState.RUNNING]
        )
        for one in sorted({capability for capability, _ in jobs})
    )


def _ahead(connection: sa.Connection, place: rows.Row, full: Sequence[str]) -> int:
    before = sa.tuple_(job.c.claim_rank, job.c.submit_order) < sa.tuple_(
        place["claim_rank"], place["submit_order"]
    )
    counted = (
        sa.select(sa.func.count())
        .select_from(job)
        .where(sa.text(tables.OPEN), claims.CLAIMABLE_IN[JobState.QUEUED], before)
    )
    if full:
        counted = counted.where(job.c.repository.not_in(full))
    return connection.scalar(counted) or 0


def _neighbours(connection: sa.Connection, found: Job) -> tuple[JobId, ...]:
    theirs = connection.scalars(
        sa.select(job.c.job_id)
        .where(
            job.c.state == JobState.RUNNING,
            job.c.repository == found.repository,
            job.c.job_id != found.job_id,
        )
        .order_by(job.c.submit_order)
        .limit(NEIGHBOURS)
    )
    return tuple(JobId(one) for one in theirs)


def _newest(connection: sa.Connection, job_id: str, types: Sequence[str] = ()) -> Event:
    query = sa.select(event).where(event.c.job_id == job_id).order_by(event.c.sequence.desc())
    if types:
        query = query.where(event.c.type.in_(types))
    return rows.event(connection.execute(query.limit(1)).mappings().one())


def _losses(connection: sa.Connection, job_id: str) -> tuple[Event, ...]:
    progress = connection.scalar(
        sa.select(sa.func.max(event.c.sequence)).where(
            event.c.job_id == job_id, event.c.type.in_(_PROGRESS)
        )
    )
    found = events.after(connection, job_id, progress or 0, limit=10_000)
    lost = [
        one
        for one in found
        if one.type == "task.step.lost"
        # A job that was taken over had lost its owner.
        or (one.type == "job.claimed" and one.payload.get("previous") == JobState.RUNNING)
    ]
    return tuple(lost[-LOSSES:])
