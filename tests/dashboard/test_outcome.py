"""What the page of a job says first, for each way that a job can stand."""

from typing import Any

import pytest

from pawl.client import Artifact, ExplainJobResponse
from pawl.v1 import job_pb2
from services.dashboard.look import Look
from services.dashboard.outcome import Outcome, outcome
from tests.support.scripted_orchestrator import job


def said(
    state: str, *artifacts: str, standing: ExplainJobResponse | None = None, **fields: Any
) -> Outcome:
    shown = job(state, **fields)
    return outcome(
        Look(
            job=shown,
            plan=shown.plan,
            standing=standing or ExplainJobResponse(summary="the summary"),
            artifacts=[Artifact(path=path) for path in artifacts],
        )
    )


def test_a_pull_request_is_a_link_with_its_host() -> None:
    told = said(
        "SUCCEEDED",
        outcome="JOB_OUTCOME_PULL_REQUEST",
        pull_request_url="https://github.com/acme/site/pull/7",
        duplicate_pull_requests=[9],
    )

    assert told.link is not None
    assert (told.look, told.link.host, told.duplicates) == ("good", "github.com", (9,))


def test_an_address_that_is_none_is_told_as_text_alone() -> None:
    told = said("SUCCEEDED", outcome="JOB_OUTCOME_PULL_REQUEST", pull_request_url="javascript:x")

    assert told.link is None
    assert told.address == "javascript:x"


def test_a_branch_is_told_with_its_commit() -> None:
    told = said(
        "SUCCEEDED",
        outcome="JOB_OUTCOME_BRANCH",
        working_branch="task/1",
        published_commit="c" * 40,
    )

    assert (told.title, told.branch, told.commit) == ("Branch pushed", "task/1", "c" * 40)


def test_nothing_to_publish_is_no_failure() -> None:
    told = said("SUCCEEDED", outcome="JOB_OUTCOME_NO_CHANGES")

    assert (told.look, told.title) == ("good", "Nothing to publish")


@pytest.mark.parametrize("artifacts", [("patches/changes.patch",), ()])
def test_without_publishing_the_patch_is_the_result_where_there_is_one(
    artifacts: tuple[str, ...],
) -> None:
    told = said("SUCCEEDED", *artifacts, outcome="JOB_OUTCOME_PUBLISH_DISABLED")

    assert told.patch == "".join(artifacts)


@pytest.mark.parametrize(
    ("state", "title"), [("FAILED", "Failed at step 1"), ("DEAD_LETTER", "Given up")]
)
def test_a_failure_is_told_with_its_reason_remedy_and_step(state: str, title: str) -> None:
    failure = job_pb2.Failure(
        reason="AGENT_EXIT", message="It exited.", remedy="Mend it.", step_index=1
    )

    told = said(state, failure=failure)

    assert (told.title, told.reason, told.text) == (title, "AGENT_EXIT", "It exited.")
    assert (told.remedy, told.step_index) == ("Mend it.", 1)


def test_a_job_that_waits_says_what_for() -> None:
    told = said("QUEUED")

    assert (told.title, told.text) == ("Waiting", "the summary")


@pytest.mark.parametrize(
    ("stage", "title"),
    [
        ("STAGE_PREPARE", "Preparing the workspace"),
        ("STAGE_EXECUTE", "Running step 1: second"),
        ("STAGE_PUBLISH", "Publishing"),
    ],
)
def test_a_job_that_runs_says_what_it_does(stage: str, title: str) -> None:
    steps = [
        job_pb2.Step(step_index=0, id="first", state="STEP_STATE_SUCCEEDED"),
        job_pb2.Step(step_index=1, id="second", state="STEP_STATE_RUNNING"),
    ]

    assert said("RUNNING", stage=stage, steps=steps).title == title


def test_a_job_that_is_asked_to_stop_says_what_that_waits_for() -> None:
    standing = ExplainJobResponse()
    standing.running.cancel_waits_for = "its processes"
    asked = job_pb2.CancelRequest(by="local")

    told = said("RUNNING", standing=standing, cancel_requested=asked)

    assert (told.title, told.text) == ("Stopping", "its processes")


def test_a_cancelled_job_tells_the_receipt() -> None:
    receipt: dict[str, Any] = {
        "beforeCount": 3,
        "afterCount": 0,
        "signalCount": 1,
        "signals": [{"signal": "SIGINT", "target": "group"}],
        "seconds": 1.5,
    }
    standing = ExplainJobResponse()
    standing.ended.event.payload.update({"receipt": receipt})
    asked = job_pb2.CancelRequest(by="local", reason="enough")

    told = said("CANCELLED", "receipts/cancel.json", standing=standing, cancel_requested=asked)

    assert told.receipt is not None
    assert told.receipt.sentence == "3 processes were there; none is left, 1 s later."
    assert told.receipt.signals == ("SIGINT to the group",)
    assert told.receipt.saved
    assert "enough" in told.text


def test_survivors_of_a_cancel_are_named() -> None:
    receipt: dict[str, Any] = {
        "beforeCount": 1,
        "afterCount": 1,
        "survivors": [{"name": "sh", "pid": 7}],
    }
    standing = ExplainJobResponse()
    standing.ended.event.payload.update({"receipt": receipt})

    told = said("CANCELLED", standing=standing)

    assert told.receipt is not None
    assert told.receipt.sentence.startswith("1 process was there; the last look found 1")
    assert told.receipt.survivors == ("sh (7)",)


def test_a_cancel_of_what_did_not_run_says_so() -> None:
    standing = ExplainJobResponse()
    standing.ended.event.payload.update({"receipt": {"signals": [], "beforeCount": 0}})

    told = said("CANCELLED", standing=standing)

    assert told.receipt is not None
    assert told.receipt.sentence == "No process of the job was running."
