"""What a watcher asks for and is told, as messages."""

from datetime import UTC, datetime

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from services.orchestrator import convert, requests
from services.orchestrator.jobs.activity import Activity
from services.orchestrator.jobs.job import Event, Stream
from services.orchestrator.tail import Chunk
from services.orchestrator.watching import Seen, Wish

_STREAMS = {job_pb2.OutputStream.Value(name): one for one, name in convert.STREAMS.items()}


def asked(request: pb.WatchJobRequest) -> Wish:
    """What a watcher wants. Raises InvalidArgument."""
    named = [
        (one.step_index, one.attempt, _STREAMS.get(one.stream), one.offset)
        for one in request.output_after
    ]
    requests.check(requests.of_watch(after_sequence=request.after_sequence, output_after=named))
    positions: dict[tuple[int, int], dict[Stream, int]] = {}
    for step_index, attempt, stream, offset in named:
        if stream is not None:
            positions.setdefault((step_index, attempt), {})[stream] = offset
    return Wish(
        after_sequence=request.after_sequence,
        include_output=request.include_output,
        positions=positions,
    )


def seen_to_message(seen: Seen) -> pb.WatchJobResponse:
    """One thing a watcher sees."""
    match seen:
        case Event():
            return pb.WatchJobResponse(event=convert.event_to_message(seen))
        case Activity():
            return pb.WatchJobResponse(activity=convert.activity_to_message(seen))
        case Chunk():
            return pb.WatchJobResponse(
                output=job_pb2.OutputChunk(
                    step_index=seen.step_index,
                    attempt=seen.attempt,
                    stream=convert.STREAMS[seen.stream],
                    offset=seen.offset,
                    data=seen.data,
                )
            )
        case _:
            return pb.WatchJobResponse(
                heartbeat=pb.Heartbeat(time=convert.stamp(datetime.now(UTC)))
            )
