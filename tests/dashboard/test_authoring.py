"""What the page of a new task gets for its questions."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import httpx
import pytest
from starlette.routing import BaseRoute
from typing_extensions import override

from pawl.client import ContractClient, OrchestratorClient
from pawl.v1 import contract_pb2, job_pb2, task_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import FailedPrecondition, InvalidArgument, Violation
from services.contract.schema import schema
from services.contract.values import Deployment
from services.dashboard.authoring import Authoring
from services.dashboard.hints import hints_of
from tests.dashboard.serving import asking
from tests.pawl.cli.scripted_contract import DIGEST, ScriptedContract, some_plan
from tests.support.scripted_orchestrator import JOB_ID, ScriptedOrchestrator

PAYLOAD = {"repository": "o/r", "task": {"instructions": "Tidy up."}}


def routes(orchestrator: OrchestratorClient, contract: ContractClient) -> Sequence[BaseRoute]:
    return Authoring(orchestrator, contract).routes()


@pytest.fixture
def contract() -> ScriptedContract:
    return ScriptedContract()


@pytest.fixture
def orchestrator() -> ScriptedOrchestrator:
    stored = pb.SubmitTaskResponse(job=job_pb2.Job(job_id=JOB_ID))
    return ScriptedOrchestrator(answers={"SubmitTask": stored})


@pytest.fixture
async def browser(
    orchestrator: ScriptedOrchestrator, contract: ScriptedContract
) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(routes, orchestrator, contract) as client:
        yield client


async def test_the_form_tells_the_deployments_defaults(
    browser: httpx.AsyncClient, contract: ScriptedContract
) -> None:
    """They come from the schema, so that the form and the contract cannot disagree."""
    contract.schema_json = '{"properties": {"targetRuntime": {"default": "gemini"}}}'

    page = await browser.get("/tasks/queue/new", headers={"accept": "text/html"})

    assert "default: gemini" in page.text


def test_what_is_empty_by_default_is_shown_as_an_empty_field() -> None:
    fields = {"args": {"default": {}}, "words": {"default": []}, "calls": {"default": 0}}
    fields["keys"] = {"default": {}, "examples": [{"a": 1}]}

    told = {
        path: hint.placeholder
        for path, hint in hints_of(json.dumps({"properties": fields})).items()
    }

    assert told == {"args": "", "words": "", "calls": "0", "keys": 'such as {"a": 1}'}


async def test_the_form_is_there_although_the_contract_is_away(
    orchestrator: ScriptedOrchestrator,
) -> None:
    """What is written is kept until it can be judged."""
    async with asking(routes, orchestrator, AbsentContract()) as browser:
        page = await browser.get("/tasks/queue/new", headers={"accept": "text/html"})

    assert page.status_code == 200
    assert "The contract does not answer" in page.text


class AbsentContract(ScriptedContract):
    """Answers as if nobody were there."""

    @override
    async def GetTaskSchema(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "nobody")


async def test_every_violation_is_told_with_its_place(
    browser: httpx.AsyncClient, contract: ScriptedContract
) -> None:
    wrong = task_pb2.FieldViolation(
        field="task.steps[1]", reason="STEP_BLANK", description="Empty \u202e step."
    )
    contract.answer = contract_pb2.ValidateTaskResponse(violations=[wrong])

    answer = await browser.post("/api/tasks/validate", json={"payload": PAYLOAD})

    told = {"field": "task.steps[1]", "reason": "STEP_BLANK"}
    assert answer.json() == {
        "violations": [{**told, "description": "Empty \u27e6U+202E\u27e7 step."}],
        "warnings": [],
    }


async def test_a_plan_is_shown_with_prompts_reasons_and_digest(
    browser: httpx.AsyncClient, contract: ScriptedContract
) -> None:
    """What a task says is text in it, whatever it looks like."""
    contract.answer = contract_pb2.ValidateTaskResponse(plan=some_plan("<img src=x>\n| \u202e"))

    answer = (await browser.post("/api/tasks/validate", json={"payload": PAYLOAD})).json()

    assert answer["digest"] == DIGEST
    assert DIGEST in answer["preview"]
    assert "task.publish.mode is pr (default)" in answer["preview"]
    assert "&lt;img src=x&gt;\n| \u27e6U+202E\u27e7" in answer["preview"]
    assert "<img" not in answer["preview"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "the body has to be a JSON object"),
        (b'{"payload":' + b"[" * 50_000, "the body has to be a JSON object"),
        (b'{"payload": []}', "the task holds no mapping"),
        (b'{"payload": {"a": NaN}}', "the task: a is not a finite number"),
        (b'{"payload": {"a": "\\ud800"}}', "the task: a holds half of a surrogate pair"),
        (b'{"payload": {"a":' + b'{"a":' * 80 + b"1" + b"}" * 82, "nested deeper than 64 levels"),
    ],
    ids=["a list", "deep", "no object", "no number", "half a character", "nested"],
)
async def test_what_cannot_travel_is_refused_with_its_place(
    browser: httpx.AsyncClient, contract: ScriptedContract, body: bytes, message: str
) -> None:
    answer = await browser.post("/api/tasks/validate", content=body)

    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert contract.asked == []


async def test_a_submit_carries_the_pages_request_id_and_the_digest_that_was_seen(
    browser: httpx.AsyncClient, orchestrator: ScriptedOrchestrator
) -> None:
    body = {"payload": PAYLOAD, "requestId": "r-1", "expectedDigest": DIGEST}

    answer = await browser.post("/api/tasks", json=body)

    assert answer.json() == {"jobId": JOB_ID, "replayed": False, "warnings": []}
    [asked] = orchestrator.asked
    assert (asked.request_id, asked.expected_digest) == ("r-1", DIGEST)
    assert asked.payload["task"]["instructions"] == "Tidy up."


async def test_a_submit_says_how_the_job_is_queued(
    browser: httpx.AsyncClient, orchestrator: ScriptedOrchestrator
) -> None:
    queued = {"priority": -3, "maxAttempts": 5, "labels": {"team": "payments"}}

    await browser.post("/api/tasks", json={"payload": PAYLOAD, "requestId": "r", **queued})

    [asked] = orchestrator.asked
    assert (asked.priority, asked.max_attempts) == (-3, 5)
    assert dict(asked.labels) == {"team": "payments"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("priority", "high"),
        ("priority", 1.5),
        ("priority", True),
        ("priority", None),
        ("maxAttempts", 2**31),
        ("labels", ["team"]),
        ("labels", {"team": 1}),
        ("labels", {"team": "\ud800"}),
        ("requestId", "\ud800"),
        ("expectedDigest", "\udfff"),
    ],
)
async def test_what_cannot_travel_beside_a_task_is_refused_at_its_field(
    browser: httpx.AsyncClient, orchestrator: ScriptedOrchestrator, name: str, value: Any
) -> None:
    body = json.dumps({"payload": PAYLOAD, "requestId": "r", name: value})

    answer = await browser.post("/api/tasks", content=body)

    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["violations"]] == [name]
    assert orchestrator.asked == []


async def test_a_submit_without_a_request_id_is_refused(
    browser: httpx.AsyncClient, orchestrator: ScriptedOrchestrator
) -> None:
    """One made up here would let a lost answer become a second job."""
    answer = await browser.post("/api/tasks", json={"payload": PAYLOAD, "requestId": " "})

    assert answer.status_code == 400
    assert "requestId" in answer.json()["message"]
    assert orchestrator.asked == []


async def test_a_refused_submit_tells_every_field(
    browser: httpx.AsyncClient, orchestrator: ScriptedOrchestrator
) -> None:
    violation = Violation("repository", "REPO_URL_DENIED", "Not this one.")
    orchestrator.answers["SubmitTask"] = InvalidArgument([violation], reason="TASK_INVALID")

    answer = await browser.post("/api/tasks", json={"payload": PAYLOAD, "requestId": "r"})

    assert answer.status_code == 400
    assert answer.json()["violations"] == [
        {"field": "repository", "reason": "REPO_URL_DENIED", "description": "Not this one."}
    ]


async def test_another_plan_than_the_one_seen_is_told_as_such(
    browser: httpx.AsyncClient, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answers["SubmitTask"] = FailedPrecondition("DIGEST_MISMATCH", "another plan")

    answer = await browser.post("/api/tasks", json={"payload": PAYLOAD, "requestId": "r"})

    assert (answer.status_code, answer.json()["reason"]) == (409, "DIGEST_MISMATCH")


ALIASES = {"repo", "target_runtime", "task.runtime.mode", "task.publish.baseBranch"}
"""Other names of fields that the form has once."""


async def test_the_form_has_every_field_that_a_task_may_have(
    browser: httpx.AsyncClient, contract: ScriptedContract
) -> None:
    """And tells of each what the contract says of it."""
    contract.schema_json = schema(Deployment())

    page = (await browser.get("/tasks/queue/new", headers={"accept": "text/html"})).text

    form, _, step = page.partition('<template id="step">')
    known = dict(hints_of(contract.schema_json))
    below = {path.removeprefix("task.steps[].") for path in known if "steps[]" in path}
    whole = {path for path in known if "[]" not in path} - ALIASES - {"task.steps"}
    for paths, part in ((whole, form), (below, step)):
        fields = set(re.findall('data-path="([^"]+)"', part))
        assert _without_parts(paths) <= fields
    assert "required when enabled. No shell reads it." in form


def _without_parts(paths: set[str]) -> set[str]:
    return {path for path in paths if not any(one.startswith(f"{path}.") for one in paths)}
