"""How something from outside ends what a driver is waiting for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.orchestrator.jobs.failures import Failure


class CancelWanted(Exception):
    """Somebody asked for the job to stop."""


class LimitHit(Exception):
    """The job has used up its time, its tokens or its money."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Interrupt:
    """Raises one exception in whatever block waits under it, now or later.

    Ending a wait is bringing its deadline forward: no task is cancelled from
    outside, so nothing has to be told apart from a cancellation.
    """

    def __init__(self) -> None:
        self.cause: Exception | None = None
        self._waits: set[asyncio.Timeout] = set()

    def fire(self, cause: Exception) -> None:
        """Interrupts with `cause`; only the first one counts. Call from the loop's thread."""
        if self.cause is not None:
            return
        self.cause = cause
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            wait.reschedule(now)

    def check(self) -> None:
        """Raises the cause, if there is one."""
        if self.cause is not None:
            raise self.cause

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Raises the cause in the block, at its next await, as soon as there is one."""
        self.check()
        wait = asyncio.timeout(None)
        try:
            async with wait:
                self._waits.add(wait)
                try:
                    yield
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            if wait.expired() and self.cause is not None:
                raise self.cause from None
            raise
