"""How a job finds its owner, keeps it, loses it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa

from services.orchestrator.jobs.claim import Candidate, Claim, StoreAway
from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import (
    CancelRequest,
    JobId,
    JobOutcome,
    JobState,
    NewEvent,
    StepState,
)
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.store import rows, tables
from services.orchestrator.store.engine import (
    CommitUnanswered,
    committed,
    is_away,
    now,
    reason,
)
from services.orchestrator.store.text import dumps
from services.orchestrator.store.writes import (
    CLAIMABLE,
    GONE,
    IN_ORDER,
    all_moved,
    driven,
    moved,
    store_events,
)

job = tables.job

CLAIMS_WITHOUT_PROGRESS = 5
"""A job that has been claimed so often since its last progress is claimed no more."""

POISONED = sa.and_(job.c.claims_without_progress >= CLAIMS_WITHOUT_PROGRESS, sa.not_(job.c.waiting))
"""Too many owners were lost as they worked on it, not as they waited for somebody else."""

CLAIMABLE_IN = {
    # The state as a case once more: told it plainly, the planner takes the index of states
    # and sorts the whole queue to find its front. Of RUNNING ones there are few.
    JobState.QUEUED: sa.case((job.c.state == JobState.QUEUED, CLAIMABLE), else_=sa.false()),
    JobState.RUNNING: sa.and_(job.c.state == JobState.RUNNING, CLAIMABLE),
}

_CANDIDATE = (
    *(job.c.job_id, job.c.state, job.c.capabilities, job.c.runner_id, job.c.repository),
    job.c.stage,
)


def candidates(
    connection: sa.Connection,
    *,
    limit: int,
    after: str,
    state: JobState | None = None,
    per_repository: int = 0,
    without: Collection[tuple[str, ...]] = (),
    publishing: bool = False,
) -> Sequence[Candidate]:
    """Claimable jobs, of one state or of either, the next one to claim first."""
    query = (
        sa.select(*_CANDIDATE)
        .where(
            sa.text(tables.PUBLISHING if publishing else tables.OPEN),
            CLAIMABLE if state is None else CLAIMABLE_IN[state],
        )
        .order_by(job.c.claim_rank, job.c.submit_order)
        .limit(limit)
    )
    by_repository = running(connection) if per_repository else {}
    taken = full(by_repository, per_repository)
    if taken and state is not JobState.RUNNING:
        # Where only QUEUED ones are asked for, the index alone tells of each job that it is
        # to be passed over, here and below: such a queue may be long.
        others = job.c.repository.not_in(taken)
        query = query.where(
            others if state is not None else sa.or_(others, job.c.state == JobState.RUNNING)
        )
    if without:
        required = sa.type_coerce(job.c.capabilities, sa.Text)
        query = query.where(required.not_in([dumps(list(one)) for one in without]))
    if after:
        place = sa.select(job.c.claim_rank, job.c.submit_order).where(job.c.job_id == after)
        row = (connection.execute(place)).one_or_none()
        if row is not None:
            query = query.where(sa.tuple_(job.c.claim_rank, job.c.submit_order) > sa.tuple_(*row))
    return [
        Candidate(
            job_id=JobId(row.job_id),
            state=JobState(row.state),
            capabilities=tuple(row.capabilities),
            runner_id=row.runner_id,
            repository=row.repository,
            publishing=row.stage == Stage.PUBLISH,
            room=per_repository - by_repository.get(row.repository, 0) if per_repository else None,
        )
        for row in connection.execute(query)
    ]


def claim(
    connection: sa.Connection,
    job_id: JobId,
    *,
    owner: str,
    term: timedelta,
    per_repository: int = 0,
    nonce: str = "",
) -> Claim | None:
    """Claims a job, or ends one that has lost too many owners."""
    this = sa.and_(job.c.job_id == job_id, CLAIMABLE)
    row = moved(
        connection,
        sa.and_(
            this,
            sa.not_(POISONED),
            _has_room(per_repository),
        ),
        (),
        {
            # The right side of an update is the row as it was.
            "claimed_from": job.c.state,
            "state": JobState.RUNNING,
            "epoch": job.c.epoch + 1,
            "owner": owner,
            "claim_nonce": nonce,
            "lease_until": now() + rows.micros(term),
            "claims_without_progress": sa.case(
                (job.c.waiting, job.c.claims_without_progress),
                else_=job.c.claims_without_progress + 1,
            ),
            "waiting": False,
            "not_before": None,
            "start_time": sa.func.coalesce(job.c.start_time, now()),
            "queue_left": sa.case(
                (job.c.state == JobState.QUEUED, job.c.queue_deadline - now()),
                else_=job.c.queue_left,
            ),
            "queue_deadline": None,
        },
        later=1,
    )
    if row is None:
        _bury(connection, this)
        return None
    previous = JobState(row["claimed_from"])
    event = NewEvent(
        type="job.claimed",
        message=(
            "The job was claimed."
            if previous is JobState.QUEUED
            else "The job was taken over from an owner that was lost."
        ),
        payload={"epoch": row["epoch"], "owner": owner, "previous": previous},
    )
    store_events(connection, row, [event])
    return Claim(job_id=job_id, epoch=row["epoch"], owner=owner, previous=previous)


def claimed(connection: sa.Connection, job_id: JobId, *, owner: str, nonce: str) -> Claim | None:
    """The claim that was made with a nonce, while it is in force."""
    found = connection.execute(
        sa.select(job.c.epoch, job.c.claimed_from).where(
            job.c.job_id == job_id,
            job.c.owner == owner,
            job.c.claim_nonce == nonce,
            job.c.state == JobState.RUNNING,
        )
    )
    row = found.one_or_none()
    if row is None:
        return None
    return Claim(job_id=job_id, epoch=row.epoch, owner=owner, previous=JobState(row.claimed_from))


def running(connection: sa.Connection) -> dict[str, int]:
    """How many jobs of each repository are RUNNING, with or without an owner."""
    counted = (
        sa.select(job.c.repository, sa.func.count().label("number"))
        .where(job.c.state == JobState.RUNNING)
        .group_by(job.c.repository)
    )
    return {row.repository: row.number for row in connection.execute(counted)}


def full(running: Mapping[str, int], per_repository: int) -> list[str]:
    """The repositories of which no further job may run."""
    return [one for one, number in running.items() if per_repository and number >= per_repository]


def _has_room(per_repository: int) -> sa.ColumnElement[bool]:
    """Another job of the repository may be RUNNING, or this one is already.

    It is part of the claim's own statement, and those are made one after the other.
    """
    if not per_repository:
        return sa.true()
    other = job.alias("other")
    others = (
        sa.select(sa.func.count())
        .where(other.c.state == JobState.RUNNING, other.c.repository == job.c.repository)
        .scalar_subquery()
    )
    return sa.or_(job.c.state == JobState.RUNNING, others < per_repository)


def _bury(connection: sa.Connection, this: sa.ColumnElement[bool]) -> None:
    poisoned = sa.and_(this, POISONED)
    message = f"{CLAIMS_WITHOUT_PROGRESS} owners in a row were lost while they drove the job"
    event = NewEvent(
        type="job.deadLettered",
        message=f"The job was given up: {message}.",
        payload={"reason": Reason.POISONED, "failure": message},
    )
    row = moved(
        connection,
        poisoned,
        [event],
        {
            "state": JobState.DEAD_LETTER,
            "outcome": JobOutcome.FAILED,
            "failure_reason": Reason.POISONED,
            "failure_message": message,
            "failure_remedy": "Look at the orchestrator's log for what ended it each time.",
            **GONE,
        },
    )
    if row is not None:
        connection.execute(
            sa.update(tables.step)
            .where(tables.step.c.job_id == row["job_id"], tables.step.c.state == StepState.RUNNING)
            .values(state=StepState.LOST, end_time=row["now"])
        )


def renew(engine: sa.Engine, claim: Claim, *, term: timedelta) -> CancelRequest | None:
    """Extends a lease, in the thread that calls it. Raises LeaseLost, StoreAway."""
    try:
        with committed(engine) as connection:
            row = driven(connection, claim, (), {"lease_until": now() + rows.micros(term)})
            if row["cancel_time"] is None:
                return None
            asked = sa.select(job.c.cancel_time, job.c.cancel_by, job.c.cancel_reason)
            found = connection.execute(asked.where(job.c.job_id == claim.job_id))
            return rows.cancel_request(found.mappings().one())
    except CommitUnanswered as unanswered:
        # One that happened after all does no harm; one that is only believed in would.
        raise StoreAway(str(unanswered)) from unanswered
    except sa.exc.SQLAlchemyError as error:
        if is_away(error):
            raise StoreAway(reason(error)) from error
        raise


def give_up(connection: sa.Connection, owner: str) -> None:
    """Ends every lease of an owner; leaving in good order counts as no lost owner."""
    all_moved(
        connection,
        sa.and_(job.c.owner == owner, job.c.state == JobState.RUNNING),
        {"lease_until": 0, "owner": "", **IN_ORDER},
    )
