"""Puts jobs that have ended into a store, at times of the test's choice."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.orchestrator.jobs.job import JobState
from services.orchestrator.store import rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.store import SqlStore
from tests.support.jobs import some_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A job by its times, in microseconds."""

    create_time: int
    opened_time: int | None
    start_time: int | None
    end_time: int | None
    state: JobState


async def clock(store: SqlStore) -> int:
    """The database's."""
    return await store._threads.read(lambda connection: connection.scalar(sa.select(now())) or 0)


async def put(store: SqlStore, jobs: Iterable[Past]) -> None:
    """In the place of all that there were."""
    job = tables.job
    given = [asdict(one) | {"job_id": some_id()} for one in jobs]

    def change(connection: sa.Connection) -> None:
        connection.execute(sa.delete(job))
        if given:
            connection.execute(sa.insert(job), [blank(job) | one for one in given])

    await store._threads.write(change)


def stamp(time: datetime) -> int:
    """A time as it is stored."""
    return rows.micros(time - rows.EPOCH)


def blank(table: sa.Table) -> dict[str, Any]:
    """A row of nothing but what has to be there."""
    return {
        column.name: _NOTHING.get(type(column.type), 0)
        for column in table.columns
        if not column.nullable and column.name != "submit_order" and column.server_default is None
    }


_NOTHING: dict[Any, Any] = {sa.Text: "", sa.JSON: []}
