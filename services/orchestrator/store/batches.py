"""Makes changes under one commit, and finds out whether it happened where it gave no answer.

A commit whose answer is lost may have happened. Each batch writes its number to the row
of its writer, so the database knows the newest batch it holds: the writer asks it, in
the transaction that makes the changes again where they were not made.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.store import rows, tables
from services.orchestrator.store.engine import CommitUnanswered, committed, is_away, now, reason

RESOLVE = timedelta(seconds=10)
"""How long is tried to find out what became of a commit."""

PAUSE = timedelta(milliseconds=50)
"""Before the second try; doubles, since a full disk stays full for more than a moment."""

KEPT = timedelta(days=1)
"""How long the row of a writer stays that writes no more."""

batch = tables.batch

# Built once: they are part of every commit.
_STAMP = (
    sa.update(batch)
    .where(batch.c.writer == sa.bindparam("by"))
    .values(number=sa.bindparam("newest"), time=now())
)
_STAMPED = sa.select(batch.c.number).where(batch.c.writer == sa.bindparam("by"))


class Change:
    """A change that somebody waits for."""

    def __init__(self, make: Callable[[sa.Connection], Any]) -> None:
        self.make = make
        self.future: Future[Any] = Future()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a change gives, or what it is refused with."""

    value: Any = None
    refusal: BaseException | None = None


class Batches:
    """The one writer of a process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writer = uuid.uuid4().hex
        self._number = 0
        self.resolve = RESOLVE
        self.pause = PAUSE

    def make(self, changes: Sequence[Change]) -> None:
        """Makes changes under one commit; each is undone by itself when it raises.

        Whatever goes wrong is raised where the change was asked for.
        """
        self._number += 1
        try:
            answers = self._made(changes)
        except BaseException as error:
            failure = StoreAway(reason(error)) if is_away(error) else error
            for change in changes:
                change.future.set_exception(failure)
            return
        for change, answer in zip(changes, answers, strict=True):
            if answer.refusal is not None:
                change.future.set_exception(answer.refusal)
            else:
                change.future.set_result(answer.value)

    def _made(self, changes: Sequence[Change]) -> Sequence[Answer]:
        give_up = time.monotonic() + self.resolve.total_seconds()
        pause = self.pause.total_seconds()
        open_answers: Sequence[Answer] | None = None
        while True:
            tried: list[Answer] = []
            try:
                return self._try(changes, tried, open_answers)
            except CommitUnanswered as unanswered:
                open_answers = tried
                if time.monotonic() >= give_up:
                    raise unanswered.error from None
            except sa.exc.SQLAlchemyError as error:
                # Where no commit is open, nothing has been made.
                if open_answers is None or not is_away(error) or time.monotonic() >= give_up:
                    raise
            time.sleep(min(pause, max(0.0, give_up - time.monotonic())))
            pause *= 2

    def _try(
        self, changes: Sequence[Change], tried: list[Answer], open_answers: Sequence[Answer] | None
    ) -> Sequence[Answer]:
        """The answers; those of the try before where it turns out that its commit happened."""
        with committed(self._engine) as connection:
            # Only the newest try can have been made: each one began by seeing that the one
            # before was not, and by then that one's connection was closed.
            if open_answers is not None and self._stamped(connection):
                connection.rollback()
                return open_answers
            tried.extend(_answer(connection, change) for change in changes)
            self._stamp(connection)
        return tried

    def _stamped(self, connection: sa.Connection) -> bool:
        return connection.scalar(_STAMPED, {"by": self._writer}) == self._number

    def _stamp(self, connection: sa.Connection) -> None:
        values = {"by": self._writer, "newest": self._number}
        if connection.execute(_STAMP, values).rowcount:
            return
        old = batch.c.time < now() - rows.micros(KEPT)
        connection.execute(sa.delete(batch).where(old))
        connection.execute(
            sa.insert(batch).values(writer=self._writer, number=self._number, time=now())
        )


def _answer(connection: sa.Connection, change: Change) -> Answer:
    try:
        with connection.begin_nested():
            return Answer(change.make(connection))
    except BaseException as error:
        if is_away(error):
            raise
        return Answer(refusal=error)
