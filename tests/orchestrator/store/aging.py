"""Sets times in a store back, so that no test waits for them."""

from datetime import timedelta

import sqlalchemy as sa

from services.orchestrator.jobs.job import JobId
from services.orchestrator.store import rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.store import SqlStore


async def aged(store: SqlStore, job_id: JobId, **ages: timedelta) -> None:
    """Times of an ended job, by their columns, are so long ago."""

    def change(connection: sa.Connection) -> None:
        for name, age in ages.items():
            table = tables.job if name == "end_time" else tables.publication
            connection.execute(
                sa.update(table)
                .where(table.c.job_id == job_id)
                .values({name: now() - rows.micros(age)})
            )

    await store._threads.write(change)


async def turn_over(store: SqlStore) -> None:
    """Whoever has the turn has shown no sign for too long."""

    def change(connection: sa.Connection) -> None:
        connection.execute(sa.update(tables.turn).values(until=0))

    await store._threads.write(change)
