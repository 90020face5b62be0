"""Artifacts in a browser: whole as files to save, in parts for pages to show."""

from collections.abc import Sequence

import httpx
import pytest
from starlette.routing import BaseRoute

from pawl.client import OrchestratorClient
from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import DataLoss
from services.dashboard import job_files
from services.dashboard.job_files import JobFiles
from services.dashboard.streams import Streams
from tests.dashboard.serving import serving
from tests.support.scripted_orchestrator import JOB_ID, Line, ScriptedOrchestrator

PATH = "logs/steps/step-0000.log"
SAVED = f"/tasks/queue/{JOB_ID}/artifacts/{PATH}"
PART = f"/api/jobs/{JOB_ID}/part"


def routes(orchestrator: OrchestratorClient, _streams: Streams) -> Sequence[BaseRoute]:
    return JobFiles(orchestrator).routes()


def holding(size: int, *lines: Line) -> ScriptedOrchestrator:
    listed = [job_pb2.Artifact(path=PATH, size_bytes=size, content_type="text/html")]
    answers: dict[str, Line] = {"ListArtifacts": pb.ListArtifactsResponse(artifacts=listed)}
    return ScriptedOrchestrator(answers=answers, reads=[list(lines)])


def piece(offset: int, data: bytes) -> pb.ReadArtifactResponse:
    return pb.ReadArtifactResponse(offset=offset, data=data)


async def test_an_artifact_is_saved_and_never_shown() -> None:
    """Whatever an agent wrote, and whatever type it claims, no browser runs it."""
    page = b"<script>alert(1)</script>"
    async with serving(holding(len(page), piece(0, page)), routes) as served:
        answer = await served.http.get(SAVED)

    assert answer.content == page
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_name_of_a_file_cannot_reach_into_the_headers() -> None:
    orchestrator = holding(1, piece(0, b"x"))
    orchestrator.answers["ListArtifacts"] = pb.ListArtifactsResponse(
        artifacts=[job_pb2.Artifact(path='a"; filename="b', size_bytes=1)]
    )
    async with serving(orchestrator, routes) as served:
        answer = await served.http.get(f"/tasks/queue/{JOB_ID}/artifacts/a%22; filename=%22b")

    assert answer.status_code == 200
    disposition = answer.headers["content-disposition"]
    assert disposition == f'attachment; filename="{JOB_ID[-8:]}-a---filename--b"'


async def test_an_artifact_that_breaks_on_the_way_is_not_taken_for_whole() -> None:
    lost = DataLoss("ARTIFACT_CORRUPT", "it does not match its digest")
    async with serving(holding(9, piece(0, b"abc"), lost), routes) as served:
        with pytest.raises(httpx.RemoteProtocolError):
            await served.http.get(SAVED)


async def test_what_cannot_be_read_at_all_says_so_first() -> None:
    lost = DataLoss("ARTIFACT_CORRUPT", "it does not match its digest")
    async with serving(holding(9, lost), routes) as served:
        answer = await served.http.get(SAVED)

    assert answer.status_code == 502
    assert "does not match" in answer.text


@pytest.mark.parametrize(("offset", "begins"), [("2", 2), ("-4", 6), ("-99", 0)])
async def test_a_part_begins_where_it_is_asked_to(offset: str, begins: int) -> None:
    orchestrator = holding(10, piece(begins, b"rest"))
    async with serving(orchestrator, routes) as served:
        answer = await served.http.get(PART, params={"path": PATH, "offset": offset})

    assert answer.content == b"rest"
    assert (answer.headers["x-pawl-offset"], answer.headers["x-pawl-size"]) == (str(begins), "10")
    assert orchestrator.asked[-1].offset == begins


async def test_a_part_is_bounded_however_large_the_artifact_is() -> None:
    size, step = 2 * job_files.LARGEST_PART, 50_000
    pieces = [piece(at, b"x" * min(step, size - at)) for at in range(0, size, step)]
    async with serving(holding(size, *pieces), routes) as served:
        answer = await served.http.get(PART, params={"path": PATH})

    assert len(answer.content) == job_files.LARGEST_PART


async def test_a_part_behind_the_end_is_empty() -> None:
    async with serving(holding(3), routes) as served:
        answer = await served.http.get(PART, params={"path": PATH, "offset": "3"})

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("params", "status"),
    [({"path": "nothing"}, 404), ({"path": PATH, "offset": "1e9"}, 400), ({}, 404)],
)
async def test_a_part_of_nothing_is_refused(params: dict[str, str], status: int) -> None:
    async with serving(holding(3), routes) as served:
        answer = await served.http.get(PART, params=params)

    assert answer.status_code == status
