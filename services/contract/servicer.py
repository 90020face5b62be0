"""ContractService on the wire: hand over, translate back."""

from typing import Any

import grpc
from typing_extensions import override

from pawl.v1 import contract_pb2 as pb
from pawl.v1 import contract_pb2_grpc as rpc
from pawl.wire.errors import InvalidArgument
from services.contract import convert
from services.contract.plan import plan
from services.contract.schema import schema
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
        # On the loop: 50 ms at most, and one plan at a time bounds the memory.
        answer = plan(convert.payload(request.payload), self._deployment)
        if answer.violations and not request.report_violations:
            raise InvalidArgument(answer.violations, reason="TASK_INVALID")
        return convert.response(answer)

    @override
    async def GetTaskSchema(
        self,
        request: pb.GetTaskSchemaRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> pb.GetTaskSchemaResponse:
        return pb.GetTaskSchemaResponse(schema_json=schema(self._deployment))
