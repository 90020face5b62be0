"""The page of one job and its stream, over HTTP, with a scripted orchestrator behind them."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.routing import BaseRoute

from pawl.client import OrchestratorClient
from pawl.v1 import job_pb2, task_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import NotFound
from services.dashboard.job_page import JobPage
from services.dashboard.streams import Streams
from tests.dashboard.serving import Served, serving
from tests.support.scripted_orchestrator import (
    JOB_ID,
    Line,
    ScriptedOrchestrator,
    Silence,
    activity,
    event,
    job,
    output,
)

PAGE = f"/tasks/queue/{JOB_ID}"
STREAM = f"/api/jobs/{JOB_ID}/stream"


def routes(orchestrator: OrchestratorClient, streams: Streams) -> Sequence[BaseRoute]:
    return JobPage(orchestrator, streams).routes()


def knowing(shown: job_pb2.Job, *streams: Sequence[Line], **standing: Any) -> ScriptedOrchestrator:
    answers: dict[str, Line] = {
        "GetJob": pb.GetJobResponse(job=shown),
        "ExplainJob": pb.ExplainJobResponse(job_id=JOB_ID, state=shown.state, **standing),
        "ListArtifacts": pb.ListArtifactsResponse(
            artifacts=[job_pb2.Artifact(path="logs/prepare.log", size_bytes=5, sha256="ab" * 32)]
        ),
    }
    return ScriptedOrchestrator(answers=answers, streams=[list(stream) for stream in streams])


@asynccontextmanager
async def frames_of(served: Served, **headers: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Frames as a browser reads them."""
    async with served.http.stream("GET", STREAM, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _frames(answer.aiter_lines())


async def _frames(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    frame: dict[str, Any] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line:
            frame[name] = json.loads(value) if name == "data" else value
        elif frame:
            yield frame
            frame = {}


async def first_number(frames: AsyncIterator[dict[str, Any]]) -> str:
    """That of the first event; pieces of the page may come before it."""
    async for frame in frames:
        if "id" in frame:
            return str(frame["id"])
    raise AssertionError("the stream ended")


async def test_the_page_shows_the_job_its_steps_and_artifacts() -> None:
    orchestrator = knowing(job("RUNNING", repository="acme/site"), summary="It runs step 0.")
    async with serving(orchestrator, routes) as served:
        answer = await served.http.get(PAGE)

    assert answer.status_code == 200
    for told in ("acme/site", "It runs step 0.", "first", "second", "logs/prepare.log", "Cancel"):
        assert told in answer.text


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\u202eevil", '"><img src=x>'])
async def test_text_of_others_is_never_markup_and_turns_nothing(text: str) -> None:
    failure = job_pb2.Failure(reason="AGENT_EXIT", message=text, remedy=text)
    shown = job("FAILED", repository=text, failure=failure, working_branch=text)
    async with serving(knowing(shown, summary=text), routes) as served:
        answer = await served.http.get(PAGE)

    assert answer.status_code == 200
    assert text not in answer.text


async def test_a_job_that_there_is_not_is_a_page_that_says_so() -> None:
    orchestrator = ScriptedOrchestrator(answers={"GetJob": NotFound("JOB_NOT_FOUND", "no such")})
    async with serving(orchestrator, routes) as served:
        answer = await served.http.get(PAGE)

    assert answer.status_code == 404
    assert "no such" in answer.text


async def test_a_viewer_gets_the_past_then_what_is_live_then_the_end() -> None:
    past = [event(1, "job.submitted"), event(2)]
    live = [activity(0), output(0, b"a line\n"), event(3, "job.succeeded")]
    shown = job("RUNNING", last_sequence=2)
    orchestrator = knowing(shown, past, live)
    async with serving(orchestrator, routes) as served, frames_of(served) as frames:
        seen = [frame async for frame in frames]

    kinds = [frame["event"] for frame in seen if frame["event"] not in {"piece", "away"}]
    assert kinds == ["happened", "happened", "current", "activity", "output", "happened", "end"]
    assert [frame["id"] for frame in seen if frame["event"] == "happened"] == ["1", "2", "3"]


async def test_a_viewer_that_comes_back_goes_on_behind_what_it_names() -> None:
    past = [event(1, "job.submitted"), event(2), event(3, "job.succeeded")]
    orchestrator = knowing(job("SUCCEEDED", last_sequence=3), past, [])
    behind = {"Last-Event-ID": "2"}
    async with serving(orchestrator, routes) as served, frames_of(served, **behind) as frames:
        seen = [frame["id"] async for frame in frames if "id" in frame]

    assert seen == ["3"]


async def test_many_viewers_of_a_job_are_one_watch_of_it() -> None:
    orchestrator = knowing(job("RUNNING", last_sequence=1), [event(1, "job.submitted")], [Silence])
    async with (
        serving(orchestrator, routes) as served,
        frames_of(served) as one,
        frames_of(served) as other,
    ):
        seen = [await first_number(frames) for frames in (one, other)]
        await orchestrator.silent.wait()

    asked = [request for request in orchestrator.asked if isinstance(request, pb.WatchJobRequest)]
    assert seen == ["1", "1"]
    assert [(watch.after_sequence, watch.include_output) for watch in asked] == [
        (0, False),
        (1, True),
    ]


async def test_a_stream_of_no_job_says_why_it_ends() -> None:
    orchestrator = ScriptedOrchestrator(answers={"GetJob": NotFound("JOB_NOT_FOUND", "no such")})
    async with serving(orchestrator, routes) as served, frames_of(served) as frames:
        told = [f["data"]["reason"] async for f in frames if f["event"] == "trouble"]

    assert told == ["JOB_NOT_FOUND"]


async def test_a_stream_from_no_number_is_refused() -> None:
    async with serving(knowing(job()), routes) as served:
        answer = await served.http.get(STREAM, params={"after": "x"})

    assert answer.status_code == 400
    assert "after" in answer.text


async def test_the_prompt_of_a_step_is_told_to_the_letter() -> None:
    planned = task_pb2.PlannedStep(step_index=1, prompt="Do <this>\n", skill={"id": "auto"})
    shown = job("RUNNING", plan=task_pb2.Plan(steps=[task_pb2.PlannedStep(), planned]))
    async with serving(knowing(shown), routes) as served:
        answer = await served.http.get(f"/api/jobs/{JOB_ID}/prompts/1")

    assert answer.json() == {"prompt": "Do <this>\n", "skill": {"id": "auto", "args": {}}}


@pytest.mark.parametrize(
    ("queued", "told"),
    [
        ({"max_attempts": 3}, {}),
        (
            {"priority": -7, "max_attempts": 9, "labels": {"team": "a"}},
            {"priority": -7, "maxAttempts": 9, "labels": {"team": "a"}},
        ),
    ],
    ids=["as most are", "otherwise"],
)
async def test_a_job_is_run_again_queued_as_it_was(
    queued: dict[str, Any], told: dict[str, Any]
) -> None:
    known = ScriptedOrchestrator(answers={"GetJob": pb.GetJobResponse(job=job(**queued))})
    async with serving(known, routes) as served:
        answer = await served.http.get(f"/api/jobs/{JOB_ID}/task")

    assert answer.json() == {"payload": {}, "queueing": told}


async def test_a_step_that_the_job_has_not_has_no_prompt() -> None:
    async with serving(knowing(job()), routes) as served:
        answer = await served.http.get(f"/api/jobs/{JOB_ID}/prompts/9")

    assert answer.status_code == 404
