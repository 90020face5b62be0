"""What a watcher of a job has seen already, to ask for the rest and drop what is repeated."""

from collections.abc import Iterable
from typing import Any

from pawl.v1 import orchestrator_pb2
from pawl.v1.job_pb2 import Activity, JobEvent, OutputChunk
from pawl.v1.orchestrator_pb2 import OutputPosition
from pawl.wire.calls import Gap

Happening = JobEvent | Activity | OutputChunk
"""What there is to see."""


class Seen:
    """Takes in what a watch sends, whole and in order."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self._activity: dict[tuple[int, int], int] = {}
        self._output: dict[tuple[int, int, Any], int] = {}

    def positions(self) -> Iterable[OutputPosition]:
        """How far the output of each run has been seen."""
        return (
            OutputPosition(step_index=step, attempt=attempt, stream=stream, offset=offset)
            for (step, attempt, stream), offset in self._output.items()
        )

    def take(self, response: orchestrator_pb2.WatchJobResponse) -> Happening | None:
        """What is new in it. Raises Gap where something before it is missing."""
        match response.WhichOneof("kind"):
            case "event":
                return self._event(response.event)
            case "activity":
                return self._act(response.activity)
            case "output":
                return self._chunk(response.output)
            case _:
                return None

    def _act(self, activity: Activity) -> Activity | None:
        # A stream that is opened anew tells again what the running step did.
        run = (activity.step_index, activity.attempt)
        if activity.index <= self._activity.get(run, -1):
            return None
        self._activity[run] = activity.index
        return activity

    def _event(self, event: JobEvent) -> JobEvent | None:
        if event.sequence <= self.sequence:
            return None
        if event.sequence > self.sequence + 1:
            raise Gap
        self.sequence = event.sequence
        return event

    def _chunk(self, chunk: OutputChunk) -> OutputChunk | None:
        stream = (chunk.step_index, chunk.attempt, chunk.stream)
        known = self._output.get(stream, 0)
        if chunk.offset > known:
            raise Gap
        data = chunk.data[known - chunk.offset :]
        if not data:
            return None
        self._output[stream] = known + len(data)
        if len(data) == len(chunk.data):
            return chunk
        rest = OutputChunk()
        rest.CopyFrom(chunk)
        rest.offset, rest.data = known, data
        return rest
