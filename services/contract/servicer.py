"""ContractService on the wire: hand over, translate back."""

import asyncio
from typing import Any

import grpc
from typing_extensions import override

from pawl.v1 import contract_pb2 as pb
from pawl.v1 import contract_pb2_grpc as rpc
from pawl.wire.errors import InvalidArgument
from services.contract import convert
from services.contract.plan import plan
from services.contract.values import Deployment


class ContractServicer(rpc.ContractServiceServicer):
    """Answers for one deployment; keeps nothing."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    @override
    async def ValidateTask(
        self,
        request: pb.ValidateTaskRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> pb.ValidateTaskResponse:
        # A mebibyte of odd JSON takes up to a second, in which others want answers too.
        answer = await asyncio.to_thread(plan, convert.payload(request.payload), self._deployment)
        if answer.violations and not request.report_violations:
            raise InvalidArgument(answer.violations, reason="TASK_INVALID")
        return convert.response(answer)
