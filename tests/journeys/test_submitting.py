"""What a submit takes in, what it refuses, and what the user is told."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import BIN, Stack, bare_repository, running_stack, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(60)]

SUBMIT = "pawl.v1.OrchestratorService/SubmitTask"
BAD = {
    ("task.instructions", "REQUIRED"),
    ("task.publish.mode", "UNKNOWN_PUBLISH_MODE"),
    ("task.steps[0].runtime", "STEP_OVERRIDE_FORBIDDEN"),
    ("task.steps[1]", "STEP_BLANK"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("submitting")


@pytest.fixture(scope="module")
def stack(home: Path) -> Iterator[Stack]:
    with running_stack(home, PAWL_CLAUDE_BINARY="no-such-claude") as running:
        yield running


@pytest.fixture(scope="module")
def remote(home: Path) -> Path:
    return bare_repository(home / "remote.git", {"hello.txt": "hello\n"})


def saved(folder: Path, payload: Any) -> str:
    file = folder / "task.json"
    file.write_text(json.dumps(payload))
    return str(file)


def wrong_in_four_ways(remote: Path) -> dict[str, Any]:
    payload = task(remote, "do: say hello", " ", publish="push")
    payload["task"]["instructions"] = " \n"
    payload["task"]["steps"][0]["runtime"] = {"mode": "claude"}
    return payload


def jobs(stack: Stack) -> list[str]:
    """Every job there is."""
    done = stack.pawl("jobs", "--json")
    assert done.returncode == 0
    return [job["jobId"] for job in json.loads(done.stdout)["jobs"]]


def submitted_by_grpcurl(stack: Stack, payload: Any) -> "subprocess.CompletedProcess[str]":
    """Errors come as JSON with their details."""
    request = json.dumps({"payload": payload})
    options = ["-plaintext", "-format-error", "-d", request]
    return subprocess.run(
        [BIN / "grpcurl", *options, stack.target, SUBMIT],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_the_same_request_id_is_one_job(stack: Stack, remote: Path, tmp_path: Path) -> None:
    file = saved(tmp_path, task(remote, "do: say hello"))
    arguments = ("submit", file, "--request-id", "once")

    first, second = stack.pawl(*arguments), stack.pawl(*arguments)
    answer = json.loads(stack.pawl(*arguments, "--json").stdout)

    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == second.stdout
    assert (answer["replayed"], answer["job"]["jobId"]) == (True, first.stdout.strip())
    assert jobs(stack).count(first.stdout.strip()) == 1
    assert stack.wait(first.stdout.strip())["state"] == "JOB_STATE_SUCCEEDED"


def test_the_same_request_id_with_another_payload_is_refused(
    stack: Stack, remote: Path, tmp_path: Path
) -> None:
    first = stack.pawl(
        "submit", saved(tmp_path, task(remote, "do: say one")), "--request-id", "used"
    )
    before = jobs(stack)

    second = stack.pawl(
        "submit", saved(tmp_path, task(remote, "do: say two")), "--request-id", "used"
    )

    assert first.returncode == 0
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr.startswith("pawl: REQUEST_ID_REUSED: ")
    assert jobs(stack) == before


def test_pawl_tells_all_four_violations_and_no_job_is_made(
    stack: Stack, remote: Path, tmp_path: Path
) -> None:
    before = jobs(stack)

    done = stack.pawl("submit", saved(tmp_path, wrong_in_four_ways(remote)))

    assert (done.returncode, done.stdout) == (2, "")
    first, *lines = done.stderr.splitlines()
    assert first.startswith("pawl: TASK_INVALID: ")
    assert {tuple(line.split("  ")[:2]) for line in lines} == BAD
    assert all(line.split("  ")[2].endswith(".") for line in lines)
    assert jobs(stack) == before


def test_grpcurl_is_told_all_four_violations_and_no_job_is_made(stack: Stack, remote: Path) -> None:
    before = jobs(stack)

    done = submitted_by_grpcurl(stack, wrong_in_four_ways(remote))

    assert done.returncode == 64 + 3  # INVALID_ARGUMENT
    refusal = json.loads(done.stderr)
    info, request = refusal["details"]
    assert (info["reason"], info["domain"]) == ("TASK_INVALID", "pawl")
    found = {(one["field"], one["reason"]) for one in request["field_violations"]}
    assert len(request["field_violations"]) == 4
    assert found == BAD
    assert jobs(stack) == before


def test_a_pull_request_waits_in_the_queue_for_gh_and_the_submit_says_so(
    stack: Stack, remote: Path, tmp_path: Path
) -> None:
    file = saved(tmp_path, task(remote, "do: write new.txt x", publish="pr"))

    done = stack.pawl("submit", file)
    answer = json.loads(stack.pawl("submit", file, "--json").stdout)

    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "warning" in line]
    assert "gh" in line.split()
    assert [one["reason"] for one in answer["warnings"]] == ["CAPABILITY_MISSING"]
    # A job that can run, and comes later, has run: this one was passed over.
    stack.wait(stack.submit(task(remote, "do: say hello")))
    assert stack.job(done.stdout.strip())["state"] == "JOB_STATE_QUEUED"


def test_a_runtime_whose_cli_is_missing_waits_in_the_queue_and_the_submit_says_so(
    stack: Stack, remote: Path, tmp_path: Path
) -> None:
    done = stack.pawl(
        "submit", saved(tmp_path, task(remote, "do: write new.txt x", runtime="claude"))
    )
    runners = stack.pawl("runners")

    assert done.returncode == 0
    assert "nobody offers claude" in done.stderr
    assert "no-such-claude" in runners.stdout
    assert stack.job(done.stdout.strip())["state"] == "JOB_STATE_QUEUED"


def test_a_repository_that_does_not_exist_fails_the_job_with_its_name(
    stack: Stack, home: Path
) -> None:
    job = stack.wait(stack.submit(task(home / "nowhere.git", "do: write new.txt x")))

    assert (job["state"], job["failure"]["reason"]) == (
        "JOB_STATE_FAILED",
        "REPO_NOT_FOUND",
    )
    assert "nowhere.git" in job["failure"]["message"]
    assert job["failure"]["remedy"]


def test_a_starting_branch_that_does_not_exist_fails_the_job_with_its_name(
    stack: Stack, remote: Path
) -> None:
    git_part = {"startingBranch": "no-such-branch"}
    job = stack.wait(stack.submit(task(remote, "do: write new.txt x", git=git_part)))

    assert (job["state"], job["failure"]["reason"]) == (
        "JOB_STATE_FAILED",
        "BRANCH_NOT_FOUND",
    )
    assert "no-such-branch" in job["failure"]["message"]
    assert job["failure"]["remedy"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("repository: [a\ntask: {}\n", ("not valid YAML", "line")),
        ("just words", ("holds no mapping",)),
        (None, ("cannot be read", "No such file")),
    ],
)
def test_a_file_that_is_no_payload_is_named_with_what_is_wrong(
    stack: Stack, tmp_path: Path, text: str | None, words: tuple[str, ...]
) -> None:
    file = tmp_path / "task.yaml"
    if text is not None:
        file.write_text(text)

    done = stack.pawl("submit", str(file))

    assert (done.returncode, done.stdout) == (2, "")
    assert str(file) in done.stderr
    assert all(word in done.stderr for word in words)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["show", "watch", "cancel", "artifacts"])
def test_an_unknown_job_is_refused_by_its_id(stack: Stack, command: str) -> None:
    job_id = "01890000-0000-7000-8000-000000000000"

    done = stack.pawl(command, job_id)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pawl: JOB_NOT_FOUND: ")
    assert job_id in done.stderr


@pytest.mark.parametrize("command", [("jobs",), ("submit", "FILE"), ("watch", "some-job")])
def test_a_target_where_nobody_listens_is_named(
    stack: Stack, remote: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = saved(tmp_path, task(remote, "do: say hello"))
    arguments = [file if word == "FILE" else word for word in command]

    done = stack.pawl(*arguments, "--target", "127.0.0.1:9")

    assert (done.returncode, done.stdout) == (4, "")
    assert "127.0.0.1:9" in done.stderr
