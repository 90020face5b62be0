"""What viewers of a job are sent: frames of a `text/event-stream`."""

import base64
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from pawl.cli.tables import word
from pawl.client import Activity, ActivityKind, JobEvent, OutputChunk, OutputStream, Stage
from services.dashboard.consumed import consumed

BEAT = b"event: beat\ndata: {}\n\n"
END = b"event: end\ndata: {}\n\n"


def happened(event: JobEvent) -> bytes:
    """A fact about the job; browsers remember its number and name it when they come back."""
    return framed(
        "happened",
        {
            "sequence": event.sequence,
            "time": _iso(event.create_time),
            "type": event.type,
            "attempt": event.attempt,
            "stage": word(Stage.Name(event.stage), "STAGE_") if event.stage else None,
            "step": event.step_index if event.HasField("step_index") else None,
            "message": event.message,
            "payload": MessageToDict(event.payload),
        },
        number=event.sequence,
    )


def activity(done: Activity) -> bytes:
    """What an agent did."""
    return framed(
        "activity",
        {
            "step": done.step_index,
            "attempt": done.attempt,
            "index": done.index,
            "time": _iso(done.create_time),
            "kind": word(ActivityKind.Name(done.kind), "ACTIVITY_KIND_"),
            "text": done.text,
            "path": done.path,
            "errorClass": done.error_class,
            "consumed": consumed(done.usage),
        },
    )


def output(chunk: OutputChunk) -> bytes:
    """What a CLI wrote, byte for byte."""
    return framed(
        "output",
        {
            "step": chunk.step_index,
            "attempt": chunk.attempt,
            "stream": word(OutputStream.Name(chunk.stream), "OUTPUT_STREAM_"),
            "offset": chunk.offset,
            "bytes": base64.b64encode(chunk.data).decode("ascii"),
        },
    )


def piece(name: str, html: str) -> bytes:
    """A part of the page as it looks now."""
    return framed("piece", {"id": name, "html": html})


def trouble(reason: str, message: str) -> bytes:
    """Why the stream ends here although the job has not."""
    return framed("trouble", {"reason": reason, "message": message})


def framed(kind: str, document: dict[str, Any], *, number: int | None = None) -> bytes:
    """One frame. JSON has no line break of its own, so that none can end a frame early."""
    numbered = b"" if number is None else b"id: %d\n" % number
    return b"%sevent: %s\ndata: %s\n\n" % (numbered, kind.encode(), orjson.dumps(document))


def _iso(time: Timestamp) -> str | None:
    return time.ToJsonString() if time.ByteSize() else None
