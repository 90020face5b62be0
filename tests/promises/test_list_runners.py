"""OrchestratorService.ListRunners: what its comment says."""

from pawl.v1 import orchestrator_pb2 as pb
from tests.promises.orchestrator import House


async def test_runners_are_listed_reachable_or_not(house: House) -> None:
    answer = await house.stub.ListRunners(pb.ListRunnersRequest())

    assert [(one.target, one.reachable) for one in answer.runners] == [
        ("127.0.0.1:1", True),
        ("127.0.0.1:2", False),
    ]
    assert list(answer.orchestrator_capabilities) == ["git"]
