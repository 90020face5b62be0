"""ContractService.GetTaskSchema: each promise of the proto's comment.

Set CONTRACT_ADDRESS to ``host:port`` to ask a contract that serves already.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest
from google.protobuf import json_format, struct_pb2
from jsonschema import Draft202012Validator

from pawl.v1 import contract_pb2 as pb
from pawl.v1 import contract_pb2_grpc as rpc
from pawl.wire.channel import channel
from pawl.wire.server import serving
from services.contract.app import SERVICES
from services.contract.servicer import ContractServicer
from services.contract.values import Deployment

Contract: TypeAlias = "rpc.ContractServiceAsyncStub"

VALID: dict[str, Any] = {"repository": "owner/repo", "task": {"instructions": "Go."}}

CHANGES: dict[str, dict[str, Any]] = {
    "REQUIRED": {"instructions": "\u200b"},
    "WRONG_TYPE": {"publish": []},
    "SIZE": {"instructions": "x" * 262_145},
    "BAD_TEXT": {"later": {"deep": ["\u202e"]}},
    "UNKNOWN_RUNTIME": {"runtime": {"mode": "emacs"}},
    "MODEL_NAME": {"runtime": {"model": "--yolo"}},
    "EFFORT_NAME": {"runtime": {"effort": "very high"}},
    "CAPABILITY_NAME": {"skill": {"id": "a", "requiredCapabilities": ["a b"]}},
    "SKILL_ID": {"skill": {"id": "../a"}},
    "TOO_MANY_STEPS": {"steps": [{"instructions": "Go."}] * 101},
    "STEP_ID": {"steps": [{"id": "a/b", "instructions": "Go."}]},
    "STEP_BLANK": {"steps": [{"title": "Nothing"}]},
    "STEP_FIELD_UNKNOWN": {"steps": [{"instructions": "Go.", "colour": "red"}]},
    "STEP_OVERRIDE_FORBIDDEN": {"steps": [{"instructions": "Go.", "runtime": "claude"}]},
    "BRANCH_NAME": {"git": {"newBranch": "a..b"}},
    "UNKNOWN_PUBLISH_MODE": {"publish": {"mode": "merge"}},
    "LIMIT_RANGE": {"limits": {"stepTimeoutSeconds": 0}},
    "CONTAINER_FIELD": {"container": {"workdir": "relative"}},
    "CONTAINER_UNSUPPORTED": {"container": {"enabled": True}},
}
"""Fields of the task, by the code of the violation that a schema can say."""

FINE: dict[str, dict[str, Any]] = {
    "steps": {"steps": [{"instructions": " Go. "}, {"skill": {"id": "a"}}]},
    "null": {"steps": None, "skill": None, "publish": {"mode": None}},
    "blank": {"runtime": {"mode": " ", "model": "\u200b"}},
    "folded": {"runtime": {"mode": " Claude\n"}},
    "unknown": {"later": {"kept": [1]}},
    "alias": {"publish": {"baseBranch": "main"}},
}
"""Fields of the task that a schema could well refuse by mistake."""


@asynccontextmanager
async def served(deployment: Deployment) -> AsyncIterator[Contract]:
    """A contract of this deployment."""
    servicer = ContractServicer(deployment)
    async with (
        serving(
            lambda server: rpc.add_ContractServiceServicer_to_server(servicer, server),
            services=SERVICES,
            listen="127.0.0.1:0",
        ) as bound,
        channel(bound) as connected,
    ):
        yield rpc.ContractServiceStub(connected)


@pytest.fixture
async def contract() -> AsyncIterator[Contract]:
    """A contract with no defaults of its own."""
    if address := os.environ.get("CONTRACT_ADDRESS"):
        async with channel(address) as connected:
            yield rpc.ContractServiceStub(connected)
        return
    async with served(Deployment()) as stub:
        yield stub


async def schema(contract: Contract) -> dict[str, Any]:
    """The schema that a contract answers."""
    made: dict[str, Any] = json.loads(
        (await contract.GetTaskSchema(pb.GetTaskSchemaRequest())).schema_json
    )
    return made


async def codes(contract: Contract, payload: dict[str, Any]) -> set[str]:
    """The codes of all violations of a payload."""
    struct = json_format.ParseDict(payload, struct_pb2.Struct())
    response = await contract.ValidateTask(
        pb.ValidateTaskRequest(payload=struct, report_violations=True)
    )
    return {violation.reason for violation in response.violations}


def changed(task: dict[str, Any]) -> dict[str, Any]:
    """A valid payload with these fields of the task."""
    return {**VALID, "task": {**VALID["task"], **task}}


async def test_every_payload_that_the_schema_refuses_is_refused_by_validate_task_too(
    contract: Contract,
) -> None:
    validator = Draft202012Validator(await schema(contract))
    tried = [VALID, *map(changed, (CHANGES | FINE).values())]

    refused = [payload for payload in tried if not validator.is_valid(payload)]

    assert len(refused) == len(CHANGES)
    assert all([await codes(contract, payload) for payload in refused])


@pytest.mark.parametrize("code", CHANGES)
async def test_what_validate_task_refuses_and_a_schema_can_say_the_schema_refuses_too(
    contract: Contract, code: str
) -> None:
    payload = changed(CHANGES[code])

    assert await codes(contract, payload) == {code}
    assert not Draft202012Validator(await schema(contract)).is_valid(payload)


@pytest.mark.parametrize(
    "task",
    [
        {"git": {"newBranch": "a"}, "publish": {"prBaseBranch": "a"}},
        {"instructions": "é" * 131_073},
        {"later": ["x" * 300_000] * 4},
    ],
    ids=["two fields", "bytes", "sizes together"],
)
async def test_it_cannot_say_what_looks_at_two_fields_counts_bytes_or_adds_up_sizes(
    contract: Contract, task: dict[str, Any]
) -> None:
    payload = changed(task)

    assert await codes(contract, payload)
    assert Draft202012Validator(await schema(contract)).is_valid(payload)


def without_defaults(schema_part: Any) -> Any:
    """The schema but for default values, and for what is required where there is none."""
    if isinstance(schema_part, list):
        return [without_defaults(item) for item in schema_part]
    if isinstance(schema_part, dict):
        return {
            name: without_defaults(item)
            for name, item in schema_part.items()
            if name != "default" or isinstance(item, dict)
        }
    return schema_part


async def test_it_differs_between_deployments_only_in_their_defaults(contract: Contract) -> None:
    other = Deployment(default_repository="team/default", default_runtime="claude")
    async with served(other) as elsewhere:
        here, there = await schema(contract), await schema(elsewhere)

    properties = there["properties"]
    assert properties["repository"]["default"] == "team/default"
    assert properties["targetRuntime"]["default"] == "claude"
    assert without_defaults({**here, "anyOf": []}) == without_defaults({**there, "anyOf": []})


async def test_it_differs_between_deployments_in_whether_they_run_containers(
    contract: Contract,
) -> None:
    payload = changed({"container": {"enabled": True, "image": "debian:12", "command": ["true"]}})
    async with served(Deployment(containers=True)) as elsewhere:
        here, there = await schema(contract), await schema(elsewhere)

    assert not Draft202012Validator(here).is_valid(payload)
    assert Draft202012Validator(there).is_valid(payload)


async def test_the_schema_is_json_schema_with_descriptions_examples_and_defaults(
    contract: Contract,
) -> None:
    made = await schema(contract)

    Draft202012Validator.check_schema(made)
    title = made["properties"]["task"]["properties"]["publish"]["properties"]["prTitle"]
    mode = made["properties"]["task"]["properties"]["publish"]["properties"]["mode"]
    assert made["title"]
    assert title["description"]
    assert title["examples"]
    assert mode["default"] == "pr"
