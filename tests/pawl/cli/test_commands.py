"""What the commands print, and the exit codes they end with."""

import hashlib
import json
from pathlib import Path

import pytest

from pawl.v1 import job_pb2, task_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Refusal,
    Unavailable,
    Violation,
)
from tests.pawl.cli.conftest import Pawl
from tests.support.scripted_orchestrator import JOB_ID, ScriptedOrchestrator, event, job

HOSTILE = "\x1b[31mred\x1b]0;title\x07\u202e\x9b2J"


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


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (NotFound("JOB_NOT_FOUND", "no job has this id"), 2),
        (FailedPrecondition("TOO_LATE", "it is being published"), 2),
        (Unavailable("LEAVING", "ask again"), 4),
        (DeadlineExceeded("DEADLINE_EXCEEDED", "no answer in time"), 4),
    ],
)
async def test_a_refusal_has_the_exit_code_of_its_kind(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, refusal: Refusal, code: int
) -> None:
    orchestrator.answers["CancelJob"] = refusal
    said = await pawl("cancel", JOB_ID)
    assert (said.code, said.out) == (code, "")
    assert said.err == f"pawl: {refusal.reason}: {refusal.message}\n"


async def test_a_service_that_cannot_be_reached_is_exit_code_4(pawl: Pawl) -> None:
    said = await pawl("jobs", "--target", "127.0.0.1:1")
    assert said.code == 4
    assert "nobody answers at 127.0.0.1:1" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("jobs", "--no-such-option"),
        ("show",),
        ("jobs", "--state", "asleep"),
        ("submit", "/no/such/file"),
        ("artifacts", JOB_ID, "x", "--json"),
        ("artifacts", JOB_ID, "--output", "x"),
        ("no-such-command",),
        ("jobs", "--target", ""),
        ("jobs", "--target", "unix:/run/x.sock"),
        ("up", "--runner-port", "70000"),
    ],
)
async def test_a_wrong_command_line_is_exit_code_2(pawl: Pawl, arguments: tuple[str, ...]) -> None:
    said = await pawl(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err


@pytest.mark.parametrize("label", ["x", "=x"])
async def test_a_label_without_a_key_is_refused(pawl: Pawl, payload: str, label: str) -> None:
    said = await pawl("submit", payload, "--label", label)
    assert (said.code, said.out) == (2, "")
    assert "is not KEY=VALUE" in said.err


async def test_jobs_sends_its_filters_and_tells_of_the_next_page(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    listed = job(repository="o/r", objective=f"Tidy {HOSTILE}.")
    page = pb.ListJobsResponse(jobs=[listed], next_page_token="next")
    orchestrator.answers["ListJobs"] = page
    filters = "--state running --state dead-letter --runtime codex --repository o/r --label a"
    more = "--skill speckit --publish none --page-size 5 --page-token p"
    said = await pawl("jobs", *filters.split(), *more.split(), "--text", "two words")
    (request,) = orchestrator.asked
    states = [job_pb2.JOB_STATE_RUNNING, job_pb2.JOB_STATE_DEAD_LETTER]
    assert list(request.states) == states
    assert (request.runtime, request.repository, request.label) == ("codex", "o/r", "a")
    assert (request.skill, request.publish_mode, request.text) == ("speckit", "none", "two words")
    assert (request.page_size, request.page_token) == (5, "p")
    assert said.out.endswith("\tTidy red2J.\n")
    assert said.out.split("\t")[:4] == [JOB_ID, "running", "", "0/2"]
    assert "the same with --page-token next" in said.err


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ((), "there are no jobs yet"),
        (("--text", "x"), "no job is like that"),
        (("--state", "failed"), "no job is like that"),
    ],
)
async def test_no_jobs_are_told_beside_the_answer(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, filters: tuple[str, ...], told: str
) -> None:
    """It printed nothing at all, as if it had not worked."""
    orchestrator.answers["ListJobs"] = pb.ListJobsResponse()
    said = await pawl("jobs", *filters)
    assert (said.code, said.out, said.err) == (0, "", f"pawl: {told}\n")


async def test_retry_reads_no_plan(pawl: Pawl, orchestrator: ScriptedOrchestrator) -> None:
    """It may be of megabytes, and all that is wanted is where the events were."""
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job("FAILED", last_sequence=4))
    orchestrator.answers["RetryJob"] = pb.RetryJobResponse(job=job("QUEUED", attempt=2))
    said = await pawl("retry", JOB_ID)
    reads = [one for one in orchestrator.asked if isinstance(one, pb.GetJobRequest)]
    assert said.err == f"pawl: attempt 2 is queued: pawl watch {JOB_ID} --after 4\n"
    assert [one.without_plan for one in reads] == [True] * len(reads)


async def test_show_tells_the_failure_with_its_remedy_and_obeys_no_escape(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    failure = job_pb2.Failure(
        reason="AGENT_EXIT", message=f"It left {HOSTILE}.", step_index=0, remedy="Read the log."
    )
    steps = [
        job_pb2.Step(
            step_index=0, id="first", summary=f"a\nb\t{HOSTILE}", cli_version="codex-cli 1.2"
        )
    ]
    found = job("FAILED", failure=failure, steps=steps)
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=found)
    said = await pawl("show", JOB_ID)
    assert said.code == 0
    assert "what to do     Read the log." in said.out
    assert "at             step 0" in said.out
    assert "a b red2J" in said.out
    assert "\tcodex-cli 1.2\t" in said.out
    assert not set("\x1b\x07\x9b\u202e") & set(said.out)


async def test_show_tells_of_pull_requests_that_repeat_the_jobs(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    found = job("SUCCEEDED", pull_request_url="https://f/7", duplicate_pull_requests=[8, 9])
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=found)
    said = await pawl("show", JOB_ID)
    assert "repeated by   #8, #9\n" in said.out


async def test_json_escapes_what_a_terminal_would_obey(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job(repository=HOSTILE))
    said = await pawl("show", JOB_ID, "--json")
    assert said.out.isascii()
    assert said.out.rstrip("\n").isprintable()
    assert json.loads(said.out)["repository"] == HOSTILE


async def test_cancel_prints_the_state(pawl: Pawl, orchestrator: ScriptedOrchestrator) -> None:
    orchestrator.answers["CancelJob"] = pb.CancelJobResponse(job=job("RUNNING"))
    said = await pawl("cancel", JOB_ID, "--reason", "enough")
    assert (said.code, said.out) == (0, "running\n")
    assert orchestrator.asked[0].reason == "enough"


@pytest.mark.parametrize(("state", "code"), [("CANCELLED", 0), ("SUCCEEDED", 1)])
async def test_cancel_can_wait_for_the_end(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, state: str, code: int
) -> None:
    orchestrator.answers |= {
        "CancelJob": pb.CancelJobResponse(job=job("RUNNING", last_sequence=7)),
        "GetJob": pb.GetJobResponse(job=job(state)),
    }
    orchestrator.streams = [[event(8, "job.cancelled")]]
    said = await pawl("cancel", JOB_ID, "--wait")
    assert (said.code, said.out) == (code, f"{state.lower()}\n")
    assert orchestrator.asked[1].after_sequence == 7


def artifact(data: bytes, path: str = "logs/x.log") -> pb.ListArtifactsResponse:
    digest = hashlib.sha256(data).hexdigest()
    one = job_pb2.Artifact(path=path, size_bytes=len(data), sha256=digest)
    return pb.ListArtifactsResponse(artifacts=[one])


async def test_artifacts_are_listed(pawl: Pawl, orchestrator: ScriptedOrchestrator) -> None:
    orchestrator.answers["ListArtifacts"] = artifact(b"abc")
    said = await pawl("artifacts", JOB_ID)
    assert said.out.split("\t")[:2] == ["logs/x.log", "3"]


async def test_an_artifact_goes_to_a_file_as_it_is(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, tmp_path: Path
) -> None:
    data = bytes(range(256))
    orchestrator.answers["ListArtifacts"] = artifact(data)
    orchestrator.reads = [[pb.ReadArtifactResponse(data=data)]]
    said = await pawl("artifacts", JOB_ID, "logs/x.log", "-o", str(tmp_path / "x"))
    assert (said.code, said.out) == (0, "")
    assert (tmp_path / "x").read_bytes() == data


async def test_an_artifact_with_another_digest_leaves_no_file(
    pawl: Pawl, orchestrator: ScriptedOrchestrator, tmp_path: Path
) -> None:
    orchestrator.answers["ListArtifacts"] = artifact(b"abc")
    orchestrator.reads = [[pb.ReadArtifactResponse(data=b"abd")]]
    said = await pawl("artifacts", JOB_ID, "logs/x.log", "-o", str(tmp_path / "x"))
    assert said.code == 2
    assert "does not have the digest" in said.err
    assert not list(tmp_path.iterdir())


async def test_runners_tell_why_a_runtime_is_not_available(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    card = job_pb2.RuntimeCard(name="gemini", reason="no such program; install it")
    runner = job_pb2.Runner(
        runner_id="r1", target="h:1", slots=2, free_slots=1, reachable=True, runtimes=[card]
    )
    orchestrator.answers["ListRunners"] = pb.ListRunnersResponse(runners=[runner])
    said = await pawl("runners")
    assert "r1\th:1\tserving\t1/2" in said.out
    assert "r1\tgemini\tnot available\tno such program; install it" in said.out


async def test_explain_begins_with_one_sentence_and_shows_every_runner(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answers["ExplainJob"] = pb.ExplainJobResponse(
        job_id=JOB_ID,
        state=job_pb2.JOB_STATE_QUEUED,
        reason=pb.STANDING_REASON_CAPABILITY_MISSING,
        summary=f"It waits: no runner offers {HOSTILE}.",
        holds=[pb.Hold(reason=pb.STANDING_REASON_CAPABILITY_MISSING, message="nobody offers gpu")],
        waiting=pb.Waiting(
            position=3,
            runners=[
                pb.RunnerLook(
                    target="127.0.0.1:1",
                    runner_id="r1",
                    obstacle=pb.RUNNER_OBSTACLE_CAPABILITY_MISSING,
                    missing_capabilities=["gpu"],
                    slots=2,
                    free_slots=1,
                    job_ids=["other"],
                )
            ],
            repository_limit=2,
            repository_running=1,
            repository_job_ids=["other"],
            max_jobs=64,
        ),
    )

    said = await pawl("explain", JOB_ID)

    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "It waits: no runner offers red2J.",
        "",
        f"job                {JOB_ID}",
        "state              queued",
        "reason             capability missing",
        "position           3",
        "its repository     1 run, 2 may: other",
        "this orchestrator  drives 0 jobs, 64 may be",
        "",
        "in the way",
        "capability missing\t\tnobody offers gpu",
        "",
        "runners",
        "r1\t127.0.0.1:1\tcapability missing\tgpu\t1/2\tother",
    ]


async def test_explain_tells_what_a_running_job_does(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    running = pb.Running(
        stage=task_pb2.STAGE_EXECUTE, step_index=0, attempt=2, runner_id="r1", owned_here=True
    )
    running.silent_for.FromSeconds(75)
    orchestrator.answers["ExplainJob"] = pb.ExplainJobResponse(
        job_id=JOB_ID,
        state=job_pb2.JOB_STATE_RUNNING,
        reason=pb.STANDING_REASON_SILENT,
        summary="It runs.",
        holds=[pb.Hold(reason=pb.STANDING_REASON_SILENT, message="it has an owner")],
        running=running,
    )

    said = await pawl("explain", JOB_ID)

    assert said.code == 0
    fields = dict(one.split("  ", 1) for one in said.out.splitlines() if "  " in one)
    shown = {name: value.strip() for name, value in fields.items()}
    assert shown["step"] == "0"
    assert shown["runner"] == "r1 (cannot be reached)"
    assert shown["silent for"] == "1 m 15 s"
    assert shown["owner"] == "this orchestrator"
    assert "in the way" not in said.out


async def test_explain_tells_what_ended_a_job(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    lost = job_pb2.JobEvent(sequence=7, attempt=1, message="Step 0 was lost.")
    orchestrator.answers["ExplainJob"] = pb.ExplainJobResponse(
        job_id=JOB_ID,
        state=job_pb2.JOB_STATE_DEAD_LETTER,
        reason=pb.STANDING_REASON_DEAD_LETTER,
        summary="It has been given up.",
        ended=pb.Ended(
            event=job_pb2.JobEvent(sequence=9, type="job.deadLettered"),
            failure=job_pb2.Failure(reason="RUNNER_LOST", remedy="Look."),
            losses=[lost],
        ),
    )

    said = await pawl("explain", JOB_ID)

    assert "decided by  event 9, job.deadLettered\n" in said.out
    assert said.out.endswith("\nlosses\n7\t\t1\tStep 0 was lost.\n")


async def test_explain_prints_one_document_where_asked_to(
    pawl: Pawl, orchestrator: ScriptedOrchestrator
) -> None:
    orchestrator.answers["ExplainJob"] = pb.ExplainJobResponse(
        job_id=JOB_ID, eligible=True, reason=pb.STANDING_REASON_ELIGIBLE
    )

    said = await pawl("explain", JOB_ID, "--json")

    document = json.loads(said.out)
    assert (said.code, document["eligible"]) == (0, True)
    assert document["reason"] == "STANDING_REASON_ELIGIBLE"


async def test_explain_of_no_job_is_refused(pawl: Pawl, orchestrator: ScriptedOrchestrator) -> None:
    orchestrator.answers["ExplainJob"] = NotFound("JOB_NOT_FOUND", "no job has this id")

    said = await pawl("explain", JOB_ID)

    assert (said.code, said.out) == (2, "")
