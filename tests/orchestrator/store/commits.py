"""Commits that fail, on either side of having happened."""

import sqlite3
from collections.abc import Iterator
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa


class Fate(Enum):
    """What becomes of one commit."""

    WELL = auto()
    ANSWER_LOST = auto()
    """It happens, and fails."""
    CONNECTION_LOST = auto()
    """It happens, and there is no connection any more."""
    NOT_MADE = auto()
    """It does not happen, and its transaction stays open on the connection."""


class Commits:
    """Stands between an engine and its driver's commits; past the last fate all goes well."""

    def __init__(self, engine: sa.Engine, fates: Iterator[Fate]) -> None:
        self._fates = fates
        self._commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._meet  # type: ignore[method-assign, assignment]

    def _meet(self, connection: Any) -> None:
        fate = next(self._fates, Fate.WELL)
        if fate is not Fate.NOT_MADE:
            self._commit(connection)
        if fate is Fate.CONNECTION_LOST:
            connection.dbapi_connection.close()
        if fate is not Fate.WELL:
            raise sqlite3.OperationalError("disk I/O error")
