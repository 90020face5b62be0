"""Records what a store tells its database, transaction by transaction."""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from services.orchestrator.store import tables
from services.orchestrator.store.store import SqlStore

OF_JOBS = {table.name for table in tables.metadata.tables.values()} - {"batch", "turn"}
"""Every table whose rows belong to a job."""

_WRITE = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")
_RAISED = re.compile(r"last_sequence=\(job\.last_sequence \+ \?\)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with the values of each time it was executed."""

    sql: str
    values: Sequence[Sequence[Any]]

    @property
    def table(self) -> str:
        """The table it writes to; empty for one that writes to none of a job's."""
        found = _WRITE.match(self.sql)
        return found[1] if found and found[1] in OF_JOBS else ""

    @property
    def updates_job(self) -> bool:
        """Whether it changes rows of the table of jobs."""
        return self.table == "job" and self.sql.startswith("UPDATE")

    @property
    def condition(self) -> str:
        """What is behind its WHERE."""
        return self.sql.partition(" WHERE ")[2].partition(" RETURNING ")[0]

    @property
    def numbered(self) -> int:
        """How many event numbers it takes from the job's row."""
        if self.sql.startswith("INSERT INTO job "):
            return 1
        raised = _RAISED.search(self.sql)
        if raised is None:
            return 0
        return sum(one[self.sql[: raised.start()].count("?")] for one in self.values)


@dataclass(slots=True)
class Transaction:
    """What one call did in one go; `made` says whether it stayed."""

    call: str
    statements: list[Statement] = field(default_factory=list)
    made: bool = True

    @property
    def writes(self) -> bool:
        """Whether it writes to a table of jobs."""
        return any(one.table for one in self.statements)

    @property
    def events(self) -> list[tuple[int, int]]:
        """How many events each insert stores, how many numbers the write to `job` before took."""
        found = []
        taken = 0
        for one in self.statements:
            if one.table == "job":
                taken = one.numbered
            elif one.table == "event":
                found.append((len(one.values), taken))
                taken = 0
        return found


class Recorder:
    """Hands calls on to a store, one after the other, and notes their transactions."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.called: set[str] = set()
        self.transactions: list[Transaction] = []
        self._open: Transaction | None = None
        self._call = ""

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        method: Callable[..., Awaitable[Any] | Any] = getattr(self._store, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._call = name
            return method(*args, **kwargs)

        return call

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Listens for the length of the block."""
        threads = self._store._threads
        hooks: dict[str, Callable[..., None]] = {
            "begin": self._begun,
            "savepoint": self._begun,
            "release_savepoint": self._over,
            "rollback_savepoint": self._undone,
            "rollback": self._undone,
            "before_cursor_execute": self._told,
        }
        both = [
            (engine, *hook)
            for engine in (threads._writing, threads.renewing)
            for hook in hooks.items()
        ]
        for one in both:
            sa.event.listen(*one)
        try:
            yield
        finally:
            for one in both:
                sa.event.remove(*one)

    def _begun(self, *_: object) -> None:
        self._open = Transaction(self._call)
        self.transactions.append(self._open)

    def _over(self, *_: object) -> None:
        self._open = None

    def _undone(self, *_: object) -> None:
        if self._open is not None:
            self._open.made = False

    def _told(
        self, _c: object, _cursor: object, sql: str, values: Any, _context: object, many: bool
    ) -> None:
        if self._open is not None and not sql.startswith(("BEGIN", "SAVEPOINT", "ROLLBACK")):
            executed = values if many else [values]
            self._open.statements.append(Statement(" ".join(sql.split()), executed))
