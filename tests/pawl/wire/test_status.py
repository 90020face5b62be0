"""Refusals survive the way over the wire, and nothing else gets through."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from typing_extensions import override

from pawl.v1 import runner_pb2 as pb
from pawl.v1 import runner_pb2_grpc as rpc
from pawl.wire.channel import channel, refusal
from pawl.wire.errors import (
    FailedPrecondition,
    InvalidArgument,
    Refusal,
    ResourceExhausted,
    Unexpected,
    Violation,
)
from pawl.wire.probe import healthy
from pawl.wire.server import CannotListen, serving
from pawl.wire.status import REFUSALS


class Raises(rpc.RunnerServiceServicer):
    """Answers every call with one error."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @override
    async def AckRun(self, request: pb.AckRunRequest, context: Any) -> pb.AckRunResponse:
        raise self.error

    @override
    async def Run(self, request: pb.RunRequest, context: Any) -> AsyncIterator[pb.RunResponse]:
        yield pb.RunResponse()
        raise self.error


async def _drain(stub: "rpc.RunnerServiceAsyncStub") -> None:
    async for _ in stub.Run(pb.RunRequest()):
        pass


async def answer(error: BaseException, *, stream: bool = False) -> Refusal:
    """What a caller gets from a servicer that raises `error`."""
    servicer = Raises(error)  # type: ignore[abstract]
    async with (
        serving(
            lambda server: rpc.add_RunnerServiceServicer_to_server(servicer, server),
            services=("pawl.v1.RunnerService",),
            listen="127.0.0.1:0",
        ) as address,
        channel(address) as connected,
    ):
        stub = rpc.RunnerServiceStub(connected)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await (_drain(stub) if stream else stub.AckRun(pb.AckRunRequest()))
    return refusal(raised.value)


@pytest.mark.parametrize(
    "kind", [kind for kind in REFUSALS.values() if kind is not InvalidArgument]
)
async def test_every_refusal_is_read_back_as_itself(kind: type[Refusal]) -> None:
    sent = kind("SOME_REASON", "a sentence", metadata={"fact": "1"})

    got = await answer(sent)

    assert (type(got), got.reason, got.message) == (kind, "SOME_REASON", "a sentence")
    assert got.metadata == {"fact": "1"}


async def test_violations_arrive_in_order_with_their_reasons() -> None:
    sent = InvalidArgument(
        [Violation("a", "REQUIRED", "is missing"), Violation("b[1].c", "SIZE", "is too long")]
    )

    got = await answer(sent)

    assert got.violations == sent.violations


async def test_violations_beyond_six_kib_are_counted_not_sent() -> None:
    sent = InvalidArgument([Violation(f"f{n}", "SIZE", "x" * 200) for n in range(100)])

    got = await answer(sent)

    assert isinstance(got, InvalidArgument)
    assert got.total == 100
    assert 0 < len(got.violations) < 40
    assert got.violations == sent.violations[: len(got.violations)]


async def test_retry_after_is_kept() -> None:
    sent = ResourceExhausted("NO_FREE_SLOT", "full", retry_after=timedelta(seconds=5))

    got = await answer(sent)

    assert got.retry_after == timedelta(seconds=5)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_defect_keeps_its_text_to_itself(stream: bool) -> None:
    got = await answer(ValueError("the password is hunter2"), stream=stream)

    assert isinstance(got, Unexpected)
    assert "hunter2" not in got.message
    assert got.metadata["correlation_id"] in got.message


async def test_a_stray_cancellation_ends_the_call_at_once() -> None:
    async with asyncio.timeout(5):
        got = await answer(asyncio.CancelledError())

    assert got.reason == "CANCELLED"


async def test_a_refusal_in_mid_stream_is_read_back() -> None:
    got = await answer(FailedPrecondition("GONE", "it has gone"), stream=True)

    assert (type(got), got.reason) == (FailedPrecondition, "GONE")


async def test_each_service_has_a_health_of_its_own() -> None:
    async with serving(
        lambda server: rpc.add_RunnerServiceServicer_to_server(
            Raises(OSError()),  # type: ignore[abstract]
            server,
        ),
        services=("pawl.v1.RunnerService",),
        listen="127.0.0.1:0",
    ) as address:
        assert await healthy(address)
        assert await healthy(address, "pawl.v1.RunnerService")
        assert not await healthy(address, "pawl.v1.ContractService")
    assert not await healthy(address, timeout=timedelta(seconds=1))


async def test_a_taken_port_is_a_sentence() -> None:
    def register(server: grpc.aio.Server) -> None:
        servicer = Raises(OSError())  # type: ignore[abstract]
        rpc.add_RunnerServiceServicer_to_server(servicer, server)

    async with serving(register, services=(), listen="127.0.0.1:0") as address:
        with pytest.raises(CannotListen, match=address):
            async with serving(register, services=(), listen=address):
                pass


async def test_a_request_that_is_no_message_is_the_callers_fault() -> None:
    servicer = Raises(OSError())  # type: ignore[abstract]
    async with (
        serving(
            lambda server: rpc.add_RunnerServiceServicer_to_server(servicer, server),
            services=("pawl.v1.RunnerService",),
            listen="127.0.0.1:0",
        ) as address,
        channel(address) as connected,
    ):
        call: Any = connected.unary_unary("/pawl.v1.RunnerService/AckRun")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(b"\xff\xff\xff")

    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal(raised.value).violations[0].reason == "UNREADABLE"
    assert refusal(raised.value).message == "these fields are at fault: the whole"
