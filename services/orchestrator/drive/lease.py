"""The thread that keeps a claim alive, so that a blocked loop does not lose it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

import structlog

from pawl.wire.faultpoints import Point, reach
from services.orchestrator.jobs.claim import Claim, LeaseLost, StoreAway
from services.orchestrator.jobs.job import CancelRequest

logger = structlog.get_logger(__name__)

FENCE_SHARE = 25 / 30
"""The part of the term after which an owner without a renewal stops by itself."""


class Renewing(Protocol):
    """The one question a lease asks of the store, from its own thread."""

    def renew(self, claim: Claim, *, term: timedelta) -> CancelRequest | None:
        """Extends the lease; blocks. Raises LeaseLost, StoreAway."""


class Lease:
    """A claim that is being renewed at a third of its term."""

    def __init__(
        self,
        claim: Claim,
        *,
        store: Renewing,
        term: timedelta,
        on_lost: Callable[[], None],
        on_cancel: Callable[[], None],
        sent: float,
    ) -> None:
        self.claim = claim
        self._store = store
        self._term = term
        self._on_lost = on_lost
        self._on_cancel = on_cancel
        self._left = threading.Event()
        self._renewed = sent

    def check(self) -> None:
        """Raises LeaseLost where this owner has to stop: to be asked right before every act.

        A process that was stopped for a while finds answers waiting for it when it goes on,
        and would act upon them before it is told that its time is up.
        """
        if self.time_left() <= timedelta():
            raise LeaseLost

    def time_left(self) -> timedelta:
        """Until this owner stops by itself; counted from when the last renewal was sent."""
        spent = time.monotonic() - self._renewed
        return timedelta(seconds=self._term.total_seconds() * FENCE_SHARE - spent)

    @property
    def fresh(self) -> bool:
        """A renewal was sent, and succeeded, within the last half of the term."""
        return time.monotonic() - self._renewed < self._term.total_seconds() / 2

    def run(self) -> None:
        """The body of the thread: renews until told to leave or until the lease is lost."""
        try:
            self._renew_until_left()
        finally:
            # Also after a defect: an owner that no longer renews must not go on working.
            if not self._left.is_set():
                self._on_lost()

    def _renew_until_left(self) -> None:
        pause = self._term.total_seconds() / 3
        while not self._left.wait(pause):
            if self.time_left() <= timedelta():
                # The process was stopped, or starved: to renew now would be to take the claim
                # back from whoever may have it next.
                return
            sent = time.monotonic()
            try:
                cancel = self._store.renew(self.claim, term=self._term)
                reach(Point.C2, StoreAway)
            except LeaseLost:
                logger.warning("lease_lost", job_id=self.claim.job_id, epoch=self.claim.epoch)
                return
            except StoreAway as error:
                # A database that is away for a moment must not end the work.
                logger.warning("renewal_failed", job_id=self.claim.job_id, error=str(error))
                if self.time_left() <= timedelta():
                    return
                pause = min(1.0, self._term.total_seconds() / 15)
            else:
                self._renewed = sent
                pause = self._term.total_seconds() / 3
                if cancel is not None:
                    self._on_cancel()

    def leave(self) -> None:
        """Ends the thread; the lease itself stays until it is given back or runs out."""
        self._left.set()


@asynccontextmanager
async def held(
    claim: Claim,
    *,
    store: Renewing,
    term: timedelta,
    on_lost: Callable[[], None],
    on_cancel: Callable[[], None],
    sent: float,
) -> AsyncIterator[Lease]:
    """Keeps the claim for the length of the block; callbacks run on the loop's thread.

    `sent` is the monotonic time at which the claim was asked for.
    """
    loop = asyncio.get_running_loop()
    lease = Lease(
        claim,
        store=store,
        term=term,
        on_lost=lambda: _tell(loop, on_lost),
        on_cancel=lambda: _tell(loop, on_cancel),
        sent=sent,
    )
    thread = threading.Thread(target=lease.run, name=f"lease-{claim.job_id}", daemon=True)
    thread.start()
    alarm: asyncio.TimerHandle

    def check() -> None:
        # The thread itself may hang in a renewal, on a disk that does not answer.
        nonlocal alarm
        if lease.time_left() <= timedelta():
            on_lost()
        else:
            alarm = loop.call_later(lease.time_left().total_seconds(), check)

    alarm = loop.call_later(lease.time_left().total_seconds(), check)
    try:
        yield lease
    finally:
        alarm.cancel()
        lease.leave()


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    # The loop may be gone by the time a renewal that hung comes back.
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)
