"""What the ends of calls to a runner mean to whoever drives a job."""

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
from pawl.wire.channel import channel
from services.orchestrator.drive.ports import Message, RunnerUnreachable, RunOrder
from services.orchestrator.remote.runner import RemoteRunner, runner_at
from tests.support.proxy import proxy_to

Context = grpc.aio.ServicerContext[Any, Any]

ORDER = RunOrder(
    run_id="0190/1/0",
    epoch=1,
    workspace_id="0190/1",
    runtime="codex",
    model=None,
    effort=None,
    prompt="Do it.",
    step_timeout=timedelta(hours=1),
    silence=timedelta(minutes=15),
    max_output_bytes=1024,
)


class Busy(rpc.RunnerServiceServicer):
    """Says that a run lives and nothing more, and has no room for any other call."""

    @override
    async def Run(self, request: pb.RunRequest, context: Context) -> AsyncIterator[pb.RunResponse]:
        yield pb.RunResponse(started=pb.RunStarted(runner_id="r1"))
        await asyncio.Event().wait()

    @override
    async def DescribeRunner(
        self, request: pb.DescribeRunnerRequest, context: Context
    ) -> pb.DescribeRunnerResponse:
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")

    @override
    async def CloseWorkspace(
        self, request: pb.CloseWorkspaceRequest, context: Context
    ) -> pb.CloseWorkspaceResponse:
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")


@asynccontextmanager
async def busy() -> AsyncIterator[str]:
    server = grpc.aio.server()
    rpc.add_RunnerServiceServicer_to_server(Busy(), server)  # type: ignore[abstract]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def followed(runner: RemoteRunner) -> AsyncIterator[Message]:
    return runner.follow(ORDER, attach_only=False, positions={}, activity_index=0)


async def test_a_stream_whose_address_is_given_up_is_a_lost_stream() -> None:
    async with busy() as target, channel(target) as connected:
        messages = followed(RemoteRunner(target, connected))
        await anext(messages)
        waiting = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0)

        await connected.close()

        with pytest.raises(RunnerUnreachable):
            await waiting


async def test_a_stream_on_a_connection_that_died_unseen_is_followed_on_a_new_one() -> None:
    """gRPC's own pings would have found that out only half a minute later."""
    async with busy() as target:
        with proxy_to(target) as proxy:
            async with runner_at(proxy.address, silence=timedelta(seconds=1.5)) as runner:
                await anext(followed(runner))
                proxy.bury()

                with pytest.raises(RunnerUnreachable, match="silent"):
                    await anext(followed(runner))

                await anext(followed(runner))
        assert proxy.connections == 2


async def test_an_address_that_was_given_up_reaches_nobody() -> None:
    async with busy() as target, channel(target) as connected:
        runner = RemoteRunner(target, connected)
        await connected.close()

        with pytest.raises(RunnerUnreachable):
            await anext(followed(runner))


async def test_a_runner_with_too_many_calls_is_asked_again_and_fails_no_job() -> None:
    async with busy() as target, channel(target) as connected:
        runner = RemoteRunner(target, connected)

        with pytest.raises(RunnerUnreachable):
            await runner.close("0190/1", 1)
        with pytest.raises(RunnerUnreachable):
            await runner.describe()
