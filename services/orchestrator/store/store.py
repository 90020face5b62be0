"""The store in a database, opened for the life of a process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.orchestrator.jobs.store import Store
from services.orchestrator.store import place
from services.orchestrator.store.inner_door import SqlDriving
from services.orchestrator.store.outer_door import SqlAccepting, SqlClaiming, SqlReading
from services.orchestrator.store.reconciling import SqlReconciling
from services.orchestrator.store.retaining import SqlRetaining
from services.orchestrator.store.schema import migrate
from services.orchestrator.store.threads import Threads


class SqlStore(
    SqlReading, SqlAccepting, SqlClaiming, SqlDriving, SqlRetaining, SqlReconciling, Store
):
    """Every question of the port, each in a transaction of its own."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[SqlStore]:
    """The store at a ``sqlite:///`` URL, made or upgraded, for the length of the block.

    Raises StoreUnusable, whose message says what to do about it.
    """
    file = place.database_file(url)
    await asyncio.to_thread(_made_ready, file)
    threads = Threads(file)
    try:
        yield SqlStore(threads)
    finally:
        await threads.close()


def _made_ready(file: Path) -> None:
    place.settle(file)
    migrate(file)
    place.mark(file)
