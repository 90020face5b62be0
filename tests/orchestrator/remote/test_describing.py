"""What a runner says of its storage and its clock, as the orchestrator takes it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from typing_extensions import override

from pawl.v1 import job_pb2
from pawl.v1 import runner_pb2 as pb
from pawl.v1 import runner_pb2_grpc as rpc
from services.orchestrator import convert
from services.orchestrator.jobs.runners import KnownRunner, RunnerDescription
from services.orchestrator.remote.runner import runner_at

AHEAD = timedelta(minutes=5)


class Telling(rpc.RunnerServiceServicer):
    """Tells what a test has written down."""

    def __init__(self) -> None:
        self.storage = job_pb2.Storage(git_version="2.39.5")
        self.storage.time.FromDatetime(datetime.now(UTC) + AHEAD)

    @override
    async def DescribeRunner(
        self, request: pb.DescribeRunnerRequest, context: Any
    ) -> pb.DescribeRunnerResponse:
        return pb.DescribeRunnerResponse(
            runner_id="r1",
            draining=True,
            draining_reason="this runner is leaving",
            storage=self.storage,
        )


@pytest.fixture
def telling() -> Telling:
    return Telling()  # type: ignore[abstract]


@pytest.fixture
async def target(telling: Telling) -> AsyncIterator[str]:
    server = grpc.aio.server()
    rpc.add_RunnerServiceServicer_to_server(telling, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def described(target: str) -> RunnerDescription:
    async with runner_at(target) as runner:
        return await runner.describe()


async def test_how_far_its_clock_is_ahead_is_known(target: str) -> None:
    said = await described(target)

    assert said.clock_offset is not None
    assert abs(said.clock_offset - AHEAD) < timedelta(seconds=5)


async def test_what_it_keeps_is_passed_on_to_clients(target: str, telling: Telling) -> None:
    said = await described(target)

    known = KnownRunner(target=target, reachable=True, description=said, free_slots=0)
    told = convert.runner_to_message(known)

    assert told.storage == telling.storage
    assert told.draining_reason == "this runner is leaving"
    assert told.clock_offset.ToTimedelta() == said.clock_offset


async def test_a_time_that_is_none_costs_only_what_it_told_of_storage(
    target: str, telling: Telling
) -> None:
    telling.storage.time.seconds = 1 << 60

    said = await described(target)

    assert (said.runner_id, said.storage, said.clock_offset) == ("r1", None, None)
