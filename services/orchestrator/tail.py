"""Gives an attempt's output from where a reader stands, wherever it is kept by now."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from services.orchestrator.jobs.job import Artifact, JobId, Stream
from services.orchestrator.jobs.paths import under_attempt
from services.orchestrator.jobs.reading import Reading, Stretch

logger = structlog.get_logger(__name__)

CHUNK_BYTES = 64 * 1024
READ_BYTES = 256 * 1024
SEGMENTS = 64
STRETCHES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What a CLI wrote; at most 64 KiB."""

    step_index: int
    attempt: int
    stream: Stream
    offset: int
    data: bytes


class OutputBytes(Protocol):
    """Where the bytes of output are. Both raise FileNotFoundError for what is gone."""

    async def read_segment(self, key: str) -> bytes:
        """A piece of a running step's output."""

    async def read_range(self, key: str, start: int, size: int) -> bytes:
        """A part of a log."""


class Tail:
    """One reader's place in the output of one attempt."""

    def __init__(
        self,
        store: Reading,
        output: OutputBytes,
        *,
        job_id: JobId,
        step_index: int,
        attempt: int,
        positions: Mapping[Stream, int],
    ) -> None:
        self._store = store
        self._output = output
        self._job_id = job_id
        self.step_index = step_index
        self.attempt = attempt
        self._positions = {stream: positions.get(stream, 0) for stream in Stream}
        self._order = -1

    async def stored(self) -> AsyncIterator[Chunk]:
        """What is stored while the step runs, in the order it arrived.

        Stops short when the step ends meanwhile: `rest` has what follows.
        """
        while True:
            page = await self._store.segments(
                self._job_id,
                step_index=self.step_index,
                attempt=self.attempt,
                after_order=self._order,
                limit=SEGMENTS,
            )
            for segment in page:
                had = self._positions[segment.stream]
                if segment.offset + segment.size > had:
                    try:
                        data = await self._output.read_segment(segment.key)
                    except FileNotFoundError:
                        return
                    for chunk in self._cut(segment.stream, segment.offset, data):
                        yield chunk
                self._order = segment.order
            if len(page) < SEGMENTS:
                return

    async def rest(self) -> AsyncIterator[Chunk]:
        """Everything there is still to come, once the attempt has ended."""
        async for chunk in self.stored():
            yield chunk
        log: Artifact | None = None
        position = 0
        while True:
            page = await self._store.stretches(
                self._job_id,
                step_index=self.step_index,
                attempt=self.attempt,
                from_position=position,
                limit=STRETCHES,
            )
            for stretch in page:
                if stretch.offset + stretch.size > self._positions[stretch.stream]:
                    log = log or await self._log()
                    if log is None:
                        return
                    try:
                        async for chunk in self._from_log(log, stretch):
                            yield chunk
                    except FileNotFoundError:
                        # Its bytes go once it is listed no more, for its age.
                        logger.warning("log_gone", job_id=self._job_id, step_index=self.step_index)
                        return
                position = stretch.position + stretch.size
            if len(page) < STRETCHES:
                return

    async def _from_log(self, log: Artifact, stretch: Stretch) -> AsyncIterator[Chunk]:
        end = stretch.offset + stretch.size
        while (had := max(self._positions[stretch.stream], stretch.offset)) < end:
            size = min(READ_BYTES, end - had)
            start = stretch.position + had - stretch.offset
            data = await self._output.read_range(log.key, start, size)
            for chunk in self._cut(stretch.stream, had, data):
                yield chunk

    async def _log(self) -> Artifact | None:
        name = f"logs/steps/step-{self.step_index:04}.log"
        found = None
        # In this order: a retry moves a plain log below its attempt, never back.
        if await self._is_newest():
            found = await self._store.artifact(self._job_id, name)
        if found is None:
            kept = under_attempt(self.attempt, name)
            found = await self._store.artifact(self._job_id, kept)
        if found is not None:
            return found
        logger.warning("no_log", job_id=self._job_id, step_index=self.step_index)
        return None

    async def _is_newest(self) -> bool:
        """Whether the plain path is this attempt's, not that of one that came after it."""
        job = await self._store.job(self._job_id, with_plan=False)
        return job is not None and job.steps[self.step_index].attempt == self.attempt

    def _cut(self, stream: Stream, offset: int, data: bytes) -> list[Chunk]:
        """What the reader lacks of some bytes, in pieces; it has them from now on."""
        had = self._positions[stream]
        first = max(0, had - offset)
        self._positions[stream] = max(had, offset + len(data))
        return [
            Chunk(
                step_index=self.step_index,
                attempt=self.attempt,
                stream=stream,
                offset=offset + start,
                data=data[start : start + CHUNK_BYTES],
            )
            for start in range(first, len(data), CHUNK_BYTES)
        ]
