"""What `pawl submit` sends and prints."""

import json
from pathlib import Path

import pytest

from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import task_pb2
from pawl.wire.errors import FailedPrecondition, InvalidArgument, Violation
from tests.pawl.cli.conftest import HOSTILE, Pawl
from tests.support.scripted_orchestrator import JOB_ID, ScriptedOrchestrator, event, job


@pytest.fixture
def payload(tmp_path: Path) -> str:
    file = tmp_path / "task.yaml"
    file.write_text("repository: o/r\ntask:\n  instructions: Tidy up.\n")
    return str(file)


async def test_submit_prints_the_job_id_alone(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, payload: str
) -> None:
    warning = task_pb2.Warning(reason="CAPABILITY_MISSING", description="Nobody offers gh.")
    answer = pb.SubmitTaskResponse(job=job("QUEUED"), warnings=[warning])
    orchestrator.answers["SubmitTask"] = answer
    said = await pawl("submit", payload)
    assert (said.code, said.out) == (0, f"{JOB_ID}\n")
    assert said.err == "pawl: warning: Nobody offers gh. (CAPABILITY_MISSING)\n"


async def test_submit_sends_what_its_options_say(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, payload: str
) -> None:
    orchestrator.answers["SubmitTask"] = pb.SubmitTaskResponse(job=job("QUEUED"))
    options = "--request-id r1 --priority -3 --max-attempts 2 --expected-digest d --label a=b=c"
    said = await pawl("submit", *options.split(), "--label", "x=", payload, "--token", "t")
    (request,) = orchestrator.asked
    assert said.code == 0
    assert (request.request_id, request.priority, request.max_attempts) == ("r1", -3, 2)
    assert (request.expected_digest, dict(request.labels)) == ("d", {"a": "b=c", "x": ""})
    assert request.payload["task"]["instructions"] == "Tidy up."
    assert orchestrator.metadata[0]["authorization"] == "Bearer t"


async def test_another_digest_than_expected_is_told_beside_it(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, payload: str
) -> None:
    orchestrator.answers["SubmitTask"] = FailedPrecondition(
        "DIGEST_MISMATCH", "another plan", metadata={"digest": "d" * 64}
    )
    said = await pawl("submit", payload, "--expected-digest", "e" * 64)
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[:3] == [
        "pawl: DIGEST_MISMATCH: another plan",
        f"pawl: expected: {'e' * 64}",
        f"pawl: would run: {'d' * 64}",
    ]
    assert f"`pawl validate {payload}`" in said.err


async def test_a_digest_that_got_lost_on_the_way_stores_nothing(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, payload: str
) -> None:
    said = await pawl("submit", payload, "--expected-digest", "")
    assert (said.code, said.out) == (2, "")
    assert "--expected-digest is empty" in said.err
    assert not orchestrator.asked


async def test_submit_as_json_is_one_document(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, payload: str
) -> None:
    orchestrator.answers["SubmitTask"] = pb.SubmitTaskResponse(job=job("QUEUED"), replayed=True)
    said = await pawl("submit", payload, "--json")
    document = json.loads(said.out)
    assert document["job"]["jobId"] == JOB_ID
    assert document["job"]["steps"][0]["stepIndex"] == 0
    assert document["replayed"] is True


async def test_submit_and_watch_keeps_progress_off_standard_output(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, payload: str
) -> None:
    orchestrator.answers |= {
        "SubmitTask": pb.SubmitTaskResponse(job=job("QUEUED")),
        "GetJob": pb.GetJobResponse(job=job("SUCCEEDED")),
    }
    orchestrator.streams = [[event(1, "job.submitted"), event(2, "job.succeeded")]]
    said = await pawl("submit", payload, "--watch")
    assert (said.code, said.out) == (0, f"{JOB_ID}\n")
    assert "job.succeeded" in said.err


async def test_every_violation_is_told_on_its_own_line(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, payload: str
) -> None:
    orchestrator.answers["SubmitTask"] = InvalidArgument(
        [
            Violation("task.instructions", "REQUIRED", "Say what is to be done."),
            Violation("task.steps[1]", "STEP_BLANK", f"It says {HOSTILE} nothing."),
        ],
        reason="TASK_INVALID",
        total=5,
    )
    said = await pawl("submit", payload)
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[1:] == [
        f"{payload}:3: task.instructions  REQUIRED  Say what is to be done.",
        f"{payload}:2: task.steps[1]  STEP_BLANK  It says red2J nothing.",
        "pawl: and 3 more: `pawl validate` shows them all",
    ]


async def test_a_field_of_the_request_has_no_line_in_the_file(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, tmp_path: Path
) -> None:
    file = tmp_path / "task.yaml"
    file.write_text("repository: o/r\npriority: 1\n")
    wrong = Violation("priority", "RANGE", "Choose a lower one.")
    orchestrator.answers["SubmitTask"] = InvalidArgument([wrong])
    said = await pawl("submit", str(file), "--priority", "9999")
    assert said.err.splitlines()[1] == "priority  RANGE  Choose a lower one."


@pytest.mark.parametrize("label", ["x", "=x"])
async def test_a_label_without_a_key_is_refused(pawl: Pawl, payload: str, label: str) -> None:
    said = await pawl("submit", payload, "--label", label)
    assert (said.code, said.out) == (2, "")
    assert "is not KEY=VALUE" in said.err
