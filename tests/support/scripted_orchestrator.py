"""An orchestrator that answers what a test has written down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message
from typing_extensions import override

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import orchestrator_pb2_grpc as rpc
from pawl.wire.interceptors import Translate

JOB_ID = "01890000-0000-7000-8000-000000000001"


class Lost(Exception):
    """In a script: the stream ends here as if the service had been killed."""


class Silence(Exception):
    """In a script: nothing more is sent, and the stream stays open."""


Line = Message | Exception | type[Exception]


@dataclass
class ScriptedOrchestrator(rpc.OrchestratorServiceServicer):
    """`answers` holds one answer, or one refusal, per method.

    `streams` has one script per watch, `reads` one per reading of an artifact.
    """

    answers: dict[str, Line] = field(default_factory=dict)
    streams: list[list[Line]] = field(default_factory=list)
    reads: list[list[Line]] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    """Every request, in order."""
    metadata: list[dict[str, str | bytes]] = field(default_factory=list)
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a script has come to its silence."""

    @override
    async def SubmitTask(self, request: Any, context: Any) -> Any:
        return self._answer("SubmitTask", request, context)

    @override
    async def GetJob(self, request: Any, context: Any) -> Any:
        return self._answer("GetJob", request, context)

    @override
    async def ListJobs(self, request: Any, context: Any) -> Any:
        return self._answer("ListJobs", request, context)

    @override
    async def CancelJob(self, request: Any, context: Any) -> Any:
        return self._answer("CancelJob", request, context)

    @override
    async def RetryJob(self, request: Any, context: Any) -> Any:
        return self._answer("RetryJob", request, context)

    @override
    async def ExplainJob(self, request: Any, context: Any) -> Any:
        return self._answer("ExplainJob", request, context)

    @override
    async def GetQueue(self, request: Any, context: Any) -> Any:
        return self._answer("GetQueue", request, context)

    @override
    async def GetHistory(self, request: Any, context: Any) -> Any:
        return self._answer("GetHistory", request, context)

    @override
    async def ListArtifacts(self, request: Any, context: Any) -> Any:
        return self._answer("ListArtifacts", request, context)

    @override
    async def GetStorage(self, request: Any, context: Any) -> Any:
        return self._answer("GetStorage", request, context)

    @override
    async def ListRunners(self, request: Any, context: Any) -> Any:
        return self._answer("ListRunners", request, context)

    @override
    async def WatchJob(self, request: Any, context: Any) -> AsyncIterator[Any]:
        # Who gives a silent stream up, as clients do after a while, comes back to silence.
        again = not self.streams and self.silent.is_set()
        async for message in self._play(
            [Silence] if again else self.streams.pop(0), request, context
        ):
            yield message

    @override
    async def ReadArtifact(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for message in self._play(self.reads.pop(0), request, context):
            yield message

    def _answer(self, method: str, request: Any, context: Any) -> Any:
        self._note(request, context)
        answer = self.answers[method]
        if isinstance(answer, Message):
            return answer
        raise answer

    async def _play(self, script: list[Line], request: Any, context: Any) -> AsyncIterator[Any]:
        self._note(request, context)
        for line in script:
            if isinstance(line, Message):
                yield line
            elif line is Lost:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            elif line is Silence:
                self.silent.set()
                await asyncio.Event().wait()
            else:
                raise line

    def _note(self, request: Any, context: Any) -> None:
        kept = type(request)()
        kept.CopyFrom(request)
        self.asked.append(kept)
        self.metadata.append(dict(context.invocation_metadata() or ()))


@asynccontextmanager
async def scripted(orchestrator: ScriptedOrchestrator) -> AsyncIterator[str]:
    """Serves it for the length of the block; yields the address."""
    server = grpc.aio.server(interceptors=[Translate()])
    rpc.add_OrchestratorServiceServicer_to_server(orchestrator, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def job(state: str = "RUNNING", **fields: Any) -> job_pb2.Job:
    """A job of two steps."""
    steps = [job_pb2.Step(step_index=0, id="first"), job_pb2.Step(step_index=1, id="second")]
    return job_pb2.Job(job_id=JOB_ID, state=f"JOB_STATE_{state}", **{"steps": steps, **fields})


def event(sequence: int, kind: str = "job.claimed", **fields: Any) -> pb.WatchJobResponse:
    """One event as WatchJob sends it."""
    happened = job_pb2.JobEvent(job_id=JOB_ID, sequence=sequence, type=kind, **fields)
    return pb.WatchJobResponse(event=happened)


def activity(index: int, text: str = "hello") -> pb.WatchJobResponse:
    """One message of an agent."""
    kind = job_pb2.ACTIVITY_KIND_MESSAGE
    return pb.WatchJobResponse(
        activity=job_pb2.Activity(attempt=1, index=index, kind=kind, text=text)
    )


def output(offset: int, data: bytes) -> pb.WatchJobResponse:
    """A piece of the first step's standard output."""
    stream = job_pb2.OUTPUT_STREAM_STDOUT
    return pb.WatchJobResponse(
        output=job_pb2.OutputChunk(attempt=1, stream=stream, offset=offset, data=data)
    )
