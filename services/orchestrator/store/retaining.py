"""What is kept of jobs that have ended, and what is given up."""

from collections.abc import Collection, Sequence
from datetime import timedelta

import sqlalchemy as sa

from services.orchestrator.jobs.job import JobId
from services.orchestrator.jobs.retention import GivenUp, Kept, Needed
from services.orchestrator.store import rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.reopening import REOPENED
from services.orchestrator.store.threads import Threads
from services.orchestrator.store.writes import moved

job = tables.job
artifact = tables.artifact
segment = tables.segment
stretch = tables.stretch
publication = tables.publication

ENDED = job.c.end_time.is_not(None)
HAS_CHECKPOINTS = job.c.checkpoints_removed_time.is_(None)
HAS_ARTIFACTS = job.c.artifacts_removed_time.is_(None)
REOPENABLE = sa.and_(job.c.state.in_(REOPENED), job.c.cancel_time.is_(None), HAS_CHECKPOINTS)
"""What RetryJob may open."""
SETTLED = sa.and_(ENDED, sa.not_(REOPENABLE))
UNSETTLED = sa.or_(job.c.end_time.is_(None), REOPENABLE)
UNPUBLISHED = sa.and_(REOPENABLE, job.c.intent_recorded, job.c.published_commit == "")
"""Its result was to be published, and is on no branch: only a retry can bring it there."""


class SqlRetaining:
    """The questions of a collector."""

    _threads: Threads

    async def give_up_checkpoints(self, *, older_than: timedelta, limit: int) -> Sequence[JobId]:
        """See Retaining."""
        old = with_old_checkpoints(older_than)
        found = await self._threads.read(jobs, old, limit)
        return await self._threads.write(_give_up_checkpoints, found, old)

    async def given_up_checkpoints(self, job_ids: Collection[str]) -> Collection[str]:
        """See Retaining."""
        return await self._threads.read(_those, job_ids, sa.not_(HAS_CHECKPOINTS))

    async def give_up_artifacts(self, *, older_than: timedelta, limit: int) -> Sequence[GivenUp]:
        """See Retaining."""
        old = with_old_artifacts(older_than)
        found = await self._threads.read(jobs, old, limit)
        return await self._threads.write(_give_up_artifacts, found, old)

    async def give_up_artifacts_beyond(
        self, *, size_bytes: int, older_than: timedelta, limit: int
    ) -> Sequence[GivenUp]:
        """See Retaining."""
        old = with_old_artifacts(older_than)
        found = await self._threads.read(_beyond, size_bytes, old, limit)
        return await self._threads.write(_give_up_artifacts, found, old)

    async def settled(self, job_ids: Collection[str]) -> Collection[str]:
        """See Retaining."""
        return await self._threads.read(_those, job_ids, SETTLED)

    async def referred_to(self, job_ids: Collection[str], keys: Collection[str]) -> Collection[str]:
        """See Retaining."""
        return await self._threads.read(_referred_to, job_ids, keys)

    async def needed_repositories(self, *, after: str, limit: int) -> Sequence[str]:
        """See Retaining."""
        return await self._threads.read(_repositories, after, limit)

    async def needed_commits(self, repository: str, *, after: str, limit: int) -> Sequence[Needed]:
        """See Retaining."""
        return await self._threads.read(_needed, repository, after, limit)

    async def kept(self) -> Kept:
        """See Retaining."""
        return await self._threads.read(_kept)


def with_old_checkpoints(older_than: timedelta) -> sa.ColumnElement[bool]:
    """Jobs whose checkpoints may go."""
    old = job.c.end_time < now() - rows.micros(older_than)
    return sa.and_(ENDED, HAS_CHECKPOINTS, old, sa.not_(UNPUBLISHED))


def with_old_artifacts(older_than: timedelta) -> sa.ColumnElement[bool]:
    """Jobs whose artifacts may go."""
    old = job.c.end_time < now() - rows.micros(older_than)
    return sa.and_(ENDED, HAS_ARTIFACTS, old, SETTLED)


def jobs(connection: sa.Connection, where: sa.ColumnElement[bool], limit: int) -> Sequence[JobId]:
    """The first of them to have ended."""
    query = sa.select(job.c.job_id).where(where).order_by(job.c.end_time).limit(limit)
    return [JobId(one) for one in connection.scalars(query)]


def _beyond(
    connection: sa.Connection, size_bytes: int, where: sa.ColumnElement[bool], limit: int
) -> Sequence[JobId]:
    total = connection.scalar(sa.select(sa.func.sum(artifact.c.size))) or 0
    theirs = (
        sa.select(sa.func.coalesce(sa.func.sum(artifact.c.size), 0))
        .where(artifact.c.job_id == job.c.job_id)
        .scalar_subquery()
    )
    query = sa.select(job.c.job_id, theirs).where(where).order_by(job.c.end_time).limit(limit)
    found: list[JobId] = []
    for job_id, size in connection.execute(query):
        if total <= size_bytes:
            break
        found.append(JobId(job_id))
        total -= size
    return found


def _those(
    connection: sa.Connection, job_ids: Collection[str], where: sa.ColumnElement[bool]
) -> Collection[str]:
    query = sa.select(job.c.job_id).where(job.c.job_id.in_(job_ids), where)
    return frozenset(connection.scalars(query))


def _give_up_checkpoints(
    connection: sa.Connection, job_ids: Sequence[JobId], old: sa.ColumnElement[bool]
) -> Sequence[JobId]:
    # No event tells of it: what is told of a job that has ended does not change any more.
    return [
        job_id
        for job_id in job_ids
        if moved(
            connection,
            sa.and_(job.c.job_id == job_id, old),
            [],
            {"checkpoints_removed_time": now()},
        )
    ]


def _give_up_artifacts(
    connection: sa.Connection, job_ids: Sequence[JobId], old: sa.ColumnElement[bool]
) -> Sequence[GivenUp]:
    given_up: list[GivenUp] = []
    for job_id in job_ids:
        mine = sa.and_(job.c.job_id == job_id, old)
        if moved(connection, mine, [], {"artifacts_removed_time": now()}) is None:
            continue
        listed = connection.execute(
            sa.delete(artifact)
            .where(artifact.c.job_id == job_id)
            .returning(artifact.c.key, artifact.c.size)
        ).all()
        # A settled job has none but what a driver was killed over; they go the same way.
        pieces = connection.execute(
            sa.delete(segment)
            .where(segment.c.job_id == job_id)
            .returning(segment.c.key, segment.c.size)
        ).all()
        connection.execute(sa.delete(stretch).where(stretch.c.job_id == job_id))
        sizes: dict[str, int] = {row.key: row.size for row in (*listed, *pieces)}
        given_up.append(GivenUp(job_id=job_id, keys=tuple(sizes), size_bytes=sum(sizes.values())))
    return given_up


def _referred_to(
    connection: sa.Connection, job_ids: Collection[str], keys: Collection[str]
) -> Collection[str]:
    found: set[str] = set()
    for table in (artifact, segment):
        # By job first: keys have no index, and the few rows of a job need none.
        query = sa.select(table.c.key).where(table.c.job_id.in_(job_ids), table.c.key.in_(keys))
        found.update(connection.scalars(query))
    return found


def _repositories(connection: sa.Connection, after: str, limit: int) -> Sequence[str]:
    query = (
        sa.select(job.c.repository)
        .where(job.c.repository > after, UNSETTLED)
        .distinct()
        .order_by(job.c.repository)
        .limit(limit)
    )
    return connection.scalars(query).all()


def _needed(connection: sa.Connection, repository: str, after: str, limit: int) -> Sequence[Needed]:
    query = (
        sa.select(job.c.job_id, job.c.base_commit, publication.c.commit)
        .outerjoin(publication, publication.c.job_id == job.c.job_id)
        .where(job.c.repository == repository, job.c.job_id > after, UNSETTLED)
        .order_by(job.c.job_id)
        .limit(limit)
    )
    return [
        Needed(job_id=JobId(job_id), commits=tuple(one for one in (base, made) if one))
        for job_id, base, made in connection.execute(query)
    ]


def _kept(connection: sa.Connection) -> Kept:
    def oldest(kept: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        return sa.select(sa.func.min(job.c.end_time)).where(ENDED, kept).scalar_subquery()

    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    page = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    jobs, first, checkpoints, artifacts = connection.execute(
        sa.select(
            sa.select(sa.func.count()).select_from(job).scalar_subquery(),
            sa.select(job.c.create_time).order_by(job.c.submit_order).limit(1).scalar_subquery(),
            oldest(HAS_CHECKPOINTS),
            oldest(HAS_ARTIFACTS),
        )
    ).one()
    return Kept(
        size_bytes=pages * page,
        jobs=jobs,
        oldest_job=rows.time(first),
        oldest_checkpoints=rows.time(checkpoints),
        oldest_artifacts=rows.time(artifacts),
    )
