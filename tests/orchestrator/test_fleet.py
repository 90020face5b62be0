"""Which runner is promised to a job, and until when."""

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
from services.orchestrator.fleet import RunnerFleet, watching

Context = grpc.aio.ServicerContext[Any, Any]

POLL = timedelta(seconds=30)
"""Longer than a test lasts: what is asked sooner was asked for a reason."""


class OneSlot(rpc.RunnerServiceServicer):
    """A runner with one slot, which says what it holds when it is allowed to."""

    def __init__(self) -> None:
        self.free = 1
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    @override
    async def DescribeRunner(
        self, request: pb.DescribeRunnerRequest, context: Context
    ) -> pb.DescribeRunnerResponse:
        await self.may_answer.wait()
        return pb.DescribeRunnerResponse(
            runner_id="r1", capabilities=["codex"], slots=1, free_slots=self.free
        )


@asynccontextmanager
async def fleet_of(servicer: OneSlot) -> AsyncIterator[RunnerFleet]:
    server = grpc.aio.server()
    rpc.add_RunnerServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    fleet, changed = RunnerFleet(), asyncio.Event()
    fleet.when_changed(changed.set)
    try:
        async with watching(fleet, [f"127.0.0.1:{port}"], poll=POLL):
            await changed.wait()
            yield fleet
    finally:
        await server.stop(None)


@pytest.fixture
def runner() -> OneSlot:
    return OneSlot()  # type: ignore[abstract]


async def test_a_slot_is_promised_once(runner: OneSlot) -> None:
    async with fleet_of(runner) as fleet:
        assert fleet.reserve(["codex", "git"]) is not None
        assert fleet.reserve(["codex", "git"]) is None


async def test_a_freed_slot_is_promised_again_only_when_the_runner_says_it_is_free(
    runner: OneSlot,
) -> None:
    """By what it had said before its workspace was made, a full runner once looked free."""
    async with fleet_of(runner) as fleet:
        promised = fleet.reserve(["codex"])
        assert promised is not None
        runner.may_answer.clear()

        fleet.free(promised)

        assert fleet.reserve(["codex"]) is None
        changed = asyncio.Event()
        fleet.when_changed(changed.set)
        runner.may_answer.set()
        await changed.wait()
        assert fleet.reserve(["codex"]) is not None
