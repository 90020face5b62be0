"""What became of jobs of late: how many ended, how long they took and waited."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from services.orchestrator.jobs.history import Bucket, History, Lengths, quantile
from services.orchestrator.jobs.job import JobState
from services.orchestrator.store import rows, tables
from services.orchestrator.store.engine import now

job = tables.job

SAMPLE = 10_000
"""Jobs whose lengths are read for one answer, in equal parts of every bucket."""

ENDS = [one for one in JobState if one.terminal]

# A clock that was set back meanwhile leaves a length that nobody knows.
_TOOK = sa.case((job.c.end_time >= job.c.start_time, job.c.end_time - job.c.start_time))
_WAITED = sa.case((job.c.start_time >= job.c.opened_time, job.c.start_time - job.c.opened_time))


def _here(time: sa.Column[int]) -> sa.ColumnElement[bool]:
    return sa.and_(time >= sa.bindparam("begin"), time < sa.bindparam("end"))


# Each of these reads one stretch of one index from end to end: grouped by buckets, the same
# took four times as long.
_SUBMITTED = sa.select(sa.func.count()).select_from(job).where(_here(job.c.create_time))
_ENDED = sa.select(
    *(sa.func.count(sa.case((job.c.state == one, 1))).label(one) for one in ENDS),
    *(sa.func.count(_TOOK).label("took"), sa.func.max(_TOOK).label("longest_took")),
    *(sa.func.count(_WAITED).label("waited"), sa.func.max(_WAITED).label("longest_waited")),
).where(_here(job.c.end_time))
_NEWEST = (
    sa.select(_TOOK.label("took"), _WAITED.label("waited"))
    .where(_here(job.c.end_time), job.c.start_time.is_not(None))
    .order_by(job.c.end_time.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)


def read(
    connection: sa.Connection, *, length: timedelta, buckets: int, sample: int = SAMPLE
) -> History:
    """So many buckets of a length, the last of them under way."""
    moment = connection.scalar(sa.select(now())) or 0
    wide = rows.micros(length)
    newest = moment // wide
    return History(
        now=rows.sure_time(moment),
        length=length,
        buckets=tuple(
            _bucket(connection, number * wide, wide, most=max(1, sample // buckets))
            for number in range(newest - buckets + 1, newest + 1)
        ),
    )


def _bucket(connection: sa.Connection, begin: int, wide: int, *, most: int) -> Bucket:
    here = {"begin": begin, "end": begin + wide}
    ended = connection.execute(_ENDED, here).mappings().one()
    took: Lengths | None = None
    waited: Lengths | None = None
    if ended["took"] or ended["waited"]:
        newest = connection.execute(_NEWEST, here | {"most": most}).all()
        took = _spread([one.took for one in newest], ended["took"], ended["longest_took"])
        waited = _spread([one.waited for one in newest], ended["waited"], ended["longest_waited"])
    return Bucket(
        start=rows.sure_time(begin),
        submitted=connection.scalar(_SUBMITTED, here) or 0,
        ended={one: ended[one] for one in ENDS if ended[one]},
        took=took,
        waited=waited,
    )


def _spread(newest: Sequence[int | None], jobs: int, longest: int) -> Lengths | None:
    known = sorted(one for one in newest if one is not None)
    if not known:
        return None
    return Lengths(
        jobs=jobs,
        sampled=len(known),
        p50=timedelta(microseconds=quantile(known, 50)),
        p90=timedelta(microseconds=quantile(known, 90)),
        longest=timedelta(microseconds=longest),
    )
