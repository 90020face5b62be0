"""A client of WatchJob that checks what it is told as it reads."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from tests.promises.orchestrator import House

STDOUT = job_pb2.OUTPUT_STREAM_STDOUT
STDERR = job_pb2.OUTPUT_STREAM_STDERR


class Watcher:
    """A client's stream that is read message by message."""

    def __init__(self, house: House, job_id: str, **fields: Any) -> None:
        self.call = house.stub.WatchJob(pb.WatchJobRequest(job_id=job_id, **fields))
        self.output: dict[int, bytearray] = {STDOUT: bytearray(), STDERR: bytearray()}
        self.sequences: list[int] = []
        self.activities: list[str] = []

    async def __aiter__(self) -> AsyncIterator[pb.WatchJobResponse]:
        async for message in self.call:
            self.take(message)
            yield message

    def take(self, message: pb.WatchJobResponse) -> None:
        """Notes a message and checks that it follows on what came before."""
        match message.WhichOneof("kind"):
            case "event":
                self.sequences.append(message.event.sequence)
            case "output":
                chunk = message.output
                had = self.output[chunk.stream]
                assert chunk.offset == len(had)
                had += chunk.data
            case "activity":
                self.activities.append(message.activity.text)

    async def until(self, *, event: str = "", output: int = 0, activity: str = "") -> None:
        """Reads on until a type of event, as many bytes of stdout, or an activity has come."""
        async for message in self:
            if event and message.event.type == event:
                return
            if output and len(self.output[STDOUT]) >= output:
                return
            if activity and message.activity.text == activity:
                return
        raise AssertionError("the stream closed first")

    async def end(self) -> list[str]:
        """Reads to the end; gives the kinds of messages, events by their types."""
        return [message.event.type or str(message.WhichOneof("kind")) async for message in self]


async def admitted(house: House, job_id: str) -> Watcher:
    """A watcher that has been let in, once there is room for it."""
    async with asyncio.timeout(5):
        while True:
            watcher = Watcher(house, job_id)
            try:
                await watcher.until(event="job.submitted")
            except grpc.aio.AioRpcError:
                continue
            else:
                return watcher
