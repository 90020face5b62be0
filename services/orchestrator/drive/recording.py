"""Stores what an attempt of a step says, as it comes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.loose import Loose
from services.orchestrator.drive.ports import Output, RunnerUnreachable
from services.orchestrator.drive.tracks import next_order
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.jobs.job import Segment, Stream

STRIKES = 3
"""How often a stream may contradict what is stored before the runner is not believed."""


@dataclass(slots=True, kw_only=True)
class Recording:
    """The output of one attempt of one step, on its way into the store."""

    work: Work
    step_index: int
    attempt: int
    positions: dict[Stream, int]
    """How much of each stream is stored."""
    next_order: int
    strikes: int = 0
    loose: Loose = field(default_factory=Loose)
    version: str = ""
    """Of the CLI, as it is stored."""

    async def store(self, outputs: Sequence[Output]) -> None:
        """Stores what is new. Raises RunnerUnreachable or JobFailed where it does not follow."""
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

    async def tell_version(self, version: str) -> None:
        """Stores the CLI's version where it is told and is not stored."""
        if version in {"", self.version}:
            return
        await self.work.tools.store.tell_version(
            self.work.claim, step_index=self.step_index, attempt=self.attempt, version=version
        )
        self.version = version
        self.work.told()

    async def settle(self) -> None:
        """Learns anew what is stored, after a write may have been interrupted.

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
