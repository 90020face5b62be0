"""A step that fails ends its job, and what was done before it is kept."""

from pathlib import Path
from typing import Any

import pytest

from tests.journeys import landed
from tests.support.stack import Stack, bare_repository, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(90)]


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})


def steps(second: str) -> tuple[str, str, str]:
    return (
        "do: write one.txt 1\\n\ndo: say One is there.",
        f"do: write half.txt half\\n\ndo: think So far so good.\n{second}",
        "do: write three.txt 3\\n",
    )


def assert_stopped_at_the_second_step(
    stack: Stack, remote: Path, job: dict[str, Any], folder: Path
) -> None:
    job_id, events = str(job["jobId"]), stack.events(str(job["jobId"]))
    types = [event["type"] for event in events]
    assert (job["state"], job["outcome"]) == ("JOB_STATE_FAILED", "JOB_OUTCOME_FAILED")
    assert job["failure"]["stepIndex"] == 1
    assert job["failure"]["message"]
    assert job["failure"]["remedy"]
    assert [step["state"].removeprefix("STEP_STATE_") for step in job["steps"]] == [
        "SUCCEEDED",
        "FAILED",
        "PENDING",
    ]

    # The third step and the publish stage never came.
    assert types[types.index("task.steps.plan") :] == [
        "task.steps.plan",
        "task.step.started",
        "task.step.finished",
        "task.step.started",
        "task.step.failed",
        "task.stage.failed",
        "job.failed",
    ]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    last = events[-1]["payload"]
    assert (last["reason"], last["stepIndex"]) == (job["failure"]["reason"], 1)
    assert landed.refs_of(remote).split()[0::2] == ["refs/heads/main"]
    assert not job["publishedCommit"]

    # What was done is there.
    paths = stack.artifacts(job_id).keys()
    assert {
        "logs/execute.log",
        "logs/steps/step-0000.log",
        "logs/steps/step-0000.jsonl",
        "logs/steps/step-0000.activity.jsonl",
        "logs/steps/step-0001.log",
        "patches/steps/step-0000.patch",
        "patches/steps/step-0001.partial.patch",
        "patches/changes.patch",
    } <= paths
    assert "logs/publish.log" not in paths
    assert not [path for path in paths if "step-0002" in path]
    assert b"One is there." in stack.artifact(job_id, "logs/steps/step-0000.log")
    whole, partial = (
        stack.artifact(job_id, f"patches/{name}.patch")
        for name in ("changes", "steps/step-0001.partial")
    )
    assert landed.names_in(whole) == {"one.txt"}
    assert landed.names_in(partial) == {"half.txt"}
    made = landed.patched_tree(remote, job["baseCommit"], [whole], folder / "clone")
    assert [made] == landed.checkpoints(events)


def test_an_exit_code_stops_the_job_at_its_step(
    scripted: Stack, remote: Path, tmp_path: Path
) -> None:
    job = scripted.wait(scripted.submit(task(remote, *steps("do: exit 7"))))

    assert job["failure"]["reason"] == "AGENT_EXIT"
    assert "7" in job["failure"]["message"]
    assert_stopped_at_the_second_step(scripted, remote, job, tmp_path)


def test_an_exit_code_fails_a_step_that_had_said_its_result(
    scripted: Stack, remote: Path, tmp_path: Path
) -> None:
    second = 'do: stdout {"type":"turn.completed","usage":{}}\ndo: exit 1'

    job = scripted.wait(scripted.submit(task(remote, *steps(second))))

    assert job["failure"]["reason"] == "AGENT_EXIT"
    assert_stopped_at_the_second_step(scripted, remote, job, tmp_path)


def test_exit_code_0_without_a_result_is_no_success(
    scripted: Stack, remote: Path, tmp_path: Path
) -> None:
    job = scripted.wait(scripted.submit(task(remote, *steps("do: exit 0"))))

    assert job["failure"]["reason"] == "AGENT_INCOMPLETE"
    assert_stopped_at_the_second_step(scripted, remote, job, tmp_path)


def test_a_real_agent_whose_key_is_refused_stops_the_job(
    real: Stack, remote: Path, tmp_path: Path
) -> None:
    payload = task(remote, *steps("do: fail 401"), runtime="claude")

    job = real.wait(real.submit(payload), seconds=80)

    assert job["failure"]["reason"] == "AGENT_AUTH"
    assert_stopped_at_the_second_step(real, remote, job, tmp_path)


def test_the_command_line_tells_where_and_why(scripted: Stack, remote: Path) -> None:
    job_id = scripted.submit(task(remote, *steps("do: exit 7")))

    watched = scripted.pawl("watch", job_id)
    shown = scripted.pawl("show", job_id)

    assert (watched.returncode, shown.returncode) == (1, 0)
    assert "task.step.failed" in watched.stdout
    for word in ("AGENT_EXIT", "logs/steps/step-0001.log"):
        assert word in shown.stdout
