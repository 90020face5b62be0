"""Watches one job for all who look at it."""

import asyncio
from contextlib import aclosing

from pawl.client import Activity, JobEvent, OrchestratorClient, Plan
from pawl.wire.errors import Refusal
from services.dashboard import frames
from services.dashboard.look import look_at
from services.dashboard.pieces import pieces
from services.dashboard.shared import Shared

LINGER_SECONDS = 10.0
"""How long a job is watched that nobody looks at, since pages are loaded anew."""
ENDED_SECONDS = 1.0
"""How long what is known of a job that has ended is given to who comes: it may be opened again."""
RENEWED_SECONDS = 5.0
"""What a job waits for changes without an event."""
SETTLE_SECONDS = 0.1
"""Events come in bursts; what the page shows of the job is made once for each."""


class Watched:
    """One job, as long as anybody looks at it."""

    def __init__(self, job_id: str, orchestrator: OrchestratorClient) -> None:
        self.job_id = job_id
        self.shared = Shared()
        self.viewers = 0
        self._orchestrator = orchestrator
        self._scope: asyncio.Timeout | None = None
        self._stopped = False
        self._news = asyncio.Event()
        self._ended = False
        self._trouble = b""
        self._plan: Plan | None = None

    def join(self) -> None:
        """Somebody looks."""
        self.viewers += 1
        self._reschedule()

    def part(self) -> None:
        """Somebody looks no more."""
        self.viewers -= 1
        self._reschedule()

    def stop(self) -> None:
        """Lets go of the job, whoever looks."""
        self._stopped = True
        self.shared.close()
        self._reschedule()

    def defective(self, number: str) -> None:
        """Tells viewers that it was a bug that ended this, and where to find it."""
        sentence = f"The dashboard failed at this job; its log has {number}."
        self._trouble = frames.trouble("INTERNAL", sentence)

    def last_frame(self) -> bytes:
        """Says to whoever has seen everything why there is no more; empty: come back."""
        return frames.END if self._ended else self._trouble

    async def follow(self) -> None:
        """Fills `shared` until the job has ended, or nobody looks any more."""
        try:
            await self._while_seen()
        except* Refusal as refused:
            first = _first(refused)
            self._trouble = frames.trouble(first.reason, first.message)

    async def _while_seen(self) -> None:
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._scope = scope
                self._reschedule()
                await self._watch()
                self.shared.close()
                await asyncio.sleep(ENDED_SECONDS)
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self._scope = None

    async def _watch(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew(), name="renew")
            await self._history_then_live()
            self._ended = True
            self._news.set()

    async def _history_then_live(self) -> None:
        newest = (await self._orchestrator.job(self.job_id, with_plan=False)).last_sequence
        # What finished steps wrote is in their logs: only what runs is followed with output.
        async with aclosing(self._orchestrator.watch(self.job_id)) as history:
            async for seen in history:
                if isinstance(seen, JobEvent):
                    self._happened(seen)
                    if seen.sequence >= newest:
                        break
        self.shared.piece("current", frames.framed("current", {"sequence": newest}))
        live = self._orchestrator.watch(self.job_id, after=newest, output=True)
        async with aclosing(live):
            async for seen in live:
                if isinstance(seen, JobEvent):
                    self._happened(seen)
                elif isinstance(seen, Activity):
                    self.shared.live(frames.activity(seen))
                else:
                    self.shared.live(frames.output(seen))

    def _happened(self, event: JobEvent) -> None:
        self.shared.event(event.sequence, frames.happened(event))
        self._news.set()

    async def _renew(self) -> None:
        """Makes the pieces of the page anew whenever something happened, or might have."""
        while True:
            last = self._ended
            self._news.clear()
            await self._make()
            if last:
                return
            try:
                async with asyncio.timeout(RENEWED_SECONDS):
                    await self._news.wait()
                    await asyncio.sleep(0 if self._ended else SETTLE_SECONDS)
            except TimeoutError:
                continue

    async def _make(self) -> None:
        told = ""
        try:
            look = await look_at(self._orchestrator, self.job_id, plan=self._plan)
        except Refusal as refusal:
            told = f"What follows may be out of date: {refusal.message}"
        else:
            self._plan = look.plan
            for name, html in pieces(look).items():
                self.shared.piece(name, frames.piece(name, html))
        self.shared.piece("trouble", frames.framed("away", {"message": told}))

    def _reschedule(self) -> None:
        if self._scope is None or self._scope.expired():
            return
        now = asyncio.get_running_loop().time()
        if self._stopped:
            self._scope.reschedule(now)
        else:
            self._scope.reschedule(None if self.viewers else now + LINGER_SECONDS)


def _first(group: BaseExceptionGroup[Refusal]) -> Refusal:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
