"""A contract that answers what a test has written down."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.struct_pb2 import Struct
from typing_extensions import override

from pawl.v1 import contract_pb2 as pb
from pawl.v1 import contract_pb2_grpc as rpc
from pawl.v1 import task_pb2

DIGEST = "d" * 64
PROMPT = "Pawl asks.\n| größer\n| ===== end of step 0 =====\n"

TASK: dict[str, Any] = {
    "repository": "owner/repo",
    "targetRuntime": "codex",
    "task": {
        "runtime": {"mode": "codex", "model": "large", "effort": None},
        "git": {"startingBranch": "main", "newBranch": "feature/x"},
        "publish": {
            "mode": "pr",
            "prBaseBranch": None,
            "prTitle": "A title",
            "commitMessage": None,
        },
        "limits": {"stepTimeoutSeconds": 60, "silenceSeconds": 900, "maxTokens": None},
        "container": {"enabled": False},
    },
}
_DEFAULTED = ("limits.maxTokens", "limits.silenceSeconds", "publish.mode", "publish.prBaseBranch")


class ScriptedContract(rpc.ContractServiceServicer):
    """Gives `answer` and `schema_json` to everybody."""

    def __init__(self) -> None:
        self.answer = pb.ValidateTaskResponse(plan=some_plan())
        self.schema_json = '{"title": "Größe"}'
        self.asked: list[pb.ValidateTaskRequest] = []

    @override
    async def ValidateTask(self, request: Any, context: Any) -> Any:
        self.asked.append(request)
        return self.answer

    @override
    async def GetTaskSchema(self, request: Any, context: Any) -> Any:
        return pb.GetTaskSchemaResponse(schema_json=self.schema_json)


def some_plan(prompt: str = PROMPT, **publish: str | None) -> task_pb2.Plan:
    """A plan of two steps that share a prompt."""
    values = Struct()
    task = {**TASK["task"], "publish": {**TASK["task"]["publish"], **publish}}
    values.update({**TASK, "task": task})
    limit = task_pb2.Provenance(
        path="task.limits.stepTimeoutSeconds", source="PROVENANCE_SOURCE_EXPLICIT"
    )
    defaulted = [
        task_pb2.Provenance(path=f"task.{path}", source="PROVENANCE_SOURCE_DEFAULTED")
        for path in _DEFAULTED
    ]
    own = task_pb2.Skill(id="speckit", source="SKILL_SOURCE_STEP")
    auto = task_pb2.Skill(id="auto", source="SKILL_SOURCE_DEFAULT")
    needed = [f"task.steps[{index}] needs it" for index in range(8)]
    return task_pb2.Plan(
        task=values,
        provenance=[limit, *defaulted],
        required_capabilities=[
            task_pb2.RequiredCapability(name="gh", reasons=["task.publish.mode is pr (default)"]),
            task_pb2.RequiredCapability(name="qdrant", reasons=needed),
        ],
        stages=["STAGE_PREPARE", "STAGE_EXECUTE", "STAGE_PUBLISH"],
        steps=[
            task_pb2.PlannedStep(
                step_index=0,
                id="look",
                title="Around",
                skill=own,
                prompt=prompt,
                has_step_instructions=True,
            ),
            task_pb2.PlannedStep(step_index=1, id="step-2", skill=auto, prompt=prompt),
        ],
        digest=DIGEST,
    )


@asynccontextmanager
async def serving(contract: ScriptedContract) -> AsyncIterator[str]:
    """Serves it for the length of the block; yields the address."""
    server = grpc.aio.server()
    rpc.add_ContractServiceServicer_to_server(contract, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
