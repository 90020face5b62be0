"""Connections, with all that is peculiar to a kind of database."""

from collections.abc import Iterator
from contextlib import contextmanager
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


def is_away(error: BaseException) -> bool:
    """Whether the database itself failed, and with it everything in its transaction."""
    # Damage is a DatabaseError; the kinds of it that are a defect of ours have own names.
    failed = (sa.exc.OperationalError, sa.exc.TimeoutError)
    return isinstance(error, failed) or type(error) is sa.exc.DatabaseError


class CommitUnanswered(Exception):
    """A commit failed in a way that leaves open whether it happened."""

    def __init__(self, error: sa.exc.DBAPIError) -> None:
        super().__init__(str(error.orig))
        self.error = error


@contextmanager
def committed(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that is committed at the end of the block, undone when that raises.

    Raises CommitUnanswered; the connection is closed then, and what it held is let go.
    """
    with engine.connect() as connection:
        yield connection
        try:
            connection.commit()
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DBAPIError as error:
            connection.invalidate()
            raise CommitUnanswered(error) from error


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
