"""Connections: one that writes, some that read, all that is peculiar to a kind of database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from pawl.wire.errors import Unavailable
from services.orchestrator.store.text import dumps

BUSY_SECONDS = 10
"""How long a writer waits for another process's transaction."""
READERS = 4


class now(FunctionElement[int]):  # noqa: N801 - reads as the SQL function it is
    """The database's clock in microseconds since 1970, UTC."""

    type = sa.BigInteger()
    inherit_cache = True
    name = "now"


@compiles(now, "sqlite")
def _sqlite_now(_element: now, _compiler: Any, **_: Any) -> str:
    # SQLite counts in milliseconds; the day as a float would add noise below them.
    return "(CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000)"


def blocking_engine(file: Path) -> sa.Engine:
    """Transactions that write, for threads of their own."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)),
        json_serializer=dumps,
        pool_size=READERS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )
    _prepare(engine, begin="BEGIN IMMEDIATE", pragmas=_WRITING)
    return engine


class Engines:
    """The connections of one process to one database."""

    def __init__(self, file: Path) -> None:
        # One connection writes: SQLite has one writer at a time anyway, and waiting in
        # the pool is fair, which waiting for its lock is not.
        self._writer = _engine(file, connections=1, begin="BEGIN IMMEDIATE", pragmas=_WRITING)
        self._readers = _engine(file, connections=READERS, begin="BEGIN", pragmas=_READING)
        self._blocking = blocking_engine(file)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed unless the block raises. Raises Unavailable.

        It holds the lock for writers from its first moment: one that begins by reading
        would be refused at its first write if another had written in between.
        """
        async with _one(self._writer) as connection:
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view for the length of the block. Raises Unavailable."""
        async with _one(self._readers) as connection:
            yield connection

    @property
    def blocking(self) -> sa.Engine:
        """For threads that must not depend on the loop."""
        return self._blocking

    async def dispose(self) -> None:
        """Closes every connection."""
        await self._writer.dispose()
        await self._readers.dispose()
        self._blocking.dispose()


_WRITING = (
    "PRAGMA journal_mode = WAL",
    # NORMAL can lose, with the power, what was committed.
    "PRAGMA synchronous = FULL",
    f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}",
    "PRAGMA foreign_keys = ON",
)
_READING = (f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}", "PRAGMA query_only = ON")


def _engine(file: Path, *, connections: int, begin: str, pragmas: tuple[str, ...]) -> AsyncEngine:
    engine = create_async_engine(
        sa.URL.create("sqlite+aiosqlite", database=str(file)),
        json_serializer=dumps,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )
    _prepare(engine.sync_engine, begin=begin, pragmas=pragmas)
    return engine


def _prepare(engine: sa.Engine, *, begin: str, pragmas: tuple[str, ...]) -> None:
    def connected(connection: Any, _record: object) -> None:
        # The driver begins transactions only before some statements; here we do.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    def begun(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begun)


@asynccontextmanager
async def _one(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    try:
        async with engine.begin() as connection:
            yield connection
    except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
        raise Unavailable(
            "DATABASE_AWAY", f"the database did not answer: {reason(error)}; ask again"
        ) from error


def reason(error: sa.exc.OperationalError | sa.exc.TimeoutError) -> str:
    """What the driver says, without the statement and its values."""
    return str(getattr(error, "orig", None) or "every connection is busy")
