"""The gate takes up a few requests at a time, whatever their callers do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import grpc
import pytest
from typing_extensions import override

from pawl.v1 import runner_pb2 as pb
from pawl.v1 import runner_pb2_grpc as rpc
from pawl.wire.channel import channel, refusal
from pawl.wire.errors import NotFound, Refusal
from pawl.wire.gate import Gate
from pawl.wire.interceptors import Translate
from pawl.wire.probe import healthy
from pawl.wire.server import serving
from tests.support.bare_http2 import bare_call

METHOD = "/pawl.v1.RunnerService/AckRun"
SHORT = timedelta(seconds=0.05)
LONG = timedelta(seconds=30)


class Counts(rpc.RunnerServiceServicer):
    """Keeps calls until it is told to let go, and counts how many it has at once."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.entered = asyncio.Condition()
        self.let_go = asyncio.Event()

    @override
    async def AckRun(self, request: pb.AckRunRequest, context: Any) -> pb.AckRunResponse:
        if request.run_id == "unknown":
            raise NotFound("RUN_NOT_FOUND", "no such run")
        async with self.entered:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.entered.notify_all()
        try:
            await self.let_go.wait()
        finally:
            self.inside -= 1
        return pb.AckRunResponse()

    @override
    async def Run(self, request: pb.RunRequest, context: Any) -> AsyncIterator[pb.RunResponse]:
        yield pb.RunResponse()

    async def holding(self, count: int) -> None:
        """Returns once it has so many calls."""
        async with asyncio.timeout(5), self.entered:
            await self.entered.wait_for(lambda: self.inside >= count)


def counting() -> Counts:
    return Counts()  # type: ignore[abstract]


@asynccontextmanager
async def gated(servicer: Counts, gate: Gate) -> AsyncIterator[str]:
    """A server behind this gate; yields its address."""
    server = grpc.aio.server(interceptors=[gate, Translate()])
    rpc.add_RunnerServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        servicer.let_go.set()
        await server.stop(1)


async def ask(address: str, run_id: str = "a") -> Refusal | None:
    """Calls once; what it is refused with, if it is."""
    async with channel(address) as connected:
        stub = rpc.RunnerServiceStub(connected)
        try:
            await stub.AckRun(pb.AckRunRequest(run_id=run_id), timeout=5)
        except grpc.aio.AioRpcError as error:
            return refusal(error)
    return None


async def test_no_more_than_so_many_are_taken_up_and_all_are_answered() -> None:
    servicer = counting()
    async with gated(servicer, Gate(2)) as address, asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(address)) for _ in range(9)]
        await servicer.holding(2)
        servicer.let_go.set()

    assert [task.result() for task in asked] == [None] * 9
    assert servicer.most == 2


async def test_streams_and_health_checks_pass_a_gate_that_is_full() -> None:
    servicer = counting()
    async with (
        serving(
            lambda server: rpc.add_RunnerServiceServicer_to_server(servicer, server),
            services=("pawl.v1.RunnerService",),
            listen="127.0.0.1:0",
            at_once=1,
        ) as address,
        channel(address) as connected,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(ask(address))
        await servicer.holding(1)

        assert await healthy(address, "pawl.v1.RunnerService")
        stub = rpc.RunnerServiceStub(connected)
        assert [answer async for answer in stub.Run(pb.RunRequest())] == [pb.RunResponse()]
        servicer.let_go.set()


async def test_a_refused_call_gives_its_place_back() -> None:
    async with gated(counting(), Gate(1, patience=LONG)) as address:
        answers = [await ask(address, "unknown") for _ in range(3)]

    assert [answer.reason for answer in answers if answer] == ["RUN_NOT_FOUND"] * 3


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_call_that_is_given_up_gives_its_place_back(waiting: bool) -> None:
    servicer = counting()
    async with (
        gated(servicer, Gate(1, patience=LONG)) as address,
        channel(address) as connected,
    ):
        stub = rpc.RunnerServiceStub(connected)
        calls = [stub.AckRun(pb.AckRunRequest()) for _ in range(2)]
        await servicer.holding(1)
        calls[waiting].cancel()
        servicer.let_go.set()

        assert await ask(address) is None


async def test_a_request_that_stops_in_the_middle_lets_others_pass() -> None:
    servicer = counting()
    servicer.let_go.set()
    async with (
        gated(servicer, Gate(1, slow=1, patience=SHORT, longest=LONG)) as address,
        bare_call(address) as slow,
        asyncio.TaskGroup() as group,
    ):
        await slow.open(METHOD)
        sending = group.create_task(slow.send(10, b"12345"))

        assert await ask(address) is None
        sending.cancel()


async def test_one_more_of_those_than_there_are_slow_places_is_refused() -> None:
    async with (
        gated(counting(), Gate(1, slow=1, patience=SHORT, longest=LONG)) as address,
        bare_call(address) as one,
        bare_call(address) as other,
        asyncio.TaskGroup() as group,
    ):
        for call in (one, other):
            await call.open(METHOD)
        sending = [group.create_task(call.send(10, b"12345")) for call in (one, other)]
        done, waiting = await asyncio.wait(sending, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    assert [task.result() for task in done] == [grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]]
    assert len(waiting) == 1


async def test_a_request_that_never_arrives_is_refused_in_the_end() -> None:
    async with (
        gated(counting(), Gate(1, patience=SHORT, longest=SHORT)) as address,
        bare_call(address) as call,
    ):
        await call.open(METHOD)
        async with asyncio.timeout(5):
            status = await call.send(10, b"12345")

    assert status == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


async def test_a_call_without_a_request_is_the_callers_fault() -> None:
    async with (
        gated(counting(), Gate(1)) as address,
        channel(address) as connected,
    ):
        call: Any = connected.stream_unary(METHOD)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(iter(()), timeout=5)

    assert refusal(raised.value).violations[0].reason == "UNREADABLE"


async def test_bytes_that_are_no_message_are_the_callers_fault_here_too() -> None:
    async with gated(counting(), Gate(1)) as address, channel(address) as connected:
        call: Any = connected.unary_unary(METHOD)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(b"\xff\xff\xff", timeout=5)

    assert refusal(raised.value).violations[0].reason == "UNREADABLE"
