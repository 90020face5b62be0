"""A job that is asked to stop stops, leaves nothing behind, and says so."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.git_server import GitServer, git_server
from tests.support.processes import alive, naming
from tests.support.stack import Stack, bare_repository, git, running_stack, task, until

pytestmark = [pytest.mark.journey, pytest.mark.timeout(90)]

STOP_WITHIN = timedelta(seconds=20)
STARTED = "task.step.started"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cancelling")


@pytest.fixture(scope="module")
def stack(home: Path) -> Iterator[Stack]:
    with running_stack(home, PAWL_SLOTS="4") as running:
        yield running


@pytest.fixture(scope="module")
def remote(home: Path) -> Path:
    return bare_repository(home / "served" / "remote.git", {"hello.txt": "hello\n"})


@pytest.fixture
def server(remote: Path) -> Iterator[GitServer]:
    with git_server(remote.parent) as serving:
        yield serving


def types(stack: Stack, job_id: str) -> list[str]:
    events = stack.events(job_id)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    return [event["type"] for event in events]


def stopping(stack: Stack, job_id: str) -> timedelta:
    """How long the services took; how long `pawl` takes to start is no matter of theirs."""
    times = {
        event["type"]: datetime.fromisoformat(event["createTime"]) for event in stack.events(job_id)
    }
    return times["job.cancelled"] - times["job.cancel.requested"]


def recorded(stack: Stack, job_id: str) -> list[int]:
    """The keeper and the CLI of the first step's run, once they are there."""
    path = stack.data_dir / "runner" / "runs" / f"{job_id}.1.0" / "started.json"
    until(path.exists)
    started = json.loads(path.read_text())
    return [started["keeper"]["pid"], started["process"]["pid"]]


def branches(remote: Path) -> str:
    return git(remote, "branch", "--list", "--format=%(refname:short)")


def assert_cancelled_in_mid_step(stack: Stack, job_id: str, remote: Path) -> dict[str, Any]:
    """What every cancel of a running step leaves behind; gives the receipt."""
    job = stack.job(job_id)
    assert (job["state"], job["outcome"]) == ("JOB_STATE_CANCELLED", "JOB_OUTCOME_CANCELLED")
    assert job["steps"][0]["state"] == "STEP_STATE_CANCELLED"
    assert types(stack, job_id)[-4:] == [
        "job.cancel.requested",
        "task.step.cancelled",
        "task.stage.cancelled",
        "job.cancelled",
    ]
    assert branches(remote) == "main"
    # The services themselves have files of the job open until they have removed them.
    assert naming(job_id).keys() <= set(stack.pids().values())
    receipt: dict[str, Any] = json.loads(stack.artifact(job_id, "receipts/cancel.json"))
    assert receipt["survivors"] == []
    return receipt


def test_a_deaf_agent_and_what_it_has_forked_off_are_gone_within_twenty_seconds(
    stack: Stack, remote: Path, tmp_path: Path
) -> None:
    daemon = tmp_path / "daemon.pid"
    script = f"do: ignore-signals\ndo: fork-daemon {daemon}\ndo: write late.txt x\ndo: sleep 300"
    job_id = stack.submit(task(remote, script, "do: write never.txt x"))
    until(daemon.exists)
    keeper, agent = recorded(stack, job_id)
    pids = [keeper, agent, int(daemon.read_text())]
    assert all(map(alive, pids))

    done = stack.pawl("cancel", job_id, "--reason", "not needed", "--wait")

    assert (done.returncode, done.stdout) == (0, "cancelled\n")
    assert stopping(stack, job_id) < STOP_WITHIN
    assert [pid for pid in pids if alive(pid)] == []
    receipt = assert_cancelled_in_mid_step(stack, job_id, remote)
    assert receipt["reason"] == "not needed"
    sent = [(one["signal"], one["target"], one["pid"]) for one in receipt["signals"]]
    assert sent == [
        ("SIGINT", "group", agent),
        ("SIGTERM", "group", agent),
        ("SIGKILL", "group", agent),
        ("SIGKILL", "sweep", pids[2]),
    ]
    assert {one["pid"] for one in receipt["before"]} == set(pids[1:])
    assert b"late.txt" in stack.artifact(job_id, "patches/steps/step-0000.partial.patch")
    assert stack.job(job_id)["steps"][1]["state"] == "STEP_STATE_PENDING"


def test_the_real_codex_is_stopped_with_the_command_it_runs(tmp_path: Path) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    child = tmp_path / "child.pid"
    with running_stack(tmp_path, "codex", "real") as stack:
        job_id = stack.submit(task(remote, f"do: run echo $$ > {child}; sleep 300"))
        until(lambda: child.exists() and child.read_text(), seconds=60)
        pids = [*recorded(stack, job_id), int(child.read_text())]
        assert all(map(alive, pids))

        done = stack.pawl("cancel", job_id, "--wait")

        assert done.returncode == 0
        assert stopping(stack, job_id) < STOP_WITHIN
        assert [pid for pid in pids if alive(pid)] == []
        receipt = assert_cancelled_in_mid_step(stack, job_id, remote)
        assert receipt["signals"][0]["signal"] == "SIGINT"
        assert {pids[1], pids[2]} <= {one["pid"] for one in receipt["before"]}


def test_a_cancel_in_mid_fetch_ends_the_fetch(
    stack: Stack, remote: Path, server: GitServer
) -> None:
    url = f"{server.url}/{remote.name}"
    with server.holding("git-upload-pack") as waited_for:
        job_id = stack.submit(task(url, "do: write new.txt x"))
        assert waited_for.wait(60)

        stack.cancel(job_id)
        stack.wait(job_id, seconds=20)

        assert naming(url) == {}
    done = stack.pawl("cancel", job_id, "--wait")
    assert (done.returncode, done.stdout) == (0, "cancelled\n")
    assert types(stack, job_id)[-3:] == [
        "job.cancel.requested",
        "task.stage.cancelled",
        "job.cancelled",
    ]
    assert stack.job(job_id)["stage"] == "STAGE_PREPARE"


def test_a_queued_job_is_cancelled_at_once_and_never_claimed(stack: Stack, remote: Path) -> None:
    job_id = stack.submit(task(remote, "do: write new.txt x", publish="pr"))

    done = stack.pawl("cancel", job_id)

    assert (done.returncode, done.stdout, done.stderr) == (0, "cancelled\n", "")
    assert types(stack, job_id) == ["job.submitted", "job.cancel.requested", "job.cancelled"]


def test_asking_twice_is_asking_once_and_a_job_that_has_ended_says_so(
    stack: Stack, remote: Path
) -> None:
    job_id = stack.submit(task(remote, "do: sleep 300"))
    stack.wait_for_event(job_id, STARTED)

    answers = [stack.pawl("cancel", job_id, "--reason", reason) for reason in ("one", "two")]
    job = stack.wait(job_id)
    after = stack.pawl("cancel", job_id)

    assert [answer.returncode for answer in (*answers, after)] == [0, 0, 0]
    assert job["cancelRequested"]["reason"] == "one"
    assert types(stack, job_id).count("job.cancel.requested") == 1
    assert after.stdout == "cancelled\n"
    assert_cancelled_in_mid_step(stack, job_id, remote)


def test_a_job_that_has_succeeded_is_not_cancelled(stack: Stack, remote: Path) -> None:
    job_id = stack.submit(task(remote, "do: say nothing to do"))
    stack.wait(job_id)

    done = stack.pawl("cancel", job_id)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pawl: JOB_ENDED: ")
    assert stack.job(job_id)["state"] == "JOB_STATE_SUCCEEDED"


def test_once_the_push_is_on_its_way_it_is_too_late(
    stack: Stack, home: Path, server: GitServer
) -> None:
    remote = bare_repository(home / "served" / "pushed.git", {"hello.txt": "hello\n"})
    with server.holding("git-receive-pack") as waited_for:
        job_id = stack.submit(task(f"{server.url}/{remote.name}", "do: write new.txt x"))
        assert waited_for.wait(60)

        done = [stack.pawl("cancel", job_id) for _ in range(2)]

    assert [one.returncode for one in done] == [2, 2]
    assert all(one.stderr.startswith("pawl: TOO_LATE: ") for one in done)
    job = stack.wait(job_id)
    assert (job["state"], job["outcome"]) == ("JOB_STATE_SUCCEEDED", "JOB_OUTCOME_BRANCH")
    assert types(stack, job_id).count("job.cancel.tooLate") == 1
    assert job["workingBranch"] in branches(remote)
