"""Connections, with all that is peculiar to a kind of database."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from services.orchestrator.store.text import dumps

BUSY_SECONDS = 10
"""How long a connection, or a lock another process holds, is waited for."""

BUSY = f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}"


class now(FunctionElement[int]):  # noqa: N801 - reads as the SQL function it is
    """The database's clock in microseconds since 1970, UTC."""

    type = sa.BigInteger()
    inherit_cache = True
    name = "now"


@compiles(now, "sqlite")
def _sqlite_now(_element: now, _compiler: Any, **_: Any) -> str:
    # SQLite counts in milliseconds; the day as a float would add noise below them.
    return "(CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000)"


def writing_engine(file: Path, *, connections: int) -> sa.Engine:
    """Transactions that hold the lock for writers from their first moment.

    One that began by reading would be refused at its first write, without any
    waiting, if another had written in between.
    """
    return _engine(
        file,
        connections,
        "BEGIN IMMEDIATE",
        "PRAGMA journal_mode = WAL",
        # NORMAL can lose, with the power, what was committed.
        "PRAGMA synchronous = FULL",
        BUSY,
        "PRAGMA foreign_keys = ON",
    )


def reading_engine(file: Path, *, connections: int) -> sa.Engine:
    """Transactions that see one state of the database and cannot change it."""
    return _engine(file, connections, "BEGIN", BUSY, "PRAGMA query_only = ON")


def reason(error: BaseException) -> str:
    """What the driver says, without the statement and its values."""
    return str(getattr(error, "orig", None) or "every connection is busy")


def _engine(file: Path, connections: int, begin: str, *pragmas: str) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)),
        json_serializer=dumps,
        poolclass=sa.QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )

    def connected(connection: Any, _record: object) -> None:
        # The driver begins transactions only before some statements; here we do.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma).close()

    def begun(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begun)
    return engine
