"""What a person decides about a job, passed on."""

from collections.abc import Sequence

import pytest
from starlette.routing import BaseRoute

from pawl.client import OrchestratorClient
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import Aborted, FailedPrecondition, InvalidArgument, Violation
from services.dashboard.job_actions import JobActions
from services.dashboard.streams import Streams
from tests.dashboard.serving import serving
from tests.support.scripted_orchestrator import JOB_ID, ScriptedOrchestrator, job

JOB = f"/api/jobs/{JOB_ID}"


def routes(orchestrator: OrchestratorClient, streams: Streams) -> Sequence[BaseRoute]:
    return JobActions(orchestrator, streams).routes()


async def test_a_cancel_carries_its_reason() -> None:
    orchestrator = ScriptedOrchestrator(answers={"CancelJob": pb.CancelJobResponse(job=job())})
    async with serving(orchestrator, routes) as served:
        answer = await served.http.post(f"{JOB}/cancel", json={"reason": " enough "})

    assert answer.status_code == 200
    assert orchestrator.asked == [pb.CancelJobRequest(job_id=JOB_ID, reason="enough")]


async def test_a_cancel_that_comes_too_late_is_told_in_the_services_words() -> None:
    late = FailedPrecondition("TOO_LATE", "its result is being published")
    orchestrator = ScriptedOrchestrator(answers={"CancelJob": late})
    async with serving(orchestrator, routes) as served:
        answer = await served.http.post(
            f"{JOB}/cancel", json={}, headers={"Accept": "application/json"}
        )

    assert answer.status_code == 409
    assert answer.json() == {"reason": "TOO_LATE", "message": "its result is being published"}


async def test_a_retry_begins_where_it_is_told_to() -> None:
    ended = job("FAILED", attempt=2)
    orchestrator = ScriptedOrchestrator(
        answers={"GetJob": pb.GetJobResponse(job=ended), "RetryJob": pb.RetryJobResponse(job=ended)}
    )
    async with serving(orchestrator, routes) as served:
        await served.http.post(f"{JOB}/retry", json={"from": 1})

    wanted = pb.RetryJobRequest(job_id=JOB_ID, from_step_index=1, ended_attempt=2)
    assert orchestrator.asked[-1] == wanted


async def test_a_retry_is_of_the_attempt_that_was_seen() -> None:
    """Two who look at one failure should not start its step twice."""
    moved = Aborted("ATTEMPT_MOVED", "attempt 3 ended last")
    orchestrator = ScriptedOrchestrator(answers={"RetryJob": moved})
    async with serving(orchestrator, routes) as served:
        answer = await served.http.post(
            f"{JOB}/retry", json={"attempt": 2}, headers={"Accept": "application/json"}
        )

    assert orchestrator.asked[-1] == pb.RetryJobRequest(job_id=JOB_ID, ended_attempt=2)
    assert answer.json()["reason"] == "ATTEMPT_MOVED"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("cancel", '{"reason": 7}'),
        ("cancel", '{"reason": "\\ud800"}'),
        ("cancel", "[]"),
        ("retry", '{"from": -1}'),
        ("retry", '{"from": 2147483648}'),
        ("retry", '{"attempt": 1e3}'),
        ("retry", '{"attempt": true}'),
        ("retry", "{"),
    ],
)
async def test_what_is_no_decision_reaches_nobody(path: str, body: str) -> None:
    orchestrator = ScriptedOrchestrator()
    async with serving(orchestrator, routes) as served:
        answer = await served.http.post(f"{JOB}/{path}", content=body)

    assert answer.status_code == 400
    assert orchestrator.asked == []


async def test_a_reason_that_is_too_long_is_told_with_its_bound() -> None:
    async with serving(ScriptedOrchestrator(), routes) as served:
        answer = await served.http.post(
            f"{JOB}/cancel", json={"reason": "x" * 1_001}, headers={"Accept": "application/json"}
        )

    assert answer.json()["message"] == "reason may have at most 1000 characters; shorten it."


async def test_a_refused_field_is_told_with_what_is_wrong_with_it() -> None:
    """A dialog said which field was at fault, and not what to do about it."""
    wrong = Violation("from_step_index", "OUT_OF_RANGE", "choose 0 to 2")
    orchestrator = ScriptedOrchestrator(answers={"RetryJob": InvalidArgument([wrong])})
    async with serving(orchestrator, routes) as served:
        answer = await served.http.post(
            f"{JOB}/retry", json={"attempt": 1}, headers={"Accept": "application/json"}
        )

    assert answer.json()["message"] == "from_step_index: choose 0 to 2"


async def test_without_the_sessions_word_nothing_is_done() -> None:
    orchestrator = ScriptedOrchestrator()
    async with serving(orchestrator, routes) as served:
        answer = await served.http.post(f"{JOB}/cancel", json={}, headers={"X-Pawl-CSRF": "x"})

    assert answer.status_code == 403
    assert orchestrator.asked == []
