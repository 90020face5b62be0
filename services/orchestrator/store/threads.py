"""The threads a process talks to its database with: one that writes, some that read.

A transaction is a plain function of a connection that runs in one go on its thread:
the loop waits once for it, not once for each statement, and a caller that is cancelled
never leaves one half done.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.store.batches import Batches, Change
from services.orchestrator.store.engine import is_away, reading_engine, reason, writing_engine

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
RENEWERS = 4
BATCH = 64
"""Transactions that share a commit, and with it one wait for the disk."""


class Threads:
    """Where questions are asked and changes are made, until `close`."""

    def __init__(self, file: Path) -> None:
        self._reading = reading_engine(file, connections=READERS)
        self._writing = writing_engine(file, connections=1)
        self._batches = Batches(self._writing)
        self.renewing = writing_engine(file, connections=RENEWERS)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        # As many can wait here as there are callers; each of them waits for its answer.
        self._waiting: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="store-writer", daemon=True)
        self._writer.start()
        self._closed = False

    async def read(
        self,
        question: Callable[Concatenate[sa.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The answer to a question, on one state of the database. Raises StoreAway."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._readers,
            partial(self._ask, lambda connection: question(connection, *args, **kwargs)),
        )

    async def write(
        self,
        change: Callable[Concatenate[sa.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Makes a change; it is durable on return and undone when it raises.

        Changes are made in the order they are asked for. A caller that is cancelled
        before its change has begun leaves it unmade. Raises StoreAway.
        """
        if self._closed:
            raise StoreAway("this service is leaving")
        waiting = Change(lambda connection: change(connection, *args, **kwargs))
        self._waiting.put(waiting)
        made: T = await asyncio.wrap_future(waiting.future)
        return made

    async def close(self) -> None:
        """Makes the changes that were asked for, then closes every connection."""
        self._closed = True
        self._waiting.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for engine in (self._reading, self._writing, self.renewing):
            engine.dispose()

    def _ask(self, question: Callable[[sa.Connection], T]) -> T:
        try:
            with self._reading.begin() as connection:
                return question(connection)
        except sa.exc.SQLAlchemyError as error:
            if is_away(error):
                raise StoreAway(reason(error)) from error
            raise

    def _write(self) -> None:
        while (first := self._waiting.get()) is not None:
            changes = [first]
            while len(changes) < BATCH and (more := self._next()) is not None:
                changes.append(more)
            self._batches.make(
                [one for one in changes if one.future.set_running_or_notify_cancel()]
            )

    def _next(self) -> Change | None:
        try:
            following = self._waiting.get_nowait()
        except queue.Empty:
            return None
        if following is None:
            # The end is for the loop around this to see.
            self._waiting.put(None)
        return following
