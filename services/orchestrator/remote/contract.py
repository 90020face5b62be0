"""The contract service as the orchestrator asks it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc

from pawl.v1 import contract_pb2 as pb
from pawl.v1 import contract_pb2_grpc as rpc
from pawl.v1 import task_pb2
from pawl.wire.channel import channel, refusal
from pawl.wire.errors import DeadlineExceeded, Unavailable
from services.orchestrator import plans
from services.orchestrator.jobs.plan import Plan
from services.orchestrator.structs import dict_to_struct

DEADLINE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class ContractClient:
    """Asks for plans; what the contract refuses is refused in its own words."""

    stub: "rpc.ContractServiceAsyncStub"

    async def plan(self, payload: Mapping[str, Any]) -> tuple[Plan, Sequence[task_pb2.Warning]]:
        """The plan of a raw payload with the contract's warnings.

        Raises InvalidArgument TASK_INVALID, Unavailable CONTRACT_UNAVAILABLE.
        """
        try:
            answer = await self.stub.ValidateTask(
                pb.ValidateTaskRequest(payload=dict_to_struct(payload)),
                timeout=DEADLINE.total_seconds(),
            )
        except grpc.aio.AioRpcError as error:
            said = refusal(error)
            if isinstance(said, Unavailable | DeadlineExceeded):
                raise Unavailable(
                    "CONTRACT_UNAVAILABLE",
                    "the contract service does not answer; nothing was stored, ask again",
                    retry_after=timedelta(seconds=2),
                ) from error
            raise said from error
        return plans.from_message(answer.plan), list(answer.warnings)


@asynccontextmanager
async def contract_at(target: str) -> AsyncIterator[ContractClient]:
    """The contract at ``host:port`` for the length of the block."""
    async with channel(target) as connected:
        yield ContractClient(rpc.ContractServiceStub(connected))
