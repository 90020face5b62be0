"""Tells a watcher what happened to a job, then what happens, until the job has ended."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pawl.wire.errors import OutOfRange
from services.orchestrator.feed import Watching
from services.orchestrator.jobs.activity import Activity
from services.orchestrator.jobs.job import Event, Job, StepState, Stream
from services.orchestrator.jobs.reading import Reading
from services.orchestrator.tail import Chunk, OutputBytes, Tail

EVENTS = 256
POLL = timedelta(seconds=2)
"""How long news from another process may take to be seen."""
SILENCE = timedelta(seconds=10)
"""After this long without a message there is a heartbeat."""

TERMINAL = frozenset({"job.succeeded", "job.failed", "job.cancelled", "job.deadLettered"})
STEP_ENDS = frozenset(f"task.step.{end}" for end in ("finished", "failed", "cancelled", "lost"))


@dataclass(frozen=True, slots=True)
class StillThere:
    """Nothing happened for a while."""


Seen = Event | Activity | Chunk | StillThere


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Where a watcher begins, and what it wants beside events."""

    after_sequence: int = 0
    include_output: bool = False
    positions: Mapping[tuple[int, int], Mapping[Stream, int]] = field(default_factory=dict)
    """By step and attempt: the first byte of each stream that the watcher lacks."""


class Watch:
    """One watcher's way through a job."""

    def __init__(
        self,
        job: Job,
        wish: Wish,
        *,
        store: Reading,
        output: OutputBytes,
        watching: Watching,
    ) -> None:
        if wish.after_sequence > job.last_sequence:
            raise OutOfRange(
                "AFTER_END",
                f"job {job.job_id} has {job.last_sequence} events; "
                f"there is none with number {wish.after_sequence}",
                metadata={"last_sequence": str(job.last_sequence)},
            )
        self._job = job
        self._wish = wish
        self._store = store
        self._output = output
        self._watching = watching
        self._after = wish.after_sequence
        self._ended = job.state.terminal and wish.after_sequence == job.last_sequence
        self._running: Tail | None = None
        """The step that runs, by the events that were passed on."""
        self._joined_late = wish.after_sequence > 0

    async def follow(self) -> AsyncIterator[Seen]:
        """Everything there is to see; ends behind the terminal event.

        Events are read from the store alone, and output too: whatever a wake-up is
        lost or a reader is slow for, nothing of them is missed.
        """
        spoken = time.monotonic()
        while not self._ended:
            self._watching.look()
            # Nothing in these generators owns anything: one that a leaving reader left
            # behind may be closed whenever and wherever it is found.
            async for seen in self._news():
                yield seen
                spoken = time.monotonic()
            if self._ended:
                return
            left = SILENCE - timedelta(seconds=time.monotonic() - spoken)
            if left <= timedelta():
                yield StillThere()
                spoken = time.monotonic()
                continue
            await self._watching.changed(min(left, POLL))

    async def _news(self) -> AsyncIterator[Seen]:
        while True:
            page = await self._store.events(self._job.job_id, after=self._after, limit=EVENTS)
            for event in page:
                if event.type in STEP_ENDS:
                    self._turn_to(event.step_index, event.attempt)
                if event.type in STEP_ENDS | TERMINAL:
                    # Whoever has seen the end of a step has seen all that belongs to it.
                    async for seen in self._from_running(ended=True):
                        yield seen
                    self._running = None
                yield event
                self._after = event.sequence
                self._ended = event.type in TERMINAL
                if event.type == "task.step.started":
                    self._turn_to(event.step_index, event.attempt)
            if len(page) < EVENTS:
                break
        if self._ended:
            return
        if self._joined_late and self._running is None:
            await self._find_running()
        self._joined_late = False
        async for seen in self._from_running(ended=False):
            yield seen

    async def _from_running(self, *, ended: bool) -> AsyncIterator[Seen]:
        tail = self._running
        if tail is None:
            return
        for activity in self._watching.activities(tail.step_index, tail.attempt):
            yield activity
        if self._wish.include_output:
            async for chunk in tail.rest() if ended else tail.stored():
                yield chunk

    async def _find_running(self) -> None:
        """The step that ran already when the watcher came."""
        job = await self._store.job(self._job.job_id, with_plan=False)
        for step in job.steps if job else ():
            if step.state is StepState.RUNNING:
                self._turn_to(step.index, step.attempt)

    def _turn_to(self, step_index: int | None, attempt: int) -> None:
        tail = self._running
        if step_index is None:
            return
        if tail is not None and (tail.step_index, tail.attempt) == (step_index, attempt):
            return
        self._running = Tail(
            self._store,
            self._output,
            job_id=self._job.job_id,
            step_index=step_index,
            attempt=attempt,
            positions=self._wish.positions.get((step_index, attempt), {}),
        )
