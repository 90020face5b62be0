"""Whose turn it is to look for second pull requests, and what was found."""

from collections.abc import Collection, Sequence
from datetime import timedelta

import sqlalchemy as sa

from services.orchestrator.jobs.job import JobId, JobState
from services.orchestrator.jobs.reconciling import Turn, TurnLost
from services.orchestrator.store import rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.threads import Threads
from services.orchestrator.store.writes import moved

job = tables.job
publication = tables.publication
turn_of = tables.turn

RECONCILE = turn_of.c.name == "reconcile"
ENDED = tuple(state for state in JobState if state.terminal)
# Not at its last moment, which may be as long as a millisecond: one that was ended is free at once.
_LASTING = turn_of.c.until > now()
FARTHEST = rows.micros(timedelta(hours=2))
"""Neither a turn nor a rest is that long, unless the clock was set back since."""


class SqlReconciling:
    """The questions of a reconciler."""

    _threads: Threads

    async def take_turn(self, owner: str, *, term: timedelta) -> Turn | None:
        """See Reconciling."""
        return await self._threads.write(_take_turn, owner, term)

    async def end_turn(self, turn: Turn, *, rest: timedelta) -> None:
        """See Reconciling."""
        await self._threads.write(_end_turn, turn, rest)

    async def unreconciled(
        self, *, back: timedelta, spacing: timedelta, limit: int
    ) -> Sequence[JobId]:
        """See Reconciling."""
        return await self._threads.read(unreconciled, back=back, spacing=spacing, limit=limit)

    async def duplicated(self, *, back: timedelta, limit: int) -> Sequence[JobId]:
        """See Reconciling."""
        return await self._threads.read(_duplicated, back, limit)

    async def try_job(self, turn: Turn, job_id: JobId, *, term: timedelta) -> bool:
        """See Reconciling."""
        return await self._threads.write(_try_job, turn, job_id, term)

    async def found(
        self, turn: Turn, job_id: JobId, *, duplicates: Collection[int]
    ) -> Sequence[int]:
        """See Reconciling."""
        return await self._threads.write(_found, turn, job_id, duplicates)

    async def reported(self, turn: Turn, job_id: JobId, number: int) -> None:
        """See Reconciling."""
        await self._threads.write(_reported, turn, job_id, number)

    async def looked(self, turn: Turn, job_id: JobId) -> None:
        """See Reconciling."""
        await self._threads.write(_looked, turn, job_id)


def unreconciled(
    connection: sa.Connection, *, back: timedelta, spacing: timedelta, limit: int
) -> Sequence[JobId]:
    """See Reconciling."""
    tried, looked, since = publication.c.try_time, publication.c.look_time, job.c.end_time
    query = (
        sa.select(job.c.job_id)
        .join(publication, publication.c.job_id == job.c.job_id)
        .where(
            since > now() - rows.micros(back),
            job.c.published_commit != "",
            sa.or_(publication.c.request_time.is_not(None), publication.c.pull_number.is_not(None)),
            sa.or_(tried.is_(None), tried < since, tried <= now() - rows.micros(spacing)),
            sa.or_(looked.is_(None), looked < since, now() - looked >= looked - since),
        )
        .order_by(tried.asc().nulls_first(), since)
        .limit(limit)
    )
    return [JobId(one) for one in connection.scalars(query)]


def _duplicated(connection: sa.Connection, back: timedelta, limit: int) -> Sequence[JobId]:
    query = (
        sa.select(job.c.job_id)
        .where(
            job.c.end_time > now() - rows.micros(back),
            job.c.published_commit != "",
            job.c.duplicate_pull_requests.is_not(None),
        )
        .order_by(job.c.end_time.desc())
        .limit(limit)
    )
    return [JobId(one) for one in connection.scalars(query)]


def _take_turn(connection: sa.Connection, owner: str, term: timedelta) -> Turn | None:
    number = connection.scalar(
        sa.update(turn_of)
        .where(RECONCILE, sa.not_(sa.and_(_LASTING, turn_of.c.until <= now() + FARTHEST)))
        .values(number=turn_of.c.number + 1, owner=owner, until=now() + rows.micros(term))
        .returning(turn_of.c.number)
    )
    return None if number is None else Turn(owner=owner, number=number)


def _end_turn(connection: sa.Connection, turn: Turn, rest: timedelta) -> None:
    connection.execute(
        sa.update(turn_of).where(_held(turn)).values(owner="", until=now() + rows.micros(rest))
    )


def _try_job(connection: sa.Connection, turn: Turn, job_id: JobId, term: timedelta) -> bool:
    if not _ended(connection, turn, job_id):
        return False
    connection.execute(
        sa.update(turn_of).where(_held(turn)).values(until=now() + rows.micros(term))
    )
    connection.execute(_publication(job_id).values(try_time=now()))
    return True


def _found(
    connection: sa.Connection, turn: Turn, job_id: JobId, duplicates: Collection[int]
) -> Sequence[int]:
    if not _ended(connection, turn, job_id):
        return ()
    noted, reported = connection.execute(
        sa.select(job.c.duplicate_pull_requests, publication.c.reported)
        .join(publication, publication.c.job_id == job.c.job_id)
        .where(job.c.job_id == job_id)
    ).one()
    if not set(duplicates) <= set(noted or ()):
        known = sorted({*(noted or ()), *duplicates})
        # No event tells of it: what is told of a job that has ended does not change any more.
        moved(connection, _mine(turn, job_id), [], {"duplicate_pull_requests": known})
    return sorted(set(duplicates) - set(reported or ()))


def _reported(connection: sa.Connection, turn: Turn, job_id: JobId, number: int) -> None:
    if not _ended(connection, turn, job_id):
        return
    before = connection.scalar(
        sa.select(publication.c.reported).where(publication.c.job_id == job_id)
    )
    connection.execute(_publication(job_id).values(reported=sorted({*(before or ()), number})))


def _looked(connection: sa.Connection, turn: Turn, job_id: JobId) -> None:
    if _ended(connection, turn, job_id):
        connection.execute(_publication(job_id).values(look_time=now()))


def _ended(connection: sa.Connection, turn: Turn, job_id: JobId) -> bool:
    """Whether the job has ended; raises TurnLost. Begins every transaction that writes for one."""
    if moved(connection, _mine(turn, job_id), []) is not None:
        return True
    if connection.scalar(sa.select(turn_of.c.number).where(_held(turn))) is None:
        raise TurnLost
    return False


def _mine(turn: Turn, job_id: JobId) -> sa.ColumnElement[bool]:
    held = sa.select(turn_of.c.number).where(_held(turn)).exists()
    return sa.and_(job.c.job_id == job_id, job.c.state.in_(ENDED), held)


def _held(turn: Turn) -> sa.ColumnElement[bool]:
    return sa.and_(
        RECONCILE,
        turn_of.c.number == turn.number,
        turn_of.c.owner == turn.owner,
        _LASTING,
    )


def _publication(job_id: JobId) -> sa.Update:
    return sa.update(publication).where(publication.c.job_id == job_id)
