"""Hears a run to its end, through as many lost streams as it takes."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from pawl.wire.errors import Unavailable
from services.orchestrator.drive.attempt import RunLost
from services.orchestrator.drive.keeping import keep
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
from services.orchestrator.drive.recording import Recording
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.activity import Activity
from services.orchestrator.jobs.claim import LeaseLost
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.job import Usage

logger = structlog.get_logger(__name__)

BATCH_BYTES = 256 * 1024
QUEUE_MESSAGES = 64
"""When full, the runner's stream is not read: its journal holds what is to come."""
VERSION_CHARACTERS = 100


@dataclass(slots=True, kw_only=True)
class Hearing:
    """One run, and what is known of it from its own words."""

    work: Work
    recording: Recording
    activity_index: int = 0
    usage: Usage | None = None
    """What the run has consumed so far, as far as it told."""
    contact: float = field(default_factory=time.monotonic)
    """When the runner was heard last, on the monotonic clock."""
    _version: str = ""
    """Of the CLI."""

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
                positions=dict(self.recording.positions),
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
                await self.recording.store(batch)
                await self.recording.tell_version(self._version)
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
                    self._version = message.version[:VERSION_CHARACTERS]
                    deadline = deadline or self._soon()
                case _:
                    pass
        return outputs, None

    def _soon(self) -> float:
        batch = self.work.tools.pace.batch.total_seconds()
        return asyncio.get_running_loop().time() + batch
