"""What a server takes, and what it refuses before anybody looks at it."""

import asyncio
import gzip
from typing import Any

import grpc
import pytest
from typing_extensions import override

from pawl.v1 import runner_pb2 as pb
from pawl.v1 import runner_pb2_grpc as rpc
from pawl.wire.server import serving
from tests.support.bare_http2 import bare_call

METHOD = "/pawl.v1.RunnerService/AckRun"
LARGEST = 1000


class Answers(rpc.RunnerServiceServicer):
    """Acknowledges everything."""

    @override
    async def AckRun(self, request: pb.AckRunRequest, context: Any) -> pb.AckRunResponse:
        return pb.AckRunResponse()


def register(server: grpc.aio.Server) -> None:
    rpc.add_RunnerServiceServicer_to_server(Answers(), server)  # type: ignore[abstract]


async def status(
    raw: bytes, *, at_once: int | None = None, encoding: str = "identity"
) -> grpc.StatusCode:
    """What a call with these bytes ends with."""
    async with (
        asyncio.timeout(5),
        serving(
            register, services=(), listen="127.0.0.1:0", largest=LARGEST, at_once=at_once
        ) as address,
        bare_call(address) as call,
    ):
        await call.open(METHOD, encoding=encoding)
        number = await call.send(len(raw), raw, compressed=encoding != "identity")
    return next(code for code in grpc.StatusCode if code.value[0] == number)


def request(size: int) -> bytes:
    """A request of so many bytes."""
    raw = pb.AckRunRequest(run_id="x" * (size - 3)).SerializeToString()
    assert len(raw) == size
    return raw


@pytest.mark.parametrize("at_once", [None, 1])
@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (LARGEST, grpc.StatusCode.OK),
        (LARGEST + 1, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
async def test_the_largest_message_is_taken_and_no_larger_one(
    size: int, expected: grpc.StatusCode, at_once: int | None
) -> None:
    assert await status(request(size), at_once=at_once) == expected


@pytest.mark.parametrize("at_once", [None, 1])
async def test_a_compressed_message_is_refused_unopened(at_once: int | None) -> None:
    raw = gzip.compress(request(900))

    assert await status(raw, at_once=at_once, encoding="gzip") == grpc.StatusCode.UNIMPLEMENTED


async def test_a_caller_that_only_could_compress_is_served() -> None:
    options = [("grpc.compression_enabled_algorithms_bitset", 7)]
    async with (
        serving(register, services=(), listen="127.0.0.1:0") as address,
        grpc.aio.insecure_channel(address, options=options) as connected,
    ):
        answer = await rpc.RunnerServiceStub(connected).AckRun(pb.AckRunRequest(), timeout=5)

    assert answer == pb.AckRunResponse()
