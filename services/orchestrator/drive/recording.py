"""Follows one run to its end and stores what it says as it comes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from pawl.wire.errors import Unavailable
from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.keeping import keep
from services.orchestrator.drive.loose import Loose
from services.orchestrator.drive.ports import (
    Finished,
    Message,
    Output,
    Runner,
    RunnerFull,
    RunnerUnreachable,
    RunOrder,
    RunUnknown,
    Started,
)
from services.orchestrator.drive.tracks import next_order
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.activity import Activity
from services.orchestrator.jobs.claim import LeaseLost, StoreAway
from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.jobs.job import Segment, Stream, Usage

logger = structlog.get_logger(__name__)

BATCH_BYTES = 256 * 1024
QUEUE_MESSAGES = 64
"""When full, the runner's stream is not read: its journal holds what is to come."""
VERSION_CHARACTERS = 100
STRIKES = 3
"""How often a stream may contradict what is stored before the runner is not believed."""


class RunLost(Exception):
    """The run has ended without a result, and its step is to be started again.

    `wait` is set where that is nobody's loss: a provider takes no requests for so long.
    """

    def __init__(
        self, why: str, *, wait: timedelta | None = None, usage: Usage | None = None
    ) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait
        self.usage = usage
        """What it had consumed, as far as that is known."""


@dataclass(slots=True, kw_only=True)
class Recording:
    """The output of one attempt of one step, on its way into the store."""

    work: Work
    step_index: int
    attempt: int
    positions: dict[Stream, int]
    """How much of each stream is stored."""
    next_order: int
    activity_index: int = 0
    strikes: int = 0
    loose: Loose = field(default_factory=Loose)
    usage: Usage | None = None
    """What the run has consumed so far, as far as it told."""
    version: str = ""
    """Of the CLI, as it is stored."""
    contact: float = field(default_factory=time.monotonic)
    """When the runner was heard last, on the monotonic clock."""
    _told_version: str = ""

    async def follow(
        self, runner: Callable[[], Runner], order: RunOrder, *, attach_only: bool
    ) -> Finished:
        """Gives the end of the run, through as many lost streams as it takes.

        `runner` is asked for anew each time: it may have moved to another address.

        Raises RunLost when the runner does not know the run, or when nothing was heard
        for so long that the run has ended by itself; JobFailed, LeaseLost.
        """
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(
                keep(
                    runner,
                    order.run_id,
                    order.epoch,
                    run_lease=self.work.tools.pace.run_lease,
                    heard=self._heard,
                ),
                name=f"keep {order.run_id}",
            )
            # Errors come back as values: one raised here would reach the caller in a group.
            end = await self._through_streams(runner, order, attach_only=attach_only)
            keeping.cancel()
        if isinstance(end, Exception):
            raise end
        return end

    async def _through_streams(
        self, runner: Callable[[], Runner], order: RunOrder, *, attach_only: bool
    ) -> Finished | Exception:
        pace = self.work.tools.pace
        pause = pace.back_off.total_seconds() / 4
        while True:
            heard = self.contact
            end = await self._stream(runner, order, attach_only=attach_only)
            match end:
                case RunUnknown():
                    return RunLost(str(end), usage=self.usage)
                case RunnerUnreachable():
                    attach_only = attach_only or self.contact > heard
                    if time.monotonic() - self.contact > pace.presumed_dead.total_seconds():
                        silence = f"nothing was heard of its runner for {pace.presumed_dead}"
                        return RunLost(silence, usage=self.usage)
                    logger.info("stream_lost", run_id=order.run_id, error=str(end))
                case _:
                    return end
            pause = pace.back_off.total_seconds() / 4 if self.contact > heard else pause * 2
            await asyncio.sleep(min(pause, 5.0))

    def _heard(self) -> None:
        self.contact = time.monotonic()

    async def settle(self) -> None:
        """Learns anew what is stored, after `follow` was interrupted.

        A write that was interrupted may be made all the same. Writes are made in the order
        they are asked for: behind one more it is made or will never be.
        """
        store, job_id = self.work.tools.store, self.work.job.job_id
        await store.note(self.work.claim)
        self.positions = await store.received(
            job_id, step_index=self.step_index, attempt=self.attempt
        )
        self.next_order = await next_order(self.work, self.step_index, self.attempt)
        self.loose.clear()

    async def _stream(
        self, runner: Callable[[], Runner], order: RunOrder, *, attach_only: bool
    ) -> Finished | Exception:
        queue: asyncio.Queue[Message | Exception] = asyncio.Queue(QUEUE_MESSAGES)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(
                self._read(runner, order, queue, attach_only=attach_only), name=order.run_id
            )
            end = await self._store_until_end(queue)
            reading.cancel()
        return end

    async def _read(
        self,
        runner: Callable[[], Runner],
        order: RunOrder,
        queue: asyncio.Queue[Message | Exception],
        *,
        attach_only: bool,
    ) -> None:
        try:
            async for message in runner().follow(
                order,
                attach_only=attach_only,
                positions=dict(self.positions),
                activity_index=self.activity_index,
            ):
                await queue.put(message)
        except RunnerFull as error:
            # It takes no new runs: it leaves, or has not got rid of an earlier one. Like one
            # that is away it may be back in time, and else the step goes to another.
            await queue.put(RunnerUnreachable(str(error)))
        except (RunnerUnreachable, RunUnknown, JobFailed, LeaseLost) as error:
            await queue.put(error)
        else:
            await queue.put(RunnerUnreachable("the stream closed before the run's end"))

    async def _store_until_end(
        self, queue: asyncio.Queue[Message | Exception]
    ) -> Finished | Exception:
        try:
            while True:
                batch, end = await self._gather(queue)
                await self._store(batch)
                await self._store_version()
                if end is not None:
                    return end
        except (JobFailed, LeaseLost, RunnerUnreachable, Unavailable) as error:
            return error

    async def _gather(
        self, queue: asyncio.Queue[Message | Exception]
    ) -> tuple[list[Output], Finished | Exception | None]:
        """Output that is stored together: what comes within a moment, or fills a batch."""
        outputs: list[Output] = []
        size = 0
        deadline: float | None = None
        while size < BATCH_BYTES:
            try:
                async with asyncio.timeout_at(deadline):
                    message = await queue.get()
            except TimeoutError:
                break
            if isinstance(message, Exception):
                return outputs, message
            self._heard()
            match message:
                case Finished():
                    return outputs, message
                case Output():
                    outputs.append(message)
                    size += len(message.data)
                    deadline = deadline or self._soon()
                case Activity():
                    self.activity_index = message.index + 1
                    self.work.activity.take(message)
                    self.work.tools.live.act(self.work.claim.job_id, message)
                    if message.usage is not None:
                        self.usage = message.usage
                        self.work.consumed(message.usage)
                case Started():
                    logger.info("run_attached", runner_id=message.runner_id)
                    self._told_version = message.version[:VERSION_CHARACTERS]
                    deadline = deadline or self._soon()
                case _:
                    pass
        return outputs, None

    def _soon(self) -> float:
        batch = self.work.tools.pace.batch.total_seconds()
        return asyncio.get_running_loop().time() + batch

    async def _store_version(self) -> None:
        if self._told_version in {"", self.version}:
            return
        await self.work.tools.store.tell_version(
            self.work.claim,
            step_index=self.step_index,
            attempt=self.attempt,
            version=self._told_version,
        )
        self.version = self._told_version
        self.work.told()

    async def _store(self, outputs: Sequence[Output]) -> None:
        pieces, positions = self._joined(outputs)
        segments: list[Segment] = []
        for stream, offset, data in pieces:
            key = await self.work.tools.artifacts.put_segment(self.work.job.job_id, data)
            segments.append(
                Segment(
                    step_index=self.step_index,
                    attempt=self.attempt,
                    stream=stream,
                    offset=offset,
                    size=len(data),
                    key=key,
                    order=self.next_order + len(segments),
                )
            )
        if not segments:
            return
        await self.work.tools.store.append_output(self.work.claim, segments)
        reach(Point.T3, StoreAway)
        self.next_order += len(segments)
        self.positions = positions
        self.work.told()
        for segment, (_, _, data) in zip(segments, pieces, strict=True):
            self.loose.take(segment, data)
            if self.loose.full:
                await self._merge()

    async def _merge(self) -> None:
        """Puts one piece in the place of many. Those who read on find it where they are."""
        small, data = [*self.loose.pieces], bytes(self.loose.data)
        artifacts, claim = self.work.tools.artifacts, self.work.claim
        merged = self.loose.merged(await artifacts.put_segment(self.work.job.job_id, data))
        self.loose.clear()
        await self.work.tools.store.merge_output(claim, merged, first_order=small[0].order)
        await artifacts.delete([piece.key for piece in small])

    def _joined(
        self, outputs: Sequence[Output]
    ) -> tuple[list[tuple[Stream, int, bytes]], dict[Stream, int]]:
        """Neighbours of one stream as one piece, without what is stored already.

        Also gives the positions that are reached once the pieces are stored.
        """
        positions = dict(self.positions)
        pieces: list[tuple[Stream, int, bytearray]] = []
        for output in outputs:
            stored = positions.get(output.stream, 0)
            if output.offset > stored:
                self._strike(output, stored)
            data = output.data[stored - output.offset :]
            if not data:
                continue
            positions[output.stream] = stored + len(data)
            if pieces and pieces[-1][0] is output.stream:
                pieces[-1][2].extend(data)
            else:
                pieces.append((output.stream, stored, bytearray(data)))
        return [(stream, offset, bytes(data)) for stream, offset, data in pieces], positions

    def _strike(self, output: Output, stored: int) -> None:
        self.strikes += 1
        what = f"{output.stream} went on at {output.offset} where {stored} was to come"
        if self.strikes >= STRIKES:
            raise failed(
                Reason.RESULT_CORRUPT,
                f"the runner's output cannot be followed: {what}",
                "Look at the runner's log and disk; submit the task again.",
            )
        raise RunnerUnreachable(what)
