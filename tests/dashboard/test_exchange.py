"""Files into the form, and the form into files and commands."""

from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from starlette.routing import BaseRoute

from pawl.client import ContractClient, OrchestratorClient
from services.dashboard.exchange import Exchange
from tests.dashboard.serving import asking
from tests.pawl.cli.scripted_contract import ScriptedContract
from tests.support.scripted_orchestrator import ScriptedOrchestrator


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    def exchange(_jobs: OrchestratorClient, _plans: ContractClient) -> Sequence[BaseRoute]:
        return Exchange(target="pawl.example:50052").routes()

    async with asking(exchange, ScriptedOrchestrator(), ScriptedContract()) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "repository: o/r\n"),
        ("a.json", '{"repository": "o/r"}'),
        ("-", "repository: o/r"),
    ],
)
async def test_a_file_becomes_a_payload(browser: httpx.AsyncClient, name: str, text: str) -> None:
    answer = await browser.post("/api/tasks/read", json={"name": name, "text": text})

    assert answer.json() == {"payload": {"repository": "o/r"}}


async def test_a_file_that_cannot_be_read_is_told_with_line_and_column(
    browser: httpx.AsyncClient,
) -> None:
    file = {"name": "a.yaml", "text": "repository: o/r\ntask: [\n"}

    answer = await browser.post("/api/tasks/read", json=file)

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("a.yaml is not valid YAML:")
    assert "line 3, column 1" in answer.json()["message"]


@pytest.mark.parametrize(
    ("form", "begin"),
    [
        ("yaml", "repository: o/r\n"),
        ("json", "{\n"),
        ("pawl", "pawl submit - --target pawl.example:50052 --request-id r <<"),
        ("grpcurl", "grpcurl -plaintext -d @ pawl.example:50052 pawl.v1.Orch"),
    ],
)
async def test_a_payload_becomes_text(browser: httpx.AsyncClient, form: str, begin: str) -> None:
    body = {"as": form, "payload": {"repository": "o/r"}, "requestId": "r"}

    answer = await browser.post("/api/tasks/write", json=body)

    assert answer.json()["text"].startswith(begin)


async def test_a_form_that_there_is_not_is_refused(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/api/tasks/write", json={"as": "toml", "payload": {}})

    assert answer.status_code == 400
    assert answer.json()["message"] == "as has to be one of yaml, json, pawl, grpcurl."
