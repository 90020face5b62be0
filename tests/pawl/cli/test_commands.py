"""What the commands print, and the exit codes they end with."""

import json

import pytest

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import DeadlineExceeded, FailedPrecondition, NotFound, Refusal, Unavailable
from tests.pawl.cli.conftest import HOSTILE, Pawl
from tests.support.scripted_orchestrator import JOB_ID, ScriptedOrchestrator, event, job


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
