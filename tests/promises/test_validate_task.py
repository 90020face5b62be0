"""ContractService.ValidateTask: each promise and status of the proto's comment.

Set CONTRACT_ADDRESS to ``host:port`` to ask a contract that serves already.
"""

import os
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc
import pytest
from google.protobuf import json_format, struct_pb2

from pawl.v1 import contract_pb2 as pb
from pawl.v1 import contract_pb2_grpc as rpc
from pawl.wire.channel import channel
from pawl.wire.errors import InvalidArgument
from pawl.wire.server import MESSAGE_LIMIT, serving
from pawl.wire.status import from_error
from services.contract.app import SERVICES
from services.contract.servicer import ContractServicer
from services.contract.values import Deployment

Contract: TypeAlias = "rpc.ContractServiceAsyncStub"

FOUR = {
    "repository": "owner/repo",
    "task": {
        "instructions": "  ",
        "steps": [{"instructions": "Go.", "runtime": "claude"}, {"id": "blank"}],
        "publish": {"mode": "merge"},
    },
}
FOUR_FAULTS = [
    ("task.instructions", "REQUIRED"),
    ("task.publish.mode", "UNKNOWN_PUBLISH_MODE"),
    ("task.steps[0].runtime", "STEP_OVERRIDE_FORBIDDEN"),
    ("task.steps[1]", "STEP_BLANK"),
]


@pytest.fixture
async def contract() -> AsyncIterator[Contract]:
    """A contract with no defaults of its own."""
    if address := os.environ.get("CONTRACT_ADDRESS"):
        async with channel(address) as connected:
            yield rpc.ContractServiceStub(connected)
        return
    servicer = ContractServicer(Deployment())
    async with (
        serving(
            lambda server: rpc.add_ContractServiceServicer_to_server(servicer, server),
            services=SERVICES,
            listen="127.0.0.1:0",
        ) as bound,
        channel(bound) as connected,
    ):
        yield rpc.ContractServiceStub(connected)


def request(payload: dict[str, Any], *, report: bool = False) -> pb.ValidateTaskRequest:
    """The request for a payload, made as any client makes it."""
    struct = json_format.ParseDict(payload, struct_pb2.Struct())
    return pb.ValidateTaskRequest(payload=struct, report_violations=report)


async def refused(contract: Contract, payload: dict[str, Any]) -> InvalidArgument:
    """The refusal of a payload that has to be invalid."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await contract.ValidateTask(request(payload))
    refusal = from_error(caught.value)
    assert isinstance(refusal, InvalidArgument)
    assert refusal.reason == "TASK_INVALID"
    return refusal


def valid(**task: Any) -> dict[str, Any]:
    """A valid payload with these fields of the task."""
    return {"repository": "owner/repo", "task": {"instructions": "Go.", **task}}


async def test_all_violations_are_found_in_one_call_ordered_by_path(contract: Contract) -> None:
    refusal = await refused(contract, FOUR)

    assert [(item.field, item.reason) for item in refusal.violations] == FOUR_FAULTS
    assert refusal.total == 4


async def test_report_violations_answers_ok_with_every_violation(contract: Contract) -> None:
    response = await contract.ValidateTask(request(FOUR, report=True))

    assert [(item.field, item.reason) for item in response.violations] == FOUR_FAULTS
    assert not response.HasField("plan")


async def test_a_status_carries_the_first_violations_and_counts_all(contract: Contract) -> None:
    payload = valid(steps=[{"id": "x"}] * 100)

    refusal = await refused(contract, payload)
    response = await contract.ValidateTask(request(payload, report=True))

    carried = [item.field for item in refusal.violations]
    assert 10 < len(carried) < 100
    assert carried == [f"task.steps[{index}]" for index in range(len(carried))]
    assert refusal.total == len(response.violations) == 100


async def test_nothing_in_an_answer_repeats_a_credential(contract: Contract) -> None:
    payload = {
        **valid(),
        "repository": "https://user:hunter2@example.com/a",
        "auth": {"repoAuthRef": "hunter2"},
    }

    refusal = await refused(contract, payload)
    response = await contract.ValidateTask(request(payload, report=True))

    assert "hunter2" not in f"{refusal.message} {refusal.metadata} {refusal.violations} {response}"


async def test_the_canonical_task_validates_to_the_same_digest(contract: Contract) -> None:
    steps = [{"instructions": " a "}, {"skill": {"id": "s", "args": {"n": 2, "x": 0.5}}}]

    for payload in (valid(), valid(steps=steps, later={"kept": 1})):
        plan = (await contract.ValidateTask(request(payload))).plan
        again = await contract.ValidateTask(pb.ValidateTaskRequest(payload=plan.task))

        assert again.plan.digest == plan.digest
        assert again.plan.task == plan.task


async def test_unknown_fields_are_kept_and_each_gives_a_warning(contract: Contract) -> None:
    response = await contract.ValidateTask(request(valid(colour="red", shape={"n": 1})))

    task = json_format.MessageToDict(response.plan.task)["task"]
    assert (task["colour"], task["shape"]) == ("red", {"n": 1})
    assert [(item.field, item.reason) for item in response.warnings] == [
        ("task.colour", "UNKNOWN_FIELD"),
        ("task.shape", "UNKNOWN_FIELD"),
    ]


async def test_the_same_payload_always_gets_the_same_answer(contract: Contract) -> None:
    payload = request(valid(steps=[{"instructions": "a"}], b=1, a=2, c={"z": 1, "y": 2}))

    answers = {
        (await contract.ValidateTask(payload)).SerializeToString(deterministic=True)
        for _ in range(5)
    }

    assert len(answers) == 1


async def test_a_plan_holds_the_steps_with_their_prompts(contract: Contract) -> None:
    steps = [{"id": "a", "title": "First", "instructions": "Do a."}, {"skill": {"id": "s"}}]

    plan = (await contract.ValidateTask(request(valid(steps=steps)))).plan

    assert [(step.step_index, step.id, step.has_step_instructions) for step in plan.steps] == [
        (0, "a", True),
        (1, "step-2", False),
    ]
    assert "\nSTEP 1/2 a | First\n| Do a.\n" in plan.steps[0].prompt
    assert [item.name for item in plan.required_capabilities] == ["codex", "git", "gh"]
    assert len(plan.stages) == 3


async def test_a_message_that_is_too_large_is_resource_exhausted(contract: Contract) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await contract.ValidateTask(request(valid(later="x" * MESSAGE_LIMIT)))

    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_payload_of_more_than_a_mebibyte_is_invalid(contract: Contract) -> None:
    refusal = await refused(contract, valid(later="x" * (1 << 20)))

    assert [(item.field, item.reason) for item in refusal.violations] == [("", "SIZE")]


async def test_the_largest_plan_fits_into_an_answer(contract: Contract) -> None:
    steps = [{"instructions": "y" * 4_000}] * 100

    response = await contract.ValidateTask(request(valid(instructions="x" * 24_000, steps=steps)))

    assert response.ByteSize() > 2_800_000


async def test_no_payload_at_all_is_invalid(contract: Contract) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await contract.ValidateTask(pb.ValidateTaskRequest())

    assert from_error(caught.value).reason == "TASK_INVALID"
